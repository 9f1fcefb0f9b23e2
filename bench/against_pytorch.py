#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the same net on the same images with Convoy and with PyTorch, side by side in one run.

    bench/against_pytorch.py                         tiny-relu, batch 32, 5 alternating rounds
    bench/against_pytorch.py --model lenet5 --rounds 7
    bench/against_pytorch.py --json > result.json

Both programs read the data in file order, with the same batch, loss and learning rate, in FP32. Each
configuration runs once in every round, in a process of its own, so that what else the machine does hits
all alike; printed are medians over the rounds, and ratios of medians. PyTorch's figure is its best over
{1, 2} threads x {contiguous, channels_last}; loading data and start-up count for neither program.
Needs torch and numpy: Debian's python3-torch, or `pip install torch numpy`.
"""

import argparse
import gzip
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA_FOLDERS = {"fashion-mnist": "/usr/share/datasets/fashion-mnist"}


def net(torch, model):
    """The four models of models/*.toml."""
    nn = torch.nn

    class Subsample(nn.Module):
        """One 4x4 kernel and one bias shared by all channels."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 4, stride=4)

        def forward(self, x):
            n, c, h, w = x.shape
            return self.conv(x.reshape(n * c, 1, h, w)).reshape(n, c, h // 4, w // 4)

    if model == "tiny-relu":
        return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(1352, 10))
    if model == "tiny-sigmoid":
        return nn.Sequential(nn.Conv2d(1, 6, 5), nn.Sigmoid(), Subsample(), nn.Sigmoid(),
                             nn.Flatten(), nn.Linear(216, 10))
    if model == "lenet5":
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                             nn.Linear(84, 10))
    if model == "vgg-small":
        return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))
    raise SystemExit(f"no PyTorch twin of model '{model}'")


def read_idx(folder, stem):
    for name in (stem, stem + ".gz"):
        path = pathlib.Path(folder) / name
        if path.exists():
            opener = gzip.open if name.endswith(".gz") else open
            with opener(path, "rb") as file:
                return file.read()
    raise SystemExit(f"no {stem}[.gz] in {folder}: set CONVOY_DATA or install dataset-fashion-mnist")


def data_folder(name):
    if "CONVOY_DATA" in os.environ:
        folder = pathlib.Path(os.environ["CONVOY_DATA"]) / name
        if folder.exists():
            return folder
    return DATA_FOLDERS.get(name, name)


def run_pytorch(args):
    """One PyTorch measurement; prints one JSON line."""
    import numpy as np
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    folder = data_folder(args.data)
    images = np.frombuffer(read_idx(folder, "train-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(read_idx(folder, "train-labels-idx1-ubyte"), np.uint8, offset=8)
    count = min(args.samples, len(labels))
    x = torch.from_numpy(images.reshape(-1, 1, 28, 28)[:count].astype(np.float32) / 255)
    y = torch.from_numpy(labels[:count].astype(np.int64))
    model = net(torch, args.model)
    if args.layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    if args.model == "tiny-sigmoid":
        target = torch.nn.functional.one_hot(y, 10).float()

        def loss_of(scores, begin, end):
            return torch.nn.functional.binary_cross_entropy_with_logits(
                scores, target[begin:end], reduction="sum") / (end - begin)
    else:

        def loss_of(scores, begin, end):
            return torch.nn.functional.cross_entropy(scores, y[begin:end])

    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def steps(first, last):
        for begin in range(first, last, args.batch):
            end = min(begin + args.batch, last)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(x[begin:end]), begin, end)
            loss.backward()
            optimizer.step()

    steps(0, min(count, 20 * args.batch))  # warm-up
    start = time.perf_counter()
    steps(0, count)
    print(json.dumps({"images_per_second": count / (time.perf_counter() - start)}))


def run_convoy(args, threads):
    folder = tempfile.mkdtemp(prefix="convoy-bench-")
    try:
        command = [args.program, "train", args.model, "--data", args.data, "--epochs", "1", "--batch",
                   str(args.batch), "--limit", str(args.samples), "--no-shuffle", "--threads",
                   str(threads), "--json", "--quiet", "--out", os.path.join(folder, "run"),
                   "--set", "train.learning_rate=0.01", "--set", "train.schedule=constant",
                   "--set", "train.momentum=0"]
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return json.loads(result.stdout)
    finally:
        shutil.rmtree(folder)


def pytorch_images_per_second(args, threads, layout):
    command = [args.python, __file__, "--worker", "--model", args.model, "--data", args.data,
               "--batch", str(args.batch), "--samples", str(args.samples), "--threads", str(threads),
               "--layout", layout]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)["images_per_second"]


def measure(args):
    pytorch = {(t, layout): [] for t in (1, 2) for layout in ("contiguous", "channels_last")}
    convoy = {1: [], 2: []}
    machine, isa = {}, ""
    for round_ in range(args.rounds):
        print(f"round {round_ + 1} of {args.rounds}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
        for threads in convoy:
            document = run_convoy(args, threads)
            convoy[threads].append(document["epochs"][0]["images_per_second"])
            machine, isa = document["machine"], document["isa"]
        for threads, layout in pytorch:
            pytorch[threads, layout].append(pytorch_images_per_second(args, threads, layout))
    return pytorch, convoy, machine, isa


def torch_version(python):
    code = "import torch; print(torch.__version__)"
    return subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True,
                          text=True).stdout.strip()


def report(args, pytorch, convoy, machine, isa):
    rows = [{"program": "PyTorch", "threads": t, "layout": layout,
             "images_per_second": statistics.median(values), "lowest": min(values),
             "highest": max(values)} for (t, layout), values in pytorch.items()]
    rows += [{"program": "Convoy", "threads": t, "layout": "NHWC",
              "images_per_second": statistics.median(values), "lowest": min(values),
              "highest": max(values)} for t, values in convoy.items()]

    def best(program, threads):
        return max(r["images_per_second"] for r in rows
                   if r["program"] == program and r["threads"] in threads)

    ratios = {
        "convoy 1 thread / pytorch best 1 thread": best("Convoy", (1,)) / best("PyTorch", (1,)),
        "convoy 1 thread / pytorch best overall": best("Convoy", (1,)) / best("PyTorch", (1, 2)),
        "convoy 2 threads / pytorch best overall": best("Convoy", (2,)) / best("PyTorch", (1, 2)),
        "convoy 2 threads / convoy 1 thread": best("Convoy", (2,)) / best("Convoy", (1,)),
    }
    document = {"schema": "convoy.against_pytorch/1", "model": args.model, "data": args.data,
                "batch": args.batch, "samples": args.samples, "rounds": args.rounds,
                "machine": machine, "isa": isa, "torch": torch_version(args.python),
                "python": platform.python_version(), "rows": rows, "ratios": ratios}
    if args.json:
        print(json.dumps(document, indent=1))
        return
    print(f"{args.model}, batch {args.batch}, {args.samples} images of {args.data}, medians of "
          f"{args.rounds} alternating rounds")
    print(f"{machine.get('cpu', '')}, {machine.get('usable_cores', '?')} cores, Convoy {isa}, "
          f"PyTorch {document['torch']}")
    print(f"{'program':8} {'threads':>7} {'layout':>13} {'images/s':>10} {'lowest':>10} {'highest':>10}")
    for row in rows:
        print(f"{row['program']:8} {row['threads']:7} {row['layout']:>13} "
              f"{row['images_per_second']:10.0f} {row['lowest']:10.0f} {row['highest']:10.0f}")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny-relu")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--samples", type=int, default=60000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(ROOT / "build/release/convoy"))
    parser.add_argument("--python", default=sys.executable, help="the Python that has torch")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--layout", default="contiguous", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        run_pytorch(args)
    else:
        report(args, *measure(args))


if __name__ == "__main__":
    main()
