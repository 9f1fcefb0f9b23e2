# SPDX-License-Identifier: Apache-2.0
"""The base of bench/on_gpu: commands with a time limit, and results that are written as they
come."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import convoy_runs

HEADER = ["part", "what", "measured", "beside", "verdict"]


class OutOfTime(Exception):
    """The part has no time left; what it has reported stays."""


class Skipped(Exception):
    """The part cannot run here; the message says why."""


class StepFailed(Exception):
    """One step of a part failed; the message says how."""


class Results:
    """Rows of the table. Each row is in results.jsonl, on the disk, before the next measurement
    begins; table.md holds the table so far."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.rows, self.wrong = folder, [], 0
        self.file = open(folder / "results.jsonl", "x")

    def add(self, part, what, measured="", beside="", verdict="", *, wrong=False, document=None):
        row = dict(zip(HEADER, (part, what, measured, beside, verdict)))
        self.rows.append([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row.values()])
        self.wrong += wrong
        json.dump({**row, "wrong": wrong, "document": document}, self.file)
        self.file.write("\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        (self.folder / "table.md").write_text(self.table() + "\n")
        log(f"{part}: {what}: {measured} {beside} {verdict}")

    def table(self):
        return convoy_runs.table(HEADER, self.rows)


class Session:
    """Runs the parts one after the other, each within its limit and all within one. A part is a
    function of the session that calls step(); a failure of a step becomes a row of the table, and
    the next step follows."""

    def __init__(self, results, folder, seconds, environment):
        self.results, self.folder, self.environment = results, folder, environment
        self.end = time.monotonic() + seconds
        self.deadline = self.end
        self.part = ""
        self.log_file = open(results.folder / "log.txt", "a")

    def run_parts(self, parts):
        """`parts`: (name, seconds, function). A part gets at most its seconds; where the sum would
        exceed the limit, each gets its share of the remaining time."""
        for i, (name, seconds, function) in enumerate(parts):
            left = max(self.end - time.monotonic(), 0)
            share = left * seconds / max(sum(part[1] for part in parts[i:]), 1e-9)
            self.part, self.deadline = name, time.monotonic() + min(seconds, share)
            with self.noted("all"):
                function(self)

    @contextlib.contextmanager
    def noted(self, what):
        try:
            yield
        except OutOfTime:
            self.report(what, verdict="out of time", wrong=True)
        except Skipped as skipped:
            self.report(what, verdict=f"skipped: {skipped}")
        except StepFailed as failure:
            self.report(what, verdict=f"FAILED: {failure}", wrong=True)
        except Exception as error:  # the other steps' results must not be lost
            self.report(what, verdict=f"FAILED: {type(error).__name__}: {error}", wrong=True)

    def step(self, what, function, *arguments):
        with self.noted(what):
            if time.monotonic() >= self.deadline:
                raise OutOfTime
            function(*arguments)

    def report(self, what, *cells, **more):
        self.results.add(self.part, what, *cells, **more)

    def run(self, command):
        """The command's output and its exit code. At the time limit the command is ended with all
        processes that it started."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise OutOfTime
        words = [str(word) for word in command]
        self.note("$ " + " ".join(words))
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace", cwd=convoy_runs.ROOT,
                                   env=self.environment, start_new_session=True)
        try:
            out, errors = process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.note(process.communicate()[1].rstrip() + f"\n(ended after {left:.0f} s)")
            raise OutOfTime from None
        except BaseException:  # this script is ended
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.note(errors.rstrip())
        return subprocess.CompletedProcess(words, process.returncode, out, errors)

    def note(self, text):
        self.log_file.write(text + "\n")
        self.log_file.flush()

    def output_of(self, command):
        done = self.run(command)
        if done.returncode:
            raise StepFailed(f"exit code {done.returncode}: {last_line(done.stderr) or last_line(done.stdout)}")
        return done.stdout

    def document_of(self, command):
        return json.loads(self.output_of(command))


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def log(text):
    print(f"on_gpu: {' '.join(text.split())}", file=sys.stderr, flush=True)
