#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py FOLDER makes the inputs with which fuzzing begins. Each target has its own folder
in FOLDER. The target must accept files whose names begin with good-; the others are almost right.
TARGET.dict beside the folders lists words that the target knows."""

import gzip
import hashlib
import io
import json
import pathlib
import random
import struct
import sys
import tarfile
import zipfile
import zlib

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
RANDOM = random.Random(1)


def noise(size):
    return bytes(RANDOM.randrange(256) for _ in range(size))


def packed(data):
    return gzip.compress(data, 9, mtime=0)


def png(height, width, kind, depth, interlaced=0):
    """kind: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha; opaque."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = b"\0" + b"\xff" * ((width * channels * depth + 7) // 8)
    if kind == 3:
        row = bytes(len(row))
    # Interlaced pictures have more rows than lines, so more rows follow, all with the same filter.
    rows = row * height if not interlaced else (b"\0" + b"\xff" * 16) * 16
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(48))) if kind == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def idx(magic, sizes, body):
    return struct.pack(">I", magic) + b"".join(struct.pack(">I", size) for size in sizes) + body


def images():
    pixels = 3 * 5
    yield "good-grey.png", png(3, 5, 0, 8)
    yield "good-rgb.png", png(3, 5, 2, 8)
    yield "good-rgba.png", png(3, 5, 6, 8)
    yield "good-grey-alpha-16.png", png(3, 5, 4, 16)
    yield "good-bits.png", png(3, 5, 0, 1)
    yield "good-palette.png", png(3, 5, 3, 4)
    yield "interlaced.png", png(3, 5, 2, 8, 1)
    yield "large.png", png(30000, 30000, 0, 1)[:200]
    yield "good-plain.pgm", b"P2\n# comment\n5 3\n9\n" + b"1 2 3 4 5\n" * 3
    yield "good-plain.ppm", b"P3 5 3 255 " + b"255 " * (3 * pixels)
    yield "good-binary.pgm", b"P5\n5 3\n255\n" + noise(pixels)
    yield "good-16.pgm", b"P5 5 3 65535\n" + noise(2 * pixels)
    yield "good-binary.ppm", b"P6\n5 3\n255\n" + noise(3 * pixels)
    yield "large.pgm", b"P5\n99999999 99999999\n255\n"
    yield "good-grey.idx", idx(0x803, [2, 3, 5], noise(2 * pixels))
    yield "good-rgb.idx", idx(0x804, [2, 3, 5, 3], noise(6 * pixels))
    yield "good-packed.idx", packed(idx(0x803, [2, 3, 5], noise(2 * pixels)))
    yield "large.idx", idx(0x803, [0xFFFFFFFF, 3, 5], noise(pixels))
    array = npy("|u1", (2, 4, 6), noise(48))
    yield "good.npy", array
    yield "good-test.npz", npz(zipfile.ZIP_DEFLATED, {"test_images": array, "other": array})
    yield "good-only.npz", npz(zipfile.ZIP_STORED, {"a": array, "labels": npy("|u1", (2,), bytes(2))})
    yield "two.npz", npz(zipfile.ZIP_STORED, {"a": array, "b": array})
    yield "good-cifar10.bin", b"".join(bytes([label]) + noise(3072) for label in (0, 9))
    yield "good-cifar100.bin", b"".join(bytes([19, label]) + noise(3072) for label in (0, 99))


def picture_caches():
    """Three listed pictures of 2 x 2 x 1, of which the last ones are bad."""

    def cache(bad, message=b"cannot use it", version=1):
        images = 3 - bad
        body = noise(4 * images)
        for i in range(images, 3):
            body += struct.pack("<QQ", i, len(message)) + message
        head = b"convoy.pictures\0" + struct.pack("<8Q", version, 4096 + len(body), 2, 2, 1, 3, images, bad)
        head += b"a" * 64
        digest = hashlib.sha256(body + head).hexdigest().encode()
        return (head + digest).ljust(4096, b"\0") + body

    yield "good-all", cache(0)
    yield "good-bad", cache(2)
    yield "good-none", cache(3)
    yield "version", cache(1, version=2)
    yield "long", cache(1, b"x" * 9000)
    yield "cut", cache(1)[:-3]
    yield "header", cache(0)[:4096]


def pictures():
    goldens = json.loads((TOP / "tests/data/picture_goldens.json").read_text())
    for kind, prefix in (("files", "good-"), ("refused", "")):
        for golden in goldens[kind]:
            yield prefix + golden["name"].replace(" ", "-").replace(",", ""), bytes.fromhex(golden["file"])
    yield "good-plain.pgm", b"P2\n# comment\n5 3\n9\n" + b"1 2 3 4 5\n" * 3
    yield "good-16.ppm", b"P6 5 3 65535\n" + noise(2 * 3 * 5 * 3)
    yield "large.pgm", b"P5\n99999999 99999999\n255\n"


def picture_lists():
    yield "good-comma", b"a.png,cat\nsub/b.png,dog\n"
    yield "good-header", b"\xef\xbb\xbfpath;label;split\r\na.png;0;train\r\n\r\nb.png;12;val"
    yield "good-tabs", b"id\tclass\tfilename\n1\tthe cat\ta b.png\n"
    yield "good-quotes", b'"a,\n""b"".png", "cat"\nc.png,dog\n'
    yield "good-parts", b"a,x,training\nb,y,TEST\nc,x,validation\n"
    yield "fields", b"a,x\nb\n"
    yield "open-quote", b'a,"x\n'
    yield "no-label", b"path,size\na,1\n"
    yield "utf-16", "a,x\n".encode("utf-16")


def idx_files():
    yield "good-images", idx(0x803, [3, 2, 4], noise(24))
    yield "good-labels", idx(0x801, [10], bytes(range(10)))
    yield "good-short-labels", idx(0xB01, [3], struct.pack(">3h", 0, 300, 32767))
    yield "good-int-labels.gz", packed(idx(0xC01, [3], struct.pack(">3i", 0, 300, 65535)))
    yield "negative-label", idx(0xC01, [2], struct.pack(">2i", 0, -1))
    yield "good-images.gz", packed(idx(0x803, [3, 2, 4], noise(24)))
    yield "good-members.gz", packed(idx(0x801, [10], b"")) + packed(bytes(10))
    yield "large", idx(0x803, [0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF], noise(24))
    yield "large.gz", packed(idx(0x801, [0x7FFFFFFF], noise(24)))
    yield "zeros.gz", packed(idx(0x801, [3_000_000], bytes(2_000_000)))
    yield "trailing", idx(0x801, [10], bytes(11))
    yield "good-channels", idx(0x804, [2, 3, 4, 3], noise(72))
    yield "good-extended", idx(0xC02, [2, 8], struct.pack(">16i", *range(16)))
    yield "columns", idx(0xC02, [8, 2], struct.pack(">16i", *range(16)))
    yield "xz", b"\xfd7zXZ\0" + noise(10)


def emnist():
    yield "good-images", idx(0x803, [3, 2, 4], noise(24))
    # The fuzz target knows no header that is packed, and gives one label.
    yield "good-channels.gz", packed(idx(0x804, [1, 2, 4, 3], noise(24)))
    yield "large", idx(0x803, [0xFFFFFFFF, 1, 1], noise(24))
    yield "trailing", idx(0x803, [3, 2, 4], noise(25))


def cifar():
    record = bytes([3]) + noise(3072)
    yield "good-one", record
    yield "good-two.gz", packed(record + bytes([9]) + bytes(3072))
    yield "good-zeros.gz", packed(bytes(3073 * 40))
    yield "label", bytes([10]) + bytes(3072)
    yield "part.gz", packed(record[:-1])


def cifar100():
    record = bytes([3, 44]) + noise(3072)
    yield "good-one", record
    yield "good-two.gz", packed(record + bytes([19, 99]) + bytes(3072))
    yield "fine", bytes([19, 100]) + bytes(3072)
    yield "coarse", bytes([20, 0]) + bytes(3072)
    yield "part", record[:-1]


def npy(kind, shape, numbers, order=False, version=1):
    """An array in NumPy's format; the target needs no NumPy."""
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
    begin = b"\x93NUMPY" + bytes([version, 0])
    text += " " * (-(len(begin) + 5 + len(text)) % 64) + "\n"
    return begin + struct.pack("<H" if version == 1 else "<I", len(text)) + text.encode() + numbers


def npy_files():
    yield "good-images", npy("|u1", (2, 3, 4), noise(24))
    yield "good-colours", npy("|u1", (2, 3, 4, 3), noise(72), True)
    yield "good-floats", npy("<f4", (1, 2, 2), struct.pack("<4f", 0, 1, 2, 255), version=2)
    yield "good-big-endian", npy(">f8", (1, 1, 2), struct.pack(">2d", 3, 255), version=3)
    yield "good-labels", npy("|u1", (5,), bytes(range(5)))
    yield "good-column", npy("<i8", (3, 1), struct.pack("<3q", 0, 300, 65535))
    yield "good-packed.gz", packed(npy("<u2", (3, 2, 2), struct.pack("<12H", *range(12)), True))
    yield "not-finite", npy("<f4", (1, 1, 2), struct.pack("<2f", 0.5, float("inf")))
    yield "good-fraction", npy("<f4", (1, 1, 2), struct.pack("<2f", 0.5, 2))
    yield "negative", npy("<i2", (2,), struct.pack("<2h", 0, -1))
    yield "large", npy("<f8", (1 << 62, 1 << 62, 4), noise(24))
    yield "objects", npy("|O", (2,), noise(24))


def npz(method, arrays, limit=zipfile.ZIP64_LIMIT):
    """`limit` 0: every size and offset stands in a zip64 part."""
    old, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, limit
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content, method)
    zipfile.ZIP64_LIMIT = old
    return stream.getvalue()


def npz_files():
    parts = {
        "train_images": npy("|u1", (2, 3, 4), noise(24)), "train_labels": npy("|u1", (2, 1), bytes([0, 1])),
        "test_images": npy("|u1", (1, 3, 4), noise(12)), "test_labels": npy("<i8", (1,), bytes(8)),
    }
    keras = dict(zip(("x_train", "y_train", "x_test", "y_test"), parts.values()))
    yield "good-stored", npz(zipfile.ZIP_STORED, parts)
    yield "good-deflated", npz(zipfile.ZIP_DEFLATED, parts | {"val_images": parts["test_images"], "val_labels": parts["test_labels"]})
    yield "no-validation-labels", npz(zipfile.ZIP_STORED, parts | {"val_images": parts["test_images"]})
    yield "good-keras", npz(zipfile.ZIP_DEFLATED, keras)
    yield "good-zip64", npz(zipfile.ZIP_STORED, parts, 0)
    yield "bzip2", npz(zipfile.ZIP_BZIP2, parts)
    yield "other", npz(zipfile.ZIP_STORED, {"arr_0": parts["train_images"]})
    yield "zeros", npz(zipfile.ZIP_DEFLATED, parts | {"test_images": npy("|u1", (1, 3, 4), bytes(1_000_000))})
    yield "cut", npz(zipfile.ZIP_STORED, parts)[:-1]


def safetensors(header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end):
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


def safetensors_files():
    yield "good-empty", safetensors({}, b"")
    yield "good-two", safetensors(
        {"__metadata__": {"a": "b"}, "x": tensor([2, 3], 0, 24), "y": tensor([], 24, 28)}, noise(28))
    yield "good-none", safetensors({"x": tensor([0, 5], 0, 0)}, b"")
    yield "gap", safetensors({"x": tensor([1], 4, 8)}, noise(8))
    yield "large", safetensors({"x": tensor([1 << 40, 1 << 40], 0, 8)}, noise(8))
    yield "long-header", struct.pack("<Q", 90_000_000) + b"{}" + bytes(20)
    yield "deep", struct.pack("<Q", 4000) + b"[" * 4000


TINY = """name = "tiny"

[input]
height = 3
width = 3
channels = 1

[[layer]]
type = "conv2d"
name = "c"
filters = 2
kernel = 2
activation = "relu"

[[layer]]
type = "max_pool2d"
name = "p"
size = 2

[[layer]]
type = "dense"
name = "d"
units = 2

[loss]
type = "softmax_cross_entropy"

[train]
batch = 4
grain = 2
epochs = 2
seed = 1

[optimizer]
learning_rate = 0.1
momentum = 0.5
"""
TINY_TENSORS = {"c.weight": [2, 2, 1, 2], "c.bias": [2], "d.weight": [2, 2], "d.bias": [2]}
GROUPS = """
[[optimizer.group]]
match = "c.*"
learning_rate_factor = 0.5
frozen = true

[[optimizer.group]]
match = "*.bias"
weight_decay = 0
"""


EMA = """
[average]
type = "ema"
decay = 0.9
warmup = true
evaluate = "average"
"""
LOOKAHEAD = """
[average]
type = "lookahead"
steps = 2
factor = 0.25
evaluate = "trained"
"""
POOL = """[[layer]]
type = "max_pool2d"
"""
BATCH_NORM = TINY.replace(POOL, """[[layer]]
type = "batch_norm2d"
name = "n"
momentum = 0.2
epsilon = 1e-4
group = 2

""" + POOL)
DROPOUT = TINY.replace(POOL, """[[layer]]
type = "dropout"
name = "o"
rate = 0.25

""" + POOL)


def tiny_with(optimizer):
    """TINY with other settings in [optimizer] behind its learning rate."""
    return TINY.replace("momentum = 0.5\n", optimizer + "\n")


def with_slots(*slots, net=None):
    """The tensors of TINY or another net, and those of an optimizer's slots; buffers have none."""
    net = net or TINY_TENSORS
    parameters = {name: shape for name, shape in net.items() if ".running_" not in name}
    return net | {f"optimizer.{slot}.{name}": shape for slot in slots for name, shape in parameters.items()}


def with_average(*slots):
    """The tensors of TINY, those of an optimizer's slots, and the average."""
    return with_slots(*slots) | {f"average.{name}": shape for name, shape in TINY_TENSORS.items()}


def with_batch_norm():
    """The tensors of BATCH_NORM in file order: each layer has its buffers after its parameters."""
    names = list(TINY_TENSORS.items())
    norm = {f"n.{name}": [2] for name in ("weight", "bias", "running_mean", "running_var")}
    return dict(names[:2]) | norm | dict(names[2:])


def checkpoint(text, tensors, **changed):
    """A checkpoint whose digests the target corrects."""
    header, data = {}, b""
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = tensor(shape, len(data), len(data) + size)
        data += struct.pack(f"<{size // 4}f", *(RANDOM.uniform(-1, 1) for _ in range(size // 4)))
    metadata = {
        "schema": "convoy.checkpoint/2", "version": "0", "order_version": "1", "model": text,
        "arithmetic": "fp32", "class_names": '["one","two"]', "normalization": "{}", "seed": "1", "epoch": "2",
        "epoch_step": "1", "step": "5", "epoch_loss": "0x1.8p+0", "epoch_correct": "3",
        "epoch_samples": "4", "epoch_seconds": "0.25", "data_sha256": "00",
    }
    return safetensors({"__metadata__": metadata | changed, **header}, data)


def checkpoints():
    plain = tiny_with("momentum = 0.0")
    adam = tiny_with('type = "adam"')
    centered = tiny_with('type = "rmsprop"\ncentered = true\nmomentum = 0.5')
    yield "good-momentum", checkpoint(TINY, with_slots("momentum_buffer"))
    yield "good-groups", checkpoint(TINY + GROUPS, with_slots("momentum_buffer"))
    yield "good-adam", checkpoint(adam, with_slots("exp_avg", "exp_avg_sq"))
    yield "good-rmsprop", checkpoint(tiny_with('type = "rmsprop"'), with_slots("square_avg"))
    yield "good-centered", checkpoint(centered, with_slots("square_avg", "grad_avg", "momentum_buffer"))
    yield "good-muon", checkpoint(tiny_with('type = "muon"'), with_slots("momentum_buffer"))
    yield "good-plain", checkpoint(plain, TINY_TENSORS, class_names="[]")
    yield "good-ema", checkpoint(TINY + EMA, with_average("momentum_buffer"))
    yield "good-lookahead", checkpoint(adam + LOOKAHEAD, with_average("exp_avg", "exp_avg_sq"))
    yield "good-batch-norm", checkpoint(BATCH_NORM, with_slots("momentum_buffer", net=with_batch_norm()))
    yield "good-dropout", checkpoint(DROPOUT, with_slots("momentum_buffer"))
    yield "no-average", checkpoint(TINY + EMA, with_slots("momentum_buffer"))
    yield "no-buffers", checkpoint(BATCH_NORM, with_slots("momentum_buffer"))
    origin = {"data_name": "fashion-mnist", "data_limit": "10", "data_validation": "0.25",
              "test_sha256": "bb", "initial_weights_sha256": "cc"}
    yield "good-origin", checkpoint(TINY, with_slots("momentum_buffer"), **origin)
    yield "no-momentum-buffer", checkpoint(TINY, TINY_TENSORS)
    yield "one-slot", checkpoint(adam, with_slots("exp_avg"))
    yield "first-schema", checkpoint(TINY, with_slots("velocity"), schema="convoy.checkpoint/1")
    yield "another-model", checkpoint(plain.replace("units = 2", "units = 20000000"), TINY_TENSORS)
    yield "far", checkpoint(plain, TINY_TENSORS, step="9223372036854775807", epoch="9223372036854775807")
    yield "other-shape", checkpoint(plain, TINY_TENSORS | {"d.weight": [4]})


def models():
    texts = [path.read_text() for path in sorted((TOP / "models").glob("*.toml"))] + [TINY]
    for number, text in enumerate(texts):
        yield f"good-{number}", text.encode()
    overrides = ["layer.0.filters=5", "optimizer.momentum=0.9", "train.schedule=cosine",
                 "layer.d.weight_init={ type = \"uniform\", range = 0.5 }", "input.mean=[0.5]",
                 "input.std=0.25", "layer.c.padding=[1, 0]", "train.order=shards:3"]
    yield "good-overrides", "\0".join([TINY, *overrides]).encode()
    yield "good-adamw", tiny_with('type = "adamw"\nbeta1 = 0.8\nbeta2 = 0.99\nepsilon = 1e-6\nweight_decay = 0.05').encode()
    yield "good-clipped-muon", tiny_with('type = "muon"\nns_steps = 3\nmatch_rms_adamw = true\nclip_norm = 0.5').encode()
    yield "good-groups", (TINY + GROUPS).encode()
    yield "good-ema", (TINY + EMA).encode()
    yield "good-lookahead", (TINY + LOOKAHEAD).encode()
    yield "good-batch-norm", BATCH_NORM.encode()
    yield "good-dropout", DROPOUT.encode()
    yield "good-other-optimizer", "\0".join([
        TINY + GROUPS, "optimizer.type=rmsprop", "optimizer.alpha=0.9", "optimizer.centered=true",
        "optimizer.group=[{ match = \"d*\", frozen = true }]"]).encode()
    yield "no-tensor", (TINY + GROUPS.replace("c.*", "*")).encode()
    yield "other-key", (TINY + "beta1 = 0.9\n").encode()
    yield "former-key", TINY.replace("seed = 1", "momentum = 0.5").encode()
    yield "unknown-override", (TINY + "\0layer.9.units=1").encode()
    yield "large", TINY.replace("height = 3", "height = 65536").replace(
        "filters = 2", "filters = 1000000000").encode()
    branches = TINY.replace('name = "p"', 'name = "p"\ninputs = ["c"]')
    yield "good-branches", branches.encode()
    yield "types", """name = "t"
input = { height = 8, width = 8, channels = 3, scale = 0.1, mean = [1, 2, 3], std = 2.0 }
layer = [{ type = "conv2d", name = "a", filters = 4, kernel = [3, 1], padding = 1, stride = 2 },
 { type = "subsample", size = 2, shared = true, activation = "sigmoid" }, { type = "tanh" },
 { type = "average_pool2d", size = 2 }, { type = "dense", units = 1 }]
loss = { type = "sigmoid_binary_cross_entropy" }
train = { schedule = "step", step_epochs = 1.5, warmup_epochs = 0.5 }
optimizer = { nesterov = true, momentum = 0.9, group = [{ match = "a.*", learning_rate_factor = 2 }] }
""".encode()
    yield "good-modern", """name = "m"
input = { height = 8, width = 8, channels = 1 }
layer = [{ type = "conv2d", filters = 4, kernel = 3, weight_init = "dirac", bias_init = "kaiming_uniform" },
 { type = "leaky_relu", negative_slope = 0.2 }, { type = "global_average_pool2d" }, { type = "flatten" },
 { type = "dense", units = 3, activation = "silu" }]
loss = { type = "softmax_cross_entropy", label_smoothing = 0.1 }
train = { schedule = "one_cycle", pct_start = 0.2, div_factor = 10, anneal_strategy = "linear" }
""".encode()
    yield "good-milestones", TINY.replace(
        "seed = 1", 'seed = 1\nschedule = "multi_step"\nmilestones = [0.5, 2]').encode()
    # As deep as a file may go, and deeper.
    for levels in (60, 70):
        yield f"arrays-{levels}", (TINY + "x = " + "[" * levels + "]" * levels).encode()
        yield f"keys-{levels}", (TINY + "x" + ".x" * levels + " = 1").encode()
        yield f"header-{levels}", (TINY + "[x" + ".x" * levels + "]").encode()


def run_configs():
    tail = """
[data]
name = "fashion-mnist"
limit = 100
validation = 0.25
train_sha256 = "aa"
test_sha256 = "bb"

[run]
schema = "convoy.run/2"
order_version = 1
version = "0.1.0"
"""
    yield "good", (TINY + tail).encode()
    yield "good-groups", (TINY + GROUPS + tail).encode()
    yield "good-weights", (TINY + tail + 'initial_weights_sha256 = "cc"\n').encode()
    yield "good-name", (TINY + tail.replace("fashion-mnist", "/a \\u00e9\\n[data]\\n")).encode()
    yield "order", (TINY + tail.replace("order_version = 1", "order_version = 2")).encode()


def study_plans():
    for path in sorted((TOP / "studies").glob("*.toml")):
        yield f"good-{path.stem}", path.read_bytes()
    yield "good-all", b"""name = "n"
model = "lenet5"
device = "cpu"
repeats = 2
seed = 9
target_accuracy = 0.5
launcher = "srun -n {ranks} -c {threads}"
[[experiment]]
name = "A b"
scaling = "weak"
layouts = ["2x2", "1x1"]
ranks_by = "tensor"
threads_by = "tensor"
batch = 7
epochs = 3
limit = 100
order = "shards:2"
set = ["optimizer.momentum=0.5"]
"""


def study_record(**changed):
    runs = []
    for experiment, layouts in enumerate((2, 1)):
        for layout in range(layouts):
            for number in (1, 2, 3):
                epochs = [{"train_loss": 1.5, "test_loss": None, "test_accuracy": 0.5, "seconds": 0.5},
                          {"train_loss": 0.5, "test_loss": 0.6, "test_accuracy": 0.75, "seconds": 0.5}]
                parts = ("compute", "input", "waiting", "communication", "reduction", "update")
                layer = {"layer": "c", "pass": "forward", "seconds": 0.1}
                runs.append({
                    "experiment": experiment, "layout": layout, "round": number, "load": 0.5,
                    "busy_before": 0, "busy_during": 0.25, "process_seconds": 2,
                    "train_seconds": 1.0 / (layout + 1) + number / 100, "samples": 100, "batch": 10,
                    "steps": 20, "ranks": 1, "threads": layout + 1, "working": layout + 1,
                    "contract": True, "isa": "avx2", "weights_sha256": "ab" * 32, "cpu": "p",
                    "epochs": epochs, "profile_seconds": 1, "shares": dict.fromkeys(parts, 0.1),
                    "bytes_sent": 1000, "peak_memory_bytes": 100000,
                    "layers": [layer, layer | {"pass": "weight gradient"}]})
    one = {"name": "by data", "scaling": "strong", "layouts": ["1x1", "1x2"], "ranks_by": "data",
           "threads_by": "data", "per_layer": True, "batch": None, "epochs": 2, "limit": None,
           "order": "", "set": []}
    document = {
        "schema": "convoy.study/1", "version": "0", "date": "2026-01-01T00:00:00Z",
        "plan": {"name": "s", "model": "tiny", "data": "d", "device": "cpu", "repeats": 3, "seed": 1,
                 "target_accuracy": None, "launcher": "",
                 "experiments": [one, one | {"name": "weak", "scaling": "weak", "layouts": ["1x1"],
                                             "per_layer": False, "batch": 10}]},
        "machine": {"cpu": "p", "cores": 2, "usable_cores": 2, "memory_bytes": 1000, "system": "s",
                    "compiler": "c", "cpu_quota": None, "mpi": "", "threading": ""},
        "flops_per_sample": 1000, "parameters": 10, "model_sha256": "a", "data_sha256": "b",
        "layers": [{"name": "c", "type": "conv2d"}, {"name": "c.relu", "type": "relu"}],
        "peaks": [{"threads": 1, "flops_per_second": 1e9}, {"threads": 2, "flops_per_second": 2e9}],
        "commands": [["convoy", "train"], ["convoy", "train", "--threads", "2"], ["convoy"]],
        "runs": runs}
    return document | changed


def study_records():
    good = study_record()
    yield "good-cpu", json.dumps(good).encode()
    gpu = study_record()
    gpu["plan"]["device"] = "cuda"
    gpu["plan"]["experiments"][0]["layouts"] = ["1x1", "2x1"]
    gpu["machine"] |= {"gpus": ["g", "g"], "cuda": "12"}
    gpu["peaks"] = [{"threads": 1, "flops_per_second": 1e12, "bytes_per_second": 1e11}]
    for run in gpu["runs"]:
        run |= {"threads": 1, "ranks": run["layout"] + 1, "launches_per_step": 2.5}
        for layer in run["layers"]:
            layer |= {"launches": 1, "blocks": 2, "threads": 64, "flops": 100, "bytes": 1000}
    yield "good-gpu", json.dumps(gpu).encode()
    for run in gpu["runs"]:
        run |= {"train_seconds": 1e-300, "samples": 1 << 53, "batch": 1 << 53, "launches_per_step": 1e308}
        for layer in run["layers"]:
            layer |= {"flops": 1 << 53, "bytes": 1 << 53, "seconds": 5e-324}
    yield "good-extremes", json.dumps(gpu).encode()
    yield "good-no-runs", json.dumps(study_record(runs=[])).encode()
    good["runs"] = good["runs"][:4]
    yield "good-unfinished", json.dumps(good).encode()
    good["runs"][0]["batch"] = 1e300
    yield "batch", json.dumps(good).encode()


def metrics():
    line = {"epoch": 3, "train_loss": 0.5, "validation_loss": None, "validation_accuracy": 0.5,
            "test_loss": 1.25, "test_accuracy": 0.75, "seconds": 0.1, "images_per_second": 1e5}
    yield "good", json.dumps(line).encode()
    yield "epoch", json.dumps(line | {"epoch": 1e38}).encode()
    yield "deep", (json.dumps(line)[:-1] + ',"x":' + "[" * 70 + "]" * 70 + "}").encode()


def archives():
    def tar(entries, form=tarfile.USTAR_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            for name, content in entries:
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
                else:
                    info.size = len(content)
                archive.addfile(info, io.BytesIO(content or b""))
        return stream.getvalue()

    wanted = b"wanted\n"
    both = [("x/readme", b"hello"), ("x/a", wanted), ("b", wanted)]
    yield "good.tar", tar(both)
    yield "good.tar.gz", packed(tar(both))
    yield "good-pax.tar", tar([("y" * 120 + "/a", wanted), ("b", wanted)], tarfile.PAX_FORMAT)
    yield "good-gnu.tar", tar([("y" * 120 + "/a", wanted), ("b", wanted)], tarfile.GNU_FORMAT)
    yield "good-outside.tar", tar([("../a", wanted), ("../../x", wanted), ("/b", wanted)])
    yield "good-single", wanted
    yield "good-single.gz", packed(wanted)
    yield "link.tar", tar([("a", None), ("b", wanted)])
    yield "missing.tar", tar([("a", wanted)])
    yield "longer.tar", tar([("a", wanted + b"x"), ("b", wanted)])
    yield "zeros.gz", packed(bytes(2_000_000))


TARGETS = {
    "archive": archives, "checkpoint": checkpoints, "cifar": cifar, "cifar100": cifar100,
    "emnist": emnist, "idx": idx_files, "images": images,
    "metrics": metrics, "model": models, "npy": npy_files, "npz": npz_files, "picture": pictures,
    "picture_cache": picture_caches,
    "picture_list": picture_lists,
    "run_config": run_configs, "safetensors": safetensors_files,
    "study_plan": study_plans, "study_record": study_records,
}


def words_of(data):
    """Words and numbers of the texts among the seeds."""
    text = data.decode("ascii", "ignore")
    for mark in "{}[]()=,:\"'#.\n\0":
        text = text.replace(mark, " ")
    return {word for word in text.split() if word.isprintable() and 1 < len(word) < 24}


def main():
    folder = pathlib.Path(sys.argv[1])
    for target, seeds in TARGETS.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        words = {"[[", "]]", "{}", "[]", '"""', "'''", "\\u0041", "1e308", "-1", "9223372036854775807"}
        for name, data in seeds():
            (place / name).write_bytes(data)
            if name.startswith("good") and target not in ("archive", "cifar", "cifar100", "emnist", "idx", "images", "npz",
                                                          "picture"):
                words |= words_of(data)
        lines = ('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in sorted(words))
        (folder / f"{target}.dict").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
