# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of against_pytorch.py: the nets of models/*.toml, and a process that trains one of
them whenever a line comes in. Its argument and what it prints are JSON, one line each."""

import json
import sys
import time

import convoy_runs


def net(torch, model):
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


def loss_function(torch, model):
    """loss(scores, targets), a mean over the batch of what Convoy sums over a sample."""
    functional = torch.nn.functional
    if model != "tiny-sigmoid":
        return functional.cross_entropy
    return lambda scores, targets: functional.binary_cross_entropy_with_logits(
        scores, targets, reduction="sum") / scores.shape[0]


def batches(torch, options):
    """Tensors of a batch each, in file order."""
    import numpy as np
    images = np.frombuffer(convoy_runs.read_idx(options["data"], "train-images-idx3-ubyte"), np.uint8,
                           offset=16)
    labels = np.frombuffer(convoy_runs.read_idx(options["data"], "train-labels-idx1-ubyte"), np.uint8,
                           offset=8)
    x = torch.from_numpy(images.reshape(-1, 1, 28, 28).astype(np.float32) / 255)
    y = torch.from_numpy(labels.astype(np.int64))
    if options["layout"] == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    if options["model"] == "tiny-sigmoid":
        y = torch.nn.functional.one_hot(y, 10).float()
    return list(zip(x.split(options["batch"]), y.split(options["batch"])))


def optimizers(torch, model):
    """The ways to run SGD that this PyTorch has."""
    for name, how in (("plain", {"foreach": False}), ("foreach", {"foreach": True}),
                      ("fused", {"fused": True})):
        try:
            yield name, torch.optim.SGD(model.parameters(), lr=0.01, **how)
        except (TypeError, RuntimeError):  # not in this version, or not on CPUs
            pass


def origin(torch):
    where = "Debian's python3-torch" if "dist-packages" in torch.__file__ else "PyPI"
    return f"{torch.__version__} ({where})"


def main():
    options = json.loads(sys.argv[1])
    import torch

    torch.set_num_threads(options["threads"])
    torch.manual_seed(1)
    model = net(torch, options["model"])
    parameters = sum(p.numel() for p in model.parameters())
    if parameters != options["parameters"]:
        raise SystemExit(f"{parameters} parameters, Convoy's net has {options['parameters']}")
    if options["layout"] == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    data = batches(torch, options)
    criterion = loss_function(torch, options["model"])

    def loss_of(x, y):
        return criterion(model(x), y)

    if options["mode"] == "compile":
        if not hasattr(torch, "compile"):
            raise SystemExit("this PyTorch has no torch.compile")
        loss_of = torch.compile(loss_of, dynamic=False)

    def steps(optimizer, some):
        start = time.perf_counter()
        for x, y in some:
            optimizer.zero_grad(set_to_none=True)
            loss_of(x, y).backward()
            optimizer.step()
        return time.perf_counter() - start

    ways = dict(optimizers(torch, model))
    few = data[:max(len(data) // 10, min(len(data), 10))]

    def fastest():
        seconds = {}
        for name, optimizer in ways.items():
            try:
                steps(optimizer, few)
                seconds[name] = min(steps(optimizer, few) for _ in range(3))
            except RuntimeError:
                if name == "plain":
                    raise
        return min(seconds, key=seconds.get)

    steps(ways["plain"], data[:3])  # compiles
    print(json.dumps({"torch": origin(torch)}), flush=True)
    best = None
    for _ in sys.stdin:
        best = best or fastest()
        rate = sum(len(y) for _, y in data) / steps(ways[best], data)
        print(json.dumps({"images_per_second": rate, "sgd": best}), flush=True)


if __name__ == "__main__":
    main()
