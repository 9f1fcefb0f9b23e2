# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of against_pytorch.py --device cuda: a process that trains one of the nets of
pytorch_nets.py on a GPU whenever a line comes in. Its argument and what it prints are JSON, one line each.

The data set lies on the GPU as FP32 tensors, and a step selects its images by a permutation that lies there,
too. In the mode 'eager' Python starts every kernel; in the mode 'graph' a step (selection, forward, backward,
SGD) was captured once as a CUDA graph, and is replayed with other indices."""

import json
import sys
import time

import pytorch_nets


def on_gpu(torch, options):
    """All images and targets."""
    whole = {**options, "layout": "contiguous", "batch": 1 << 31}
    (x, y), = pytorch_nets.batches(torch, whole)
    return x.to(options["device"]), y.to(options["device"])


class Trainer:
    def __init__(self, torch, options, model, optimizer):
        self.torch, self.options, self.model, self.optimizer = torch, options, model, optimizer
        self.x, self.y = on_gpu(torch, options)
        self.criterion = pytorch_nets.loss_function(torch, options["model"])
        self.indices = torch.zeros(options["batch"], dtype=torch.int64, device=options["device"])
        self.graph = self.captured() if options["mode"] == "graph" else None

    def step(self, indices):
        self.optimizer.zero_grad(set_to_none=True)
        self.backward(indices)
        self.optimizer.step()

    def backward(self, indices):
        x, y = self.x.index_select(0, indices), self.y.index_select(0, indices)
        self.criterion(self.model(x), y).backward()

    def captured(self):
        """Captures as PyTorch's notes on CUDA graphs say: the warm-up runs on another stream, and
        the graph allocates the gradients."""
        torch = self.torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.step(self.indices)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self.backward(self.indices)
            self.optimizer.step()
        return graph

    def wait(self):
        if self.options["device"] == "cuda":
            self.torch.cuda.synchronize()

    def images_per_second(self, images):
        batch = self.options["batch"]
        permutation = self.torch.randperm(len(self.y), device=self.options["device"])
        some = permutation[:images // batch * batch].split(batch)
        self.wait()
        start = time.perf_counter()
        for indices in some:
            if self.graph:
                self.indices.copy_(indices)
                self.graph.replay()
            else:
                self.step(indices)
        self.wait()
        return len(some) * batch / (time.perf_counter() - start)


def trainers(torch, options, model):
    """One optimizer for each way to run SGD that this PyTorch has and that works here."""
    for name, optimizer in pytorch_nets.optimizers(torch, model):
        try:
            yield name, Trainer(torch, options, model, optimizer)
        except RuntimeError:
            if name == "plain":
                raise


def facts(torch):
    return {"torch": pytorch_nets.origin(torch), "cuda": torch.version.cuda or "",
            "cudnn": str(torch.backends.cudnn.version() or ""),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else ""}


def main():
    options = json.loads(sys.argv[1])
    import torch

    if options["device"] == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"PyTorch {torch.__version__} sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = options["tf32"]
    torch.backends.cudnn.allow_tf32 = options["tf32"]
    torch.backends.cudnn.benchmark = True  # the fastest of its kernels for these shapes
    torch.manual_seed(1)
    model = pytorch_nets.net(torch, options["model"]).to(options["device"])
    parameters = sum(p.numel() for p in model.parameters())
    if parameters != options["parameters"]:
        raise SystemExit(f"{parameters} parameters, Convoy's net has {options['parameters']}")
    ways = dict(trainers(torch, options, model))
    few = max(options["images"] // 10, options["batch"])
    rates = {}
    for name, trainer in ways.items():
        trainer.images_per_second(few)
        rates[name] = max(trainer.images_per_second(few) for _ in range(3))
    best = max(rates, key=rates.get)
    print(json.dumps(facts(torch)), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"images_per_second": ways[best].images_per_second(options["images"]), "sgd": best}),
              flush=True)


if __name__ == "__main__":
    main()
