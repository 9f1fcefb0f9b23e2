#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/plots/reports.py draws all of its figures, from the program's measurements.

    tests/field/plots_test.py CONVOY

Ends with 77 (skipped) where matplotlib is missing."""

import pathlib
import re
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
NAMES = ["one-cores", "one-curves", "one-speedup", "two-layers", "two-net"]
# Texts that a picture must have beside its axes: the names of the report's curves and of these
# ones.
SAYS = {"one-cores": ["1 thread", "2 threads"], "one-curves": ["report, serial", "here, serial"],
        "one-speedup": ["ideal", "report: another computation"], "two-net": ["8 threads", "crash"],
        "two-layers": ["report (CUDA)", "here, 2 threads", "1.08", "0.00123"]}


def main():
    with tempfile.TemporaryDirectory(prefix="convoy-plots-test-") as folder:
        done = subprocess.run([sys.executable, ROOT / "examples/plots/reports.py", "--program", PROGRAM, "--data",
                               "synthetic", "--limit", "16", "--repeats", "1", "--epochs", "2", "--out", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(done.stderr)
            return done.returncode
        drawn = sorted(pathlib.Path(folder).iterdir())
        assert [path.name for path in drawn] == [f"{name}.svg" for name in NAMES], drawn
        for path in drawn:
            texts = {"".join(element.itertext()).strip() for element in ElementTree.parse(path).iter()
                     if element.tag.endswith("}text")}
            missing = [text for text in SAYS[path.stem] if text not in texts]
            assert not missing, f"{path.name} does not say {missing}: {texts}"
    rows = [line for line in done.stdout.splitlines() if re.match(r"\| (1 thread|8 threads|here, 2 threads) \|", line)]
    assert len(rows) == 2 + 1 + 4, done.stdout  # of either net; of 8 threads; of three layers and the net
    for row in rows:
        assert float(row.split("|")[3]) > 0, row  # a speedup
    assert "GPU" not in done.stdout, "there is none"
    return 0


if __name__ == "__main__":
    sys.exit(main())
