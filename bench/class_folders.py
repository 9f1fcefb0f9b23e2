#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains on class folders of JPEG files of mixed sizes, in every way that must give the same weights.

    bench/class_folders.py                             5,000 pictures of CIFAR-10, two of them broken
    bench/class_folders.py --count 50000 --only-start  how long a warm start takes
    bench/class_folders.py --folder DIR                keeps the pictures there, for a second call

The pictures are those of CIFAR-10 (binary version, $CONVOY_DATA/cifar10), enlarged to sizes from 32 to 160 pixels, in
DIR/train/CLASS and DIR/test/CLASS. Needs Pillow 12 and NumPy: their decoding and resizing, in Convoy's order of the
pictures, is written as an .npz, too. `convoy new` writes the model. It is trained from the folders without a
cache, with an empty cache and with a full one, on 1 and 2 threads, on 1 and 3 ranks, and from the .npz; the script prints
the seconds of each, and fails where the weights differ. A warm start is a run over 64 images, less its training.
"""

import argparse
import hashlib
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

import convoy_runs

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
SIDE, RECORD, BROKEN = 32, 3073, 2


def pictures_of(part, count):
    """The first pictures of CIFAR-10: labels, [count][32][32][3]."""
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if part == "train" else ["test_batch.bin"]
    records = numpy.concatenate([numpy.fromfile(convoy_runs.data_folder("cifar10") / name, numpy.uint8) for name in names])
    records = records.reshape(-1, RECORD)[:count]
    return records[:, 0], records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)


def write_pictures(folder, part, count):
    random = numpy.random.default_rng(1 if part == "train" else 2)
    for name in NAMES:
        (folder / part / name).mkdir(parents=True)
    for i, (label, pixels) in enumerate(zip(*pictures_of(part, count))):
        size = tuple(int(x) for x in random.integers(SIDE, 161, 2))
        Image.fromarray(pixels).resize(size, Image.BICUBIC).save(folder / part / NAMES[label] / f"{i:05}.jpg", quality=90)
    if part == "train":
        for path in sorted((folder / part).rglob("*.jpg"))[100::count // BROKEN][:BROKEN]:
            path.write_bytes(path.read_bytes()[:-300])


def write_npz(folder, file):
    """The same pixels, decoded and resized by Pillow, in the order of src/data/pictures/listing.hpp."""
    arrays = {}
    for part in ("train", "test"):
        paths = [str(path.relative_to(folder)) for path in (folder / part).rglob("*.jpg")]
        paths.sort(key=lambda path: (hashlib.sha256(path.encode()).digest()[:8], path))
        images, labels = [], []
        for path in paths:
            try:
                picture = Image.open(folder / path).convert("RGB")
            except OSError:
                continue
            images.append(numpy.asarray(picture.resize((SIDE, SIDE), Image.BILINEAR)))
            labels.append(NAMES.index(path.split("/")[1]))
        arrays |= {f"{part}_images": numpy.stack(images), f"{part}_labels": numpy.array(labels, numpy.uint8)}
    numpy.savez(file, **arrays)


def train(args, work, data, cache, *layout):
    options = ["--data", data, "--epochs", args.epochs, "--seed", 1, *layout]
    if cache:
        options += ["--bad-images", "skip", "--cache", cache]
    return convoy_runs.train(args.program, work / "model.toml", *options)


def compare(args, work, folder):
    rows, digests, cache = [], set(), work / "cache"
    write_npz(folder, work / "same.npz")
    ways = [("no cache, 1 thread", folder, "none", ["--threads", 1]), ("no cache, 3 ranks", folder, "none", ["--ranks", 3]),
            ("empty cache, 3 ranks of 2 threads", folder, work / "other", ["--ranks", 3, "--threads", 2]),
            ("empty cache, 1 thread", folder, cache, ["--threads", 1]), ("full cache, 1 thread", folder, cache, ["--threads", 1]),
            ("full cache, 2 threads", folder, cache, ["--threads", 2]), ("full cache, 3 ranks", folder, cache, ["--ranks", 3]),
            (".npz of Pillow's pixels, 1 thread", work / "same.npz", None, ["--threads", 1]),
            (".npz of Pillow's pixels, 3 ranks", work / "same.npz", None, ["--ranks", 3])]
    for name, data, where, layout in ways:
        document = train(args, work, data, where, *layout)
        digests.add(document["weights_sha256"])
        rows.append([name, f"{document['process_seconds']:.2f}", f"{document['train_seconds']:.2f}",
                     f"{100 * document['epochs'][-1]['test_accuracy']:.2f} %", document["weights_sha256"][:16]])
    print(convoy_runs.table(["way", "seconds", "of which training", "test accuracy", "weights"], rows))
    if len(digests) != 1:
        sys.exit("the weights DIFFER")


START_NET = """
name = "start"
[input]
height = {0}
width = {0}
channels = {1}
[[layer]]
type = "dense"
units = 10
[loss]
type = "softmax_cross_entropy"
"""


def measure_start(args, work, folder):
    """Seconds from the start of a process to its end, less its training, with a net of one layer and 64 images; and
    of SHA-256 alone, which the start computes of the cache and of the training and test images."""
    cache = work / "cache"
    (work / "start.toml").write_text(START_NET.format(SIDE, 3))
    (work / "synthetic.toml").write_text(START_NET.format(28, 1))
    few = ["--limit", 64, "--epochs", 1, "--threads", 1]
    pictures = [work / "start.toml", "--data", folder, "--bad-images", "skip", "--cache", cache, *few]
    synthetic = [work / "synthetic.toml", "--data", "synthetic", *few]

    def seconds(way):
        document = convoy_runs.train(args.program, *way)
        return document["process_seconds"] - document["train_seconds"]

    first, starts, others, hashes = seconds(pictures), [], [], []
    for _ in range(args.rounds):
        starts.append(seconds(pictures))
        others.append(seconds(synthetic))
        begin = time.perf_counter()
        for path in cache.iterdir():
            hashlib.sha256(path.read_bytes())
        hashes.append(time.perf_counter() - begin)
    size = sum(path.stat().st_size for path in cache.iterdir())
    start, other, sha = (statistics.median(x) for x in (starts, others, hashes))
    print(convoy_runs.table(
        ["training pictures", "cache, MiB", "first start, s", "warm start, s", "start on synthetic data, s", "SHA-256 of the cache, s"],
        [[f"{args.count:,}", f"{size / 2**20:.1f}", f"{first:.2f}", f"{start:.3f}", f"{other:.3f}", f"{sha:.3f}"]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--only-start", action="store_true")
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as work:
        work = pathlib.Path(work)
        folder = args.folder or work / "pictures"
        if not folder.exists():
            write_pictures(folder, "train", args.count)
            write_pictures(folder, "test", max(args.count // 5, 1))
        model = subprocess.run([args.program, "new", "--data", folder, "--size", str(SIDE)], stdout=subprocess.PIPE, check=True)
        (work / "model.toml").write_bytes(model.stdout)
        if not args.only_start:
            compare(args, work, folder)
            shutil.rmtree(work / "cache")
        measure_start(args, work, folder)


if __name__ == "__main__":
    main()
