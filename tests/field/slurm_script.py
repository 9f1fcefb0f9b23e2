#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""slurm_script.py PROGRAM: examples/slurm/train.sbatch trains, stops at its signal with a
checkpoint, goes back into the queue, and then trains to the end. Scripts stand for srun (one task
of it) and scontrol; the data are few images."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from tiny_data import write_sets

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "examples/slurm/train.sbatch"
SRUN = """#!/bin/bash
[[ " $* " == *" --mpi="* ]] || { echo "srun: without --mpi ranks would not find each other" >&2; exit 2; }
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = '#!/bin/bash\necho "$*" >>requeued\n'


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="convoy-slurm-") as name:
        folder = pathlib.Path(name)
        (folder / "bin").mkdir()
        (folder / "bin/convoy").symlink_to(program)
        executable(folder / "bin/srun", SRUN)
        executable(folder / "bin/scontrol", SCONTROL)
        write_sets(folder / "data", train=128)
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "CONVOY_DATA": f"{folder}/data",
                       "SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_ID": "17"}
        for variable in ("CONVOY_RUN", "SLURM_RESTART_COUNT", "OMP_NUM_THREADS"):
            environment.pop(variable, None)
        log = folder / "log"

        def start():
            return subprocess.Popen(["bash", SCRIPT], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                    stdout=log.open("w"), stderr=subprocess.STDOUT)

        first = start()
        while first.poll() is None and "epoch 1/" not in log.read_text():
            time.sleep(0.005)
        assert first.poll() is None, log.read_text()
        first.send_signal(signal.SIGUSR1)
        assert first.wait() == 75, f"{first.returncode}: {log.read_text()}"
        assert (folder / "requeued").read_text() == "requeue 17\n"

        second = start()
        assert second.wait() == 0, log.read_text()
        assert "continuing in runs/vgg-small" in log.read_text(), log.read_text()
        assert "done: " in log.read_text(), log.read_text()
        assert (folder / "requeued").read_text() == "requeue 17\n", "a finished run goes into no queue"


if __name__ == "__main__":
    main()
