#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests how launchers handle signals and ranks that die, with the real program:

    tests/launchers/behaviour.py PROGRAM LAUNCHER [--library open-mpi|mpich|intel]

Jobs of one, two and three ranks train the same weights, by the bare launcher and by convoy train
--ranks. Then jobs of two ranks are sent signals, lose a rank, or have one that is stopped: each
ends with the exit code of the table in docs/clusters.md, leaves a checkpoint that eval reads, and
leaves no process. The script tries everything, and exits with 1 where something failed."""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 120  # seconds, for operations that take a few
TAG = "CONVOY_LAUNCHER_TEST"

# For each job: the event, and the exit codes with which it may end. The launchers' codes were
# measured; docs/clusters.md has them as a table.
SUPERVISED = {"TERM": {75}, "USR1": {75}, "INT": {75}, "rank KILL": {77}, "rank STOP": {77}}
BARE = {
    "open-mpi": {"TERM": {1, 75}, "USR1": {75}, "INT": {1, 75}, "rank KILL": {137}, "rank STOP": {77}},
    "mpich": {"TERM": {75}, "USR1": {75}, "INT": {75}, "rank KILL": {9}, "rank STOP": {77}},
    # Intel's mpirun is a script that passes no signal on, so no signal is sent to it alone.
    "intel": {"INT": {75, 130, 255}, "rank KILL": {9, 255}, "rank STOP": {77, 255}},
}
OPTIONS = {
    "open-mpi": ["--bind-to", "none", "--oversubscribe"],
    "mpich": ["-bind-to", "none"],
    "intel": [],
}
TRAIN = ["train", "--data", "synthetic", "--limit", "257", "--threads", "1"]

faults = []


def check(right, text):
    if not right:
        faults.append(text)
    print("well:  " if right else "FAULT: ", text, flush=True)


def environment(tag):
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", **{TAG: tag})


def processes(tag):
    """(process, environment) of all processes that have the tag in their environment and have not
    ended."""
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            ended = (folder / "stat").read_text().rpartition(") ")[2].startswith("Z")
        except OSError:
            continue
        if f"{TAG}={tag}".encode() in variables and not ended:
            yield int(folder.name), variables


def process_of_rank(rank, tag, program):
    names = [f"{name}={rank}".encode() for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK")]
    for process, variables in processes(tag):
        try:
            own = os.path.realpath(f"/proc/{process}/exe") == os.path.realpath(program)
        except OSError:
            continue
        if own and any(name in variables for name in names):
            return process
    return None


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Job:
    """Starts a training of many epochs in a session of its own, and waits until one epoch is
    done."""

    def __init__(self, command, folder):
        self.folder = folder
        self.tag = str(folder)
        self.log = open(folder / "log", "wb")
        words = ["--epochs", "1000000", "--stall-timeout", "5", "--out", "run"]
        self.process = subprocess.Popen(command + words, cwd=folder, env=environment(self.tag), start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def begun(self):
        metrics = self.folder / "run/metrics.jsonl"
        return wait_until(lambda: self.process.poll() is not None or (metrics.exists() and metrics.stat().st_size > 0))

    def code(self):
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def clean_up(self):
        """True if no process remains."""
        left = not wait_until(lambda: not any(processes(self.tag)))
        for process, _ in list(processes(self.tag)):
            os.kill(process, signal.SIGKILL)
        self.log.close()
        return not left


def happen(event, job, program):
    number = getattr(signal, "SIG" + event.split()[-1])
    if event.startswith("rank"):
        rank = process_of_rank(1, job.tag, program)
        assert rank is not None, (job.folder / "log").read_text()
        os.kill(rank, number)
    elif event == "INT":
        os.killpg(job.process.pid, number)  # as a terminal does at Ctrl-C
    else:
        os.kill(job.process.pid, number)


def try_event(title, command, event, codes, program):
    with tempfile.TemporaryDirectory(prefix="convoy-launchers-") as name:
        folder = pathlib.Path(name)
        job = Job(command, folder)
        begun = job.begun() and job.process.poll() is None
        code = None
        if begun:
            happen(event, job, program)
            code = job.code()
        nothing_left = job.clean_up()
        log = (folder / "log").read_text(errors="replace")
        told = "" if code in codes else f"\n{log}"
        check(begun and code in codes, f"{title}, {event}: exit code {code}, of {sorted(codes)}{told}")
        check(nothing_left, f"{title}, {event}: no process is left")
        read = subprocess.run([program, "eval", "run", "--json"], cwd=folder, capture_output=True, check=False)
        check(read.returncode == 0, f"{title}, {event}: the checkpoint is good")


def digest(command):
    """(digest of the weights, number of ranks), or (what went wrong, 0)."""
    with tempfile.TemporaryDirectory(prefix="convoy-launchers-") as name:
        words = command + ["--epochs", "2", "--out", "run", "--json", "--quiet"]
        ended = subprocess.run(words, cwd=name, env=environment(name), capture_output=True, timeout=PATIENCE, check=False)
        for line in ended.stdout.decode(errors="replace").splitlines():
            if line.startswith("{"):
                document = json.loads(line)
                return document["weights_sha256"], document["ranks"]
        return f"exit code {ended.returncode}: {ended.stderr.decode(errors='replace')}", 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("launcher")
    parser.add_argument("--library", choices=sorted(OPTIONS), default="open-mpi")
    arguments = parser.parse_args()
    program = os.path.realpath(arguments.program)
    train = [program] + TRAIN

    def bare(ranks):
        return [arguments.launcher] + OPTIONS[arguments.library] + ["-np", str(ranks)] + train

    def supervised(ranks):
        return train + ["--ranks", str(ranks), "--oversubscribe"]

    serial, _ = digest(train)
    for ranks in 1, 2, 3:
        found = digest(bare(ranks))
        check(found == (serial, ranks), f"bare, {ranks} ranks: {found[0]}")
    for ranks in 2, 3:
        found = digest(supervised(ranks))
        check(found == (serial, ranks), f"convoy train --ranks {ranks}: {found[0]}")

    for event, codes in SUPERVISED.items():
        try_event("convoy train --ranks 2", supervised(2), event, codes, program)
    for event, codes in BARE[arguments.library].items():
        try_event("bare, 2 ranks", bare(2), event, codes, program)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
