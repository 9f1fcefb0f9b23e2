#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares decoding and resizing of pictures with Pillow's, and torchvision's where it is installed, on one core.

    bench/pictures.py                        made-up pictures of 500 x 375 pixels: a table in Markdown
    bench/pictures.py --files 'photos/*.jpg' yours
    bench/pictures.py --side 224 --rounds 15
    bench/pictures.py --json > result.json

Convoy's part is build/release/bench/picture_benchmark (configure with -DCONVOY_BUILD_BENCHMARKS=ON). In each
round every program decodes all pictures as RGB and resizes them to SIDE x SIDE, bilinear and antialiased, in turn;
the table has the medians of the rounds, and the ratio to Convoy. All of them run on the core that this process is
bound to. The sums of the pixels show whether the results are the same: Pillow 13 may resize in another order
(docs/formats.md), torchvision resizes in its own arithmetic. On a busy machine the numbers mean little, so the load
is printed, too.
"""

import argparse
import glob
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import PIL
from PIL import Image, features

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, WIDTH = 375, 500


def made_up(seed):
    """A picture with edges and noise, in about the sizes of files of photographs."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [numpy.sin(x / random.uniform(5, 60) + y / random.uniform(5, 60) + random.uniform(0, 6)) for _ in range(9)]
    layers = [60 * (waves[c] + waves[c + 3] * (waves[c + 6] > 0)) + random.normal(128, 6, y.shape) for c in range(3)]
    return Image.fromarray(numpy.clip(numpy.stack(layers, -1), 0, 255).astype(numpy.uint8))


def make_files(folder, count):
    """Pictures of each kind: name of the kind, files."""
    kinds = {"JPEG": ("jpg", {"quality": 90}), "JPEG, progressive": ("jpg", {"quality": 90, "progressive": True}),
             "PNG": ("png", {}), "WebP": ("webp", {"quality": 80})}
    pictures = [made_up(seed) for seed in range(count)]
    for number, (kind, (suffix, options)) in enumerate(kinds.items()):
        paths = []
        for index, picture in enumerate(pictures):
            paths.append(Path(folder) / f"{number}-{index}.{suffix}")
            picture.save(paths[-1], **options)
        yield kind, paths


class Convoy:
    def __init__(self, program, side, paths):
        self.process = subprocess.Popen([program, str(side), *map(str, paths)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            sys.exit("pictures.py: picture_benchmark ended")
        return float(answer[0]), int(answer[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(decode, files, side):
    def run():
        start = time.perf_counter()
        total = 0
        for data in files:
            total += decode(data, side)
        return time.perf_counter() - start, total
    return run


def by_pillow(data, side):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if side:
        image = image.resize((side, side), Image.BILINEAR)
        return int(numpy.asarray(image).sum(dtype=numpy.int64))
    return 0


def torchvision_or_none():
    try:
        import torch
        from torchvision.io import ImageReadMode, decode_image
        from torchvision.transforms.v2.functional import resize
    except ImportError:
        return None
    torch.set_num_threads(1)

    def decode(data, side):
        image = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
        return int(resize(image, [side, side], antialias=True).sum()) if side else 0
    return decode


def measure(kind, paths, args):
    files = [path.read_bytes() for path in paths]
    convoy = Convoy(args.program, args.side, paths)
    runs = {"Convoy": convoy, "Pillow": timed(by_pillow, files, args.side)}
    if decode := torchvision_or_none():
        runs["torchvision"] = timed(decode, files, args.side)
    seconds = {name: [] for name in runs}
    sums = {}
    for number in range(args.rounds + 1):
        for name, run in runs.items():
            duration, sums[name] = run()
            if number:  # the first round warms up
                seconds[name].append(duration / len(files))
    convoy.close()
    return {"kind": kind, "pictures": len(files), "bytes": sum(map(len, files)),
            "seconds": {name: statistics.median(values) for name, values in seconds.items()},
            "same_sum_as_pillow": sums["Convoy"] == sums["Pillow"]}


def machine():
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "load": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d"),
            "pillow": PIL.__version__, "libjpeg_turbo_of_pillow": features.version("libjpeg_turbo")}


def report(document):
    facts, side = document["machine"], document["side"]
    print(f"{facts['cpu']}, one of {facts['cores']} cores, load {facts['load']:.1f} at the start; {facts['date']}; "
          f"Pillow {facts['pillow']}; {document['rounds']} rounds; decoded"
          f"{f' and resized to {side} x {side}' if side else ''}, ms a picture\n")
    names = list(document["kinds"][0]["seconds"])
    print("| | " + " | ".join(names) + " | " + " | ".join(f"{name} / Convoy" for name in names[1:]) + " | sum as Pillow's |")
    print("| --- |" + " ---: |" * (2 * len(names) - 1) + " --- |")
    for row in document["kinds"]:
        times = [row["seconds"][name] for name in names]
        print(f"| {row['kind']} | " + " | ".join(f"{1000 * t:.3f}" for t in times) + " | "
              + " | ".join(f"{t / times[0]:.2f}" for t in times[1:])
              + f" | {'yes' if row['same_sum_as_pillow'] else 'no'} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", help="a pattern of paths, instead of made-up pictures")
    parser.add_argument("--count", type=int, default=20, help="made-up pictures of each kind")
    parser.add_argument("--side", type=int, default=64, help="0: decode alone")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--program", default=str(ROOT / "build/release/bench/picture_benchmark"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    document = {"schema": "convoy.pictures/1", "machine": machine(), "side": args.side, "rounds": args.rounds}
    with tempfile.TemporaryDirectory() as folder:
        if args.files:
            kinds = [(args.files, [Path(path) for path in sorted(glob.glob(args.files, recursive=True))])]
        else:
            kinds = make_files(folder, args.count)
        document["kinds"] = [measure(kind, paths, args) for kind, paths in kinds]
    if args.json:
        print(json.dumps(document, indent=1))
    else:
        report(document)


if __name__ == "__main__":
    main()
