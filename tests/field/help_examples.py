#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""help_examples.py PROGRAM [LAUNCHER]: checks that every example of --help succeeds, in the order
of the help, on data sets of a few images; that every command has an example; and that the help of a
command names every option that a document gives to it. Without LAUNCHER, the mpirun of the
program's MPI library, examples of ranks are left out."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tiny_data import pgm, png, write_sets

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYOUT_OF_RANKS = re.compile(r"\b([2-9]|\d\d+)x\d")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


class Place:
    """A folder with all that the examples need: `convoy` and `mpirun` in PATH, data, pictures,
    studies."""

    def __init__(self, folder, program, launcher):
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin/convoy").symlink_to(program)
        if launcher:
            (folder / "bin/mpirun").symlink_to(launcher)
        (folder / "studies").symlink_to(ROOT / "studies")
        write_sets(folder / "data")
        pictures = {"shoe.png": png(), "shirt.pgm": pgm(), "scan.png": png(), "photos/1.png": png(), "photos/2.pgm": pgm()}
        pictures["shirt.jpg"] = pictures["shirt.pgm"]  # the first bytes say what it is
        pictures |= {f"pets/{name}/{i}.png": png() for name in ("cat", "dog") for i in range(20)}
        for name, picture in pictures.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(picture)
        images = "t10k-images-idx3-ubyte.gz"
        (folder / images).write_bytes((folder / "data/mnist" / images).read_bytes())
        self.variables = {
            **os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "CONVOY_DATA": f"{folder}/data",
            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
        self.variables.pop("OMP_NUM_THREADS", None)

    def run(self, command):
        return subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.variables, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def output_of(self, command):
        ended = self.run(command)
        assert ended.returncode == 0, f"{command}: {ended.returncode}\n{ended.stderr}"
        return ended.stdout


def commands_of(text):
    group = text.split("\nCommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+) ", group, re.MULTILINE)


def examples_of(text):
    """The indented lines after "Examples:"; text after three spaces is an explanation."""
    lines = text.split("Examples:\n")[1].splitlines() if "Examples:\n" in text else []
    return [re.split(r"\s{3,}", line.strip())[0] for line in lines if line.startswith("  ")]


def why_not(command, launcher, gpu):
    if "--device cuda" in command and not gpu:
        return "needs a GPU"
    if "srun " in command:
        return "needs Slurm"
    if "convoy fetch" in command:
        return "needs the network"
    of_ranks = "mpirun" in command or "--ranks" in command or "studies/" in command or LAYOUT_OF_RANKS.search(command)
    if of_ranks and not launcher:
        return "needs MPI"
    return ""


def small(command):
    """The same command with options that save time and need few cores."""
    if "convoy study" in command and "--repeats" not in command:
        command += " --repeats 1"
    if "convoy bench" in command and "--seconds" not in command:
        command += " --seconds 0.05"
    if "convoy train" in command and ("--ranks" in command or "--threads" in command or "mpirun" in command):
        command += " --oversubscribe"
    return command


def make_runs(place, command):
    """Run folders that an example reads."""
    for run in re.findall(r"runs/[\w-]+", command):
        reads = "--out " + run not in command
        if reads and not (place.folder / run).exists():
            place.output_of(f"convoy train tiny-relu --epochs 1 --threads 1 --quiet --out {run}")


def options_in_documents():
    """Command, option, where."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/slurm/train.sbatch"]:
        text = path.read_text().replace("\\\n", " ")
        for number, line in enumerate(text.splitlines(), 1):
            for command, rest in re.findall(r"convoy (train|eval|predict|info|fetch|bench|study|report)\b([^`|;)]*)", line):
                for option in OPTION.findall(rest.split(" #")[0]):
                    yield command, option, f"{path.name}:{number}"


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    launcher = sys.argv[2] if len(sys.argv) > 2 else ""
    failures = []
    with tempfile.TemporaryDirectory(prefix="convoy-help-") as name:
        place = Place(pathlib.Path(name), program, launcher)
        general = place.output_of("convoy --help")
        gpu = json.loads(place.output_of("convoy info --json"))["gpus"]
        helps = {command: place.output_of(f"convoy {command} --help") for command in commands_of(general)}
        assert set(helps) >= {"train", "eval", "predict", "info", "fetch", "bench", "study", "report"}, helps
        for command, text in [("--help", general), *helps.items()]:
            shutil.rmtree(place.folder / "runs", ignore_errors=True)  # of another command's examples
            examples = examples_of(text)
            if not examples:
                failures.append(f"'convoy {command}' gives no example")
            for example in examples:
                if reason := why_not(example, launcher, gpu):
                    print(f"left out ({reason}): {example}", flush=True)
                    continue
                make_runs(place, example)
                print(small(example), flush=True)
                ended = place.run(small(example))
                if ended.returncode:
                    failures.append(f"{small(example)}: exit code {ended.returncode}: {ended.stderr}")
        for command, option, where in options_in_documents():
            if option not in OPTION.findall(helps[command]):
                failures.append(f"{where}: 'convoy {command}' has no option {option}")
    print("\n".join(failures) or "all well")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
