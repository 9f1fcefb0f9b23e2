# SPDX-License-Identifier: Apache-2.0
"""Makes data sets and pictures of a few images, in the formats of the real ones, for tests that run
documented commands."""

import gzip
import pathlib
import random
import struct
import zlib


def idx(*sizes, body):
    return struct.pack(f">{1 + len(sizes)}I", 0x800 + len(sizes), *sizes) + body


def write_idx_set(folder, train, test):
    folder.mkdir(parents=True)
    dice = random.Random(1)
    for kind, count in (("train", train), ("t10k", test)):
        images = idx(count, 28, 28, body=dice.randbytes(count * 28 * 28))
        labels = idx(count, body=bytes(i % 10 for i in range(count)))
        (folder / f"{kind}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images, 1))
        (folder / f"{kind}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels, 1))


def write_cifar_set(folder, count):
    folder.mkdir(parents=True)
    dice = random.Random(2)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        (folder / name).write_bytes(b"".join(bytes([i % 10]) + dice.randbytes(3072) for i in range(count)))


def write_sets(folder, train=64, test=32):
    """mnist, fashion-mnist and cifar10 where CONVOY_DATA=folder finds them."""
    folder = pathlib.Path(folder)
    for name in ("mnist", "fashion-mnist"):
        write_idx_set(folder / name, train, test)
    write_cifar_set(folder / "cifar10", max(test // 4, 1))


def pgm(size=28):
    return b"P5 %d %d 255\n" % (size, size) + bytes(i % 256 for i in range(size * size))


def png(size=28):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x + y) % 256 for x in range(size)) for y in range(size))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
