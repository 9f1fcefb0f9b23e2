#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden files of npz_test.cpp with NumPy (2.4.6; any version writes the same arrays).

    python3 tests/data/make_numpy_goldens.py       # rewrites tests/data/numpy_goldens.json

An .npz file stands there with what Convoy has to read from it: the shape, the pixels and the labels of
both parts, all bytes in hexadecimal. An .npy file stands there with one array.
"""
import io
import json
import pathlib
import zipfile

import numpy as np

RANDOM = np.random.default_rng(7)
TRAIN, TEST, CLASSES = 6, 4, 3


def pixels(count, shape):
    return RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(count):
    return (np.arange(count) * 2 % CLASSES).astype(np.uint8)


def saved(save, arrays, seekable=True):
    class Pipe(io.BytesIO):
        """A stream that cannot seek: sizes and CRC-32 then follow the content of each member."""

        def seekable(self):
            return False

        def tell(self):
            raise io.UnsupportedOperation

        def seek(self, *_):
            raise io.UnsupportedOperation

    stream = io.BytesIO() if seekable else Pipe()
    save(stream, **arrays)
    return stream.getvalue()


def golden(shape=(3, 5), save=np.savez, names="medmnist", image=lambda x: x, label=lambda y: y, more=None,
           seekable=True):
    train, test = pixels(TRAIN, shape), pixels(TEST, shape)
    keys = {
        "medmnist": ["train_images", "train_labels", "test_images", "test_labels"],
        "keras": ["x_train", "y_train", "x_test", "y_test"],
    }[names]
    values = [image(train), label(labels(TRAIN)), image(test), label(labels(TEST))]
    data = saved(save, (more or {}) | dict(zip(keys, values, strict=True)), seekable)
    return {
        "file": data.hex(),
        "shape": [*shape, 1][:3],
        "train": train.tobytes().hex(),
        "train_labels": labels(TRAIN).tolist(),
        "test": test.tobytes().hex(),
        "test_labels": labels(TEST).tolist(),
    }


def with_zip64(make):
    """Every member gets a zip64 entry in the central directory, which gets a zip64 end."""
    old = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 1, 1
    try:
        return make()
    finally:
        zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = old


def with_comment(stream, **arrays):
    np.savez(stream, **arrays)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.comment = b"made by hand, PK\5\6"


def with_version(version):
    def save(stream, **arrays):
        with zipfile.ZipFile(stream, "w") as archive:
            for name, array in arrays.items():
                with archive.open(name + ".npy", "w") as member:
                    np.lib.format.write_array(member, array, version=version)

    return save


def archives():
    column = {"label": lambda y: y[:, None]}
    validation = {"val_images": pixels(2, (3, 5)), "val_labels": labels(2)[:, None]}
    yield "stored", golden(**column, more=validation)
    yield "compressed", golden((4, 3, 3), np.savez_compressed, **column)
    yield "keras", golden(names="keras", save=np.savez_compressed)
    yield "fortran_order", golden((4, 5, 3), image=np.asfortranarray)
    yield "fortran_order_of_one_row", golden((1, 1), image=np.asfortranarray, label=lambda y: np.asfortranarray(y[:, None]))
    yield "float32", golden(image=np.float32, label=np.int64)
    yield "float64_big_endian", golden(image=lambda x: x.astype(">f8"), label=lambda y: y.astype(">i4"))
    yield "int64", golden((2, 2, 3), image=np.int64, label=np.float32)
    yield "uint16_fortran_order", golden((2, 3, 2), image=lambda x: np.asfortranarray(x.astype(">u2")))
    yield "version_2", golden(save=with_version((2, 0)))
    yield "version_3", golden(save=with_version((3, 0)))
    yield "zip64", with_zip64(lambda: golden(save=np.savez_compressed))
    yield "pipe", golden(save=np.savez_compressed, seekable=False)
    yield "comment", golden(save=with_comment)


def array(values):
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue().hex()


def floats():
    """Arrays of numbers that are no bytes throughout, and the floats in the order of the last index."""
    images = pixels(2, (3, 5))
    arrays = {
        "divided": images.astype(np.float32) / 255,
        "centred": images - 127.5,
        "big_endian_fortran_order": np.asfortranarray((images / 3).astype(">f4")),
        "one_is_above_255": np.where(images == images.max(), 256.0, images),
    }
    for name, values in arrays.items():
        yield {"name": name, "file": array(values), "floats": values.astype("<f4").tobytes().hex(), "is_dim": bool(values.max() <= 1)}


def refused():
    """Arrays that are no images, and a part of the message about each."""
    images = pixels(2, (3, 5))
    ragged = np.empty(2, dtype=object)
    yield "not_finite", array(np.full((1, 2, 2), np.nan)), "number 0 at byte 128 is nan"
    yield "infinite", array(np.array([[[0, 1, -np.inf]]], np.float32)), "number 2 at byte 136 is -inf"
    yield "beyond_single_precision", array(np.full((1, 1, 1), 1e39)), "number 0 at byte 128 is 1e+39"
    yield "negative", array(images.astype(np.int8) // 2 - 100), "from 0 to 255"
    yield "sixteen_bits", array(images.astype(np.uint16) * 257), "from 0 to 255"
    yield "objects", array(ragged), "Python objects"
    yield "records", array(np.zeros((2, 3, 5), dtype=[("r", "u1"), ("g", "u1")])), "records"
    yield "complex", array(images.astype(np.complex64)), "'<c8'"
    yield "booleans", array(images > 99), "'|b1'"
    yield "half", array(images.astype(np.float16)), "'<f2'"
    yield "texts", array(np.array(["a", "b"])), "'<U1'"
    yield "flat", array(images.reshape(2, 15)), "(2, 15)"
    yield "channels_first", array(pixels(2, (3, 8, 8))), "np.transpose(x, (0, 2, 3, 1))"
    yield "empty", array(np.zeros((0, 3, 5), np.uint8)), "holds nothing"
    yield "scalar", array(np.uint8(3)), "()"


def main():
    goldens = {
        "archives": dict(archives()),
        "floats": list(floats()),
        "refused": [{"name": name, "file": data, "says": words} for name, data, words in refused()],
    }
    text = json.dumps(goldens, indent=1)
    (pathlib.Path(__file__).parent / "numpy_goldens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
