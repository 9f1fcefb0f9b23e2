# SPDX-License-Identifier: Apache-2.0
"""Code that the measuring scripts of this folder share: data, one training run of Convoy, the FMA
peak."""

import gzip
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/convoy"
TEST_IMAGES = 16  # few, because no evaluation is measured
UNAVAILABLE = 69  # the exit code where the device does not exist


class Failed(SystemExit):
    """A command of Convoy that failed: the last line of its output, and its exit code."""

    def __init__(self, command, returncode, errors):
        super().__init__(f"{' '.join(map(str, command))} failed:\n{errors}")
        self.returncode = returncode
        self.message = (errors.strip().splitlines() or [""])[-1]


def log(text):
    print(f"{text}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)


def find_data(name):
    """Where `convoy info` finds the data set; None where it does not."""
    for folder in (os.environ.get("CONVOY_DATA"), "~/.local/share/convoy", "/usr/share/datasets"):
        path = pathlib.Path(folder or "").expanduser() / name
        if folder and path.exists():
            return path
    return None


def data_folder(name):
    """The folder of a data set; or `name` itself where it is a folder."""
    path = pathlib.Path(name) if os.path.isdir(name) else find_data(name)
    if not path:
        raise SystemExit(f"no data '{name}': set CONVOY_DATA or install dataset-fashion-mnist")
    return path


def read_idx(folder, stem):
    for name, opener in ((stem, open), (stem + ".gz", gzip.open)):
        path = pathlib.Path(folder) / name
        if path.exists():
            with opener(path, "rb") as file:
                return file.read()
    raise SystemExit(f"no {stem}[.gz] in {folder}")


def copy_data(name, samples, folder):
    """The first images of a data set as uncompressed files, which both programs read in this
    order."""
    source = data_folder(name)
    for part, count in (("train", samples), ("t10k", TEST_IMAGES)):
        images = read_idx(source, f"{part}-images-idx3-ubyte")
        labels = read_idx(source, f"{part}-labels-idx1-ubyte")
        _, there, rows, columns = struct.unpack(">4I", images[:16])
        count = min(count, there)
        write_idx(folder, part, images[16:16 + count * rows * columns], labels[8:8 + count], rows, columns)


def write_idx(folder, part, images, labels, rows=28, columns=28):
    """`images`: bytes, `labels`: bytes."""
    (folder / f"{part}-images-idx3-ubyte").write_bytes(
        struct.pack(">4I", 2051, len(labels), rows, columns) + images)
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, len(labels)) + labels)


def make_data(folder, images, test_images=TEST_IMAGES):
    """Images of 28 x 28 made of noise, in 10 classes. They have the same bytes on every machine and
    need no file."""
    folder.mkdir()
    for part, count in (("train", images), ("t10k", test_images)):
        pixels = hashlib.shake_128(part.encode()).digest(784 * count)
        write_idx(folder, part, pixels, bytes(i % 10 for i in range(count)))


def train(program, model, *options):
    """The JSON document of one `convoy train`, and process_seconds, from its start to its exit."""
    folder = tempfile.mkdtemp(prefix="convoy-bench-")
    try:
        command = [program, "train", model, "--checkpoint-every", "1000000steps", "--json", "--quiet",
                   "--out", os.path.join(folder, "run"), *map(str, options)]
        start = time.perf_counter()
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - start
        if result.returncode != 0:
            raise Failed(command, result.returncode, result.stderr)
        return {**json.loads(result.stdout), "process_seconds": seconds}
    finally:
        shutil.rmtree(folder)


def images_per_second(document):
    return document["samples"] * len(document["epochs"]) / document["train_seconds"]


def model_facts(program, model):
    result = subprocess.run([program, "info", model, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)["model"]


def require_gpu(program, info=None):
    """`convoy info`; ends the script, with one line, where the program has no GPU."""
    info = info or json.loads(subprocess.run([program, "info", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    if "cuda" not in info["devices"]:
        why = ("this machine has no GPU): run this where there is one" if info["cuda"] else
               "it was built without CUDA): cmake --preset cuda, then --program build/cuda/convoy")
        print(f"{program} has no device cuda ({why}", file=sys.stderr)
        sys.exit(UNAVAILABLE)
    return info


def fma_peak(program):
    """FLOP/s of one core, which `convoy bench` measures now; None in a version without that
    command."""
    command = [program, "bench", "tiny-relu", "--threads", "1", "--seconds", "0.5", "--json", "--quiet"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if result.returncode != 0:
        return None
    return next(limit["flops_per_second"] for limit in json.loads(result.stdout)["limits"]
                if limit["threads"] == 1)


def table(header, rows):
    """Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
