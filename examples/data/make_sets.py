#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small data set in every layout that 'convoy train --data' takes (docs/data.md), in the folder
that is named as argument, with the standard library alone. The images of a class are a bar at a
place of its own, among noise."""

import hashlib
import pathlib
import random
import struct
import sys
import zipfile

TRAIN, TEST = 60, 20


def image(label, side, channels, noise):
    """Bytes [row][column][channel]."""
    bar = range(1 + 2 * label % side, 3 + 2 * label % side)
    return bytes(max(noise.randrange(60), 200 if row in bar else 0)
                 for row in range(side) for _ in range(side) for _ in range(channels))


def images(count, classes, side=28, channels=1, seed=1):
    noise = random.Random(seed)
    return [(i % classes, image(i % classes, side, channels, noise)) for i in range(count)]


def idx(kind, *sizes):
    return struct.pack(f">{1 + len(sizes)}I", kind, *sizes)


def idx_set(folder, names, classes, label_of=lambda label: bytes([label]), kind=0x801, columns=()):
    """Images and labels for training and for the test; `names` in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in enumerate((TRAIN, TEST)):
        made = images(count, classes, seed=part)
        (folder / names[2 * part]).write_bytes(idx(0x803, count, 28, 28) + b"".join(pixels for _, pixels in made))
        (folder / names[2 * part + 1]).write_bytes(idx(kind, count, *columns) +
                                                   b"".join(label_of(label) for label, _ in made))


def mnist(root):
    idx_set(root / "digits", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                              "t10k-labels-idx1-ubyte"], 10)


def qmnist(root):
    idx_set(root / "qmnist", ["qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
                              "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"], 10,
            lambda label: struct.pack(">8i", label, *[0] * 7), 0xC02, (8,))


def emnist(root):
    parts = [f"emnist-digits-{part}-{kind}-ubyte" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")]
    idx_set(root / "emnist", parts, 10)


def planes(pixels):
    """[row][column][channel] as [channel][row][column]."""
    return b"".join(pixels[channel::3] for channel in range(3))


def cifar(root):
    for folder, classes, files, labels in (
            ("cifar10", 10, [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"], lambda c: [c]),
            ("cifar100", 100, ["train.bin", "test.bin"], lambda c: [c // 5, c])):
        (root / folder).mkdir()
        for seed, name in enumerate(files):
            (root / folder / name).write_bytes(b"".join(
                bytes(labels(label)) + planes(pixels) for label, pixels in images(max(classes, 20), classes, 32, 3, seed)))


def npy(content, *shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def arrays(made, part):
    return {f"{part}_images.npy": npy(b"".join(pixels for _, pixels in made), len(made), 28, 28),
            f"{part}_labels.npy": npy(bytes(label for label, _ in made), len(made))}


def npz(path, *parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            for name, content in part.items():
                archive.writestr(name, content)


def numpy(root):
    train, test = arrays(images(TRAIN, 4), "train"), arrays(images(TEST, 4, seed=2), "test")
    (root / "arrays").mkdir()
    for name, content in (train | test).items():
        (root / "arrays" / name).write_bytes(content)
    npz(root / "mine.npz", train, test, arrays(images(TEST, 4, seed=3), "val"))


def pgm(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P5 28 28 255\n" + pixels)


CLASSES = ("cat", "dog", "owl")


def class_folders(root):
    """pets/ with train and test, the same images as pets.npz, and birds/ with no parts."""
    by_path = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        for i, (label, pixels) in enumerate(images(count, 3, seed=count)):
            by_path[f"{part}/{CLASSES[label]}/{i}.pgm"] = label, pixels
    for path, (_, pixels) in by_path.items():
        pgm(root / "pets" / path, pixels)
    paths = sorted(by_path, key=lambda path: (hashlib.sha256(path.encode()).digest()[:8], path.encode()))
    npz(root / "pets.npz", *(arrays([by_path[path] for path in paths if path.startswith(part)], part)
                             for part in ("train", "test")))
    for i, (label, pixels) in enumerate(images(TRAIN, 3)):
        pgm(root / "flowers" / ("rose", "tulip", "daisy")[label] / f"{i}.pgm", pixels)


def lists(root):
    lines = ["path,label,split"]
    for i, (label, pixels) in enumerate(images(TRAIN + TEST, 3)):
        pgm(root / "birds" / "images" / f"{i}.pgm", pixels)
        lines.append(f"images/{i}.pgm,{('rook', 'wren', 'owl')[label]},{'train' if i < TRAIN else 'test'}")
    (root / "birds" / "birds.csv").write_text("\n".join(lines) + "\n")
    for part in ("train", "test"):
        rows = [line.removesuffix(f",{part}") for line in lines if line.endswith(f",{part}")]
        (root / "birds" / f"{part}.csv").write_text("path,label\n" + "\n".join(rows) + "\n")


def photos(root):
    """Pictures without labels; and class folders in which a picture is cut off."""
    for name, (_, pixels) in zip(("1.pgm", "scans/2.pgm"), images(2, 3)):
        pgm(root / "photos" / name, pixels)
    (root / "photos" / "notes.txt").write_text("not a picture\n")
    for label in ("cat", "dog"):
        for i, (_, pixels) in enumerate(images(TEST, 2)):
            pgm(root / "damaged" / label / f"{i}.pgm", pixels)
    pgm(root / "damaged" / "dog" / "short.pgm", b"")


def main():
    if len(sys.argv) != 2:
        sys.exit(f"{__doc__}\nusage: {sys.argv[0]} FOLDER")
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True)
    for make in (mnist, qmnist, emnist, cifar, numpy, class_folders, lists, photos):
        make(root)


if __name__ == "__main__":
    main()
