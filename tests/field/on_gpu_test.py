#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests bench/on_gpu on fibers in place of a GPU, with tiny sizes.

    tests/field/on_gpu_test.py CONVOY-FIBERS CONVOY [TEST]...

Scripts with the same output stand for NVIDIA's tools and PyTorch."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIBERS, CONVOY = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
sys.path.insert(0, str(ROOT / "bench"))
import gpu_digests  # noqa: E402

SANITIZER = """#!/bin/sh
# compute-sanitizer --tool T --error-exitcode 9 --print-limit 5 PROGRAM ...
shift 6
"$@" >/dev/null || exit
echo "========= COMPUTE-SANITIZER"
echo "========= ERROR SUMMARY: ${FAKE_ERRORS:-0} errors"
[ "${FAKE_ERRORS:-0}" = 0 ] || exit 9
"""
NCU = '''#!/usr/bin/env python3
import sys
option = lambda name: sys.argv[sys.argv.index(name) + 1]
assert option("--clock-control") == "none"
metrics = option("--metrics").split(",")
row = lambda cells: print(",".join(f'"{cell}"' for cell in cells))
print("==PROF== Connected to process 1")
first = ["ID", "Process ID", "Kernel Name"]
row(first + metrics)
row([""] * 3 + ["ns"] + ["%"] * (len(metrics) - 1))
for i in range(int(option("--launch-count"))):
    row([i, 1, "kernel", f"{i + 1},000"] + ["12.5"] * (len(metrics) - 1))
'''
PYTORCH = """#!/usr/bin/env python3
import json, sys
if sys.argv[1] == "-c":
    sys.exit()
options = json.loads(sys.argv[2])
print(json.dumps({"torch": "0", "cuda": "", "cudnn": "", "gpu": ""}), flush=True)
for line in sys.stdin:
    print(json.dumps({"images_per_second": 1 if options["mode"] == "eager" else 2, "sgd": "plain"}), flush=True)
"""
# Reports a GPU, and runs FAKE_TRAIN on `train`.
PROGRAM = f"""#!/bin/sh
[ "$1" = train ] || exec {FIBERS} "$@"
eval "$FAKE_TRAIN"
"""


LONG_LIMITS = [word for part in ("digests", "whole nets", "layers", "PyTorch", "sanitizers", "ncu")
               for word in ("--limit", f"{part}=1000")]


class OnGpu(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="convoy-on-gpu-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out"
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.environment = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"}

    def tool(self, name, text):
        path = self.tools / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def command(self, program, *options):
        # The limits of bench/on_gpu are for a GPU. Fibers on a busy machine get more time, unless a
        # test gives its own limit.
        times = [] if {"--minutes", "--limit"} & {*map(str, options)} else ["--minutes", "60", *LONG_LIMITS]
        return [ROOT / "bench/on_gpu", "--tiny", "--program", program, "--out", self.out, *times, *options]

    def run_it(self, program, *options, **environment):
        self.done = subprocess.run(self.command(program, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={**self.environment, **environment})
        return self.done.returncode

    def rows(self, part=None):
        lines = (self.out / "results.jsonl").read_text().splitlines()
        return [row for row in map(json.loads, lines) if part in (None, row["part"])]

    def verdicts(self, part):
        return [row["verdict"] for row in self.rows(part)]

    def assert_table_is_last(self, text):
        lines = text.strip().splitlines()
        table = [line for line in lines if line.startswith("|")]
        self.assertEqual(lines[-len(table):], table, text)
        self.assertEqual(len(table), 2 + len(self.rows()))
        self.assertEqual("\n".join(table), (self.out / "table.md").read_text().strip())

    def test_every_part_gives_its_rows(self):
        self.tool("compute-sanitizer", SANITIZER)
        self.tool("ncu", NCU)
        python = self.tool("python-with-torch", PYTORCH)
        self.assertEqual(self.run_it(FIBERS, "--python", python), 0, self.done.stderr)
        self.assert_table_is_last(self.done.stdout)
        self.assertFalse([row for row in self.rows() if row["wrong"]])
        parts = list(dict.fromkeys(row["part"] for row in self.rows()))
        self.assertEqual(parts, ["build", "digests", "whole nets", "layers", "PyTorch", "sanitizers", "ncu"])
        ways = [row["what"] for row in self.rows("digests") if row["verdict"] == "the same"]
        # Nets that do not fit into the fibers' shared memory are skipped
        for model in gpu_digests.MODELS:
            self.assertLessEqual({f"{model}, stages", f"{model}, graph"}, set(ways))
        self.assertIn("tiny-relu, persistent", ways)
        self.assertEqual({row["verdict"] for row in self.rows("whole nets") if "updates by" in row["what"]},
                         {"the weights of the CPU"})
        layers = [row["what"].rpartition(": ")[2] for row in self.rows("layers")]
        self.assertEqual(layers, ["conv1", "subsample1", "dense1", "whole net, stages", "whole net, auto"])
        self.assertRegex(self.rows("PyTorch")[0]["verdict"], r"^[\d.]+ x eager, [\d.]+ x graph$")
        self.assertEqual(set(self.verdicts("sanitizers")), {"nothing found"})
        self.assertEqual(len(self.rows("sanitizers")), 12)
        longest = [row["what"] for row in self.rows("ncu")]  # the later the kernel, the longer it takes
        self.assertEqual(longest[0], "tiny-sigmoid, 1: conv1 weight gradient, 3 of 3")
        self.assertEqual(len(longest), 5 + 1)

    def test_efficiency_is_speedup_over_threads(self):
        self.assertEqual(self.run_it(FIBERS, "--only", "layers"), 0, self.done.stderr)
        for row in self.rows("layers"):
            numbers = [cell.replace(",", "").split() for cell in (row["measured"], row["beside"], row["verdict"])]
            speedup = float(numbers[1][0]) / float(numbers[0][0])
            self.assertAlmostEqual(float(numbers[2][0]) / speedup, 1, delta=0.01)
            if "efficiency" in row["verdict"]:
                self.assertAlmostEqual(float(numbers[2][3]) * float(numbers[0][2]) / speedup, 1, delta=0.01)

    def test_a_missing_tool_is_said_and_no_failure(self):
        (self.tools / "python3").symlink_to(sys.executable)
        self.environment["PATH"] = str(self.tools)  # no tool of NVIDIA's
        self.environment["CUDA_PATH"] = str(self.folder / "nowhere")
        python = self.tool("python-without-torch", "#!/bin/sh\necho 'No module named torch' >&2\nexit 1\n")
        self.assertEqual(self.run_it(FIBERS, "--only", "PyTorch,sanitizers,ncu", "--python", python), 0)
        self.assertEqual(self.verdicts("PyTorch"), ["skipped: no PyTorch: No module named torch"])
        self.assertEqual(self.verdicts("sanitizers"), ["skipped: no compute-sanitizer here"])
        self.assertEqual(self.verdicts("ncu"), ["skipped: no ncu here"])

    def test_a_part_that_hangs_costs_only_itself(self):
        self.tool("compute-sanitizer", SANITIZER)
        program = self.tool("convoy", PROGRAM)
        hangs = f'case "$*" in *--profile*) sleep 1000 ;; esac; exec {FIBERS} "$@"'
        code = self.run_it(program, "--only", "layers,sanitizers", "--limit", "layers=2", FAKE_TRAIN=hangs)
        self.assertEqual(code, 1)
        self.assert_table_is_last(self.done.stdout)
        self.assertEqual(self.verdicts("layers"), ["out of time"])
        self.assertEqual(set(self.verdicts("sanitizers")), {"nothing found"})

    def test_other_weights_are_wrong(self):
        program = self.tool("convoy", PROGRAM)
        other = """echo '{"weights_sha256": "0000000000000000000000000000000000000000"}'"""
        self.assertEqual(self.run_it(program, "--only", "digests", FAKE_TRAIN=other), 1)
        self.assertEqual(set(self.verdicts("digests")), {"OTHER WEIGHTS"})

    def test_a_command_that_fails_is_a_row_with_its_words(self):
        program = self.tool("convoy", PROGRAM)
        fails = "echo 'convoy: the device is gone' >&2; exit 69"
        self.assertEqual(self.run_it(program, "--only", "digests", FAKE_TRAIN=fails), 1)
        self.assertEqual(set(self.verdicts("digests")), {"FAILED: exit code 69: convoy: the device is gone"})
        self.assertEqual(len(self.rows("digests")), len(gpu_digests.MODELS) * len(gpu_digests.LAUNCHINGS))

    def test_what_a_sanitizer_finds_is_wrong(self):
        self.tool("compute-sanitizer", SANITIZER)
        program = self.tool("convoy", PROGRAM)
        self.assertEqual(self.run_it(program, "--only", "sanitizers", FAKE_TRAIN=":", FAKE_ERRORS="3"), 1)
        self.assertEqual(set(self.verdicts("sanitizers")), {"FOUND SOMETHING"})

    def test_a_signal_loses_nothing_that_was_measured(self):
        program = self.tool("convoy", PROGRAM)
        process = subprocess.Popen(self.command(program), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env={**self.environment, "FAKE_TRAIN": f"echo $$ >{self.folder}/pid; sleep 1000"})
        while not (self.folder / "pid").exists() or not (self.folder / "pid").read_text().endswith("\n"):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assert_table_is_last(out)
        self.assertEqual([row["part"] for row in self.rows()], ["build"])
        child = pathlib.Path("/proc", (self.folder / "pid").read_text().strip())
        while child.exists() and "State:\tZ" not in (child / "status").read_text():
            time.sleep(0.05)  # the process was killed; otherwise ctest's limit ends this loop

    def test_without_a_gpu_there_is_one_line_and_exit_code_69(self):
        self.assertEqual(self.run_it(CONVOY), 69)
        self.assertIn("has no device cuda", self.done.stderr)

    def test_results_are_not_overwritten(self):
        self.out.mkdir()
        (self.out / "results.jsonl").write_text("{}\n")
        self.assertEqual(self.run_it(FIBERS), 1)
        self.assertIn("choose another --out", self.done.stderr)
        self.assertEqual((self.out / "results.jsonl").read_text(), "{}\n")

    def test_the_recorded_digests_are_those_of_the_cpu(self):
        record = json.loads(gpu_digests.RECORD.read_text())
        self.assertEqual([{k: v for k, v in entry.items() if k != "weights_sha256"} for entry in record],
                         list(gpu_digests.to_record()))
        for entry in record:
            self.assertEqual(gpu_digests.on_cpu(CONVOY, entry), entry["weights_sha256"], entry["model"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "--verbose", *sys.argv[3:]])
