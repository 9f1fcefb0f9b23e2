# SPDX-License-Identifier: Apache-2.0
"""Implements against_pytorch.py --device cuda: trains four nets on one GPU, with PyTorch (eager,
and with CUDA graphs) and with Convoy (with graphs, and with a persistent kernel) in turn, in one
run."""

import collections
import json
import pathlib
import statistics
import tempfile
import time

import convoy_runs
import pytorch_cuda

# Images of a measurement of PyTorch, and the number of passes that Convoy makes over them.
Row = collections.namedtuple("Row", "model batch images passes")
ROWS = [Row("tiny-relu", 32, 19200, 40), Row("tiny-sigmoid", 1, 4000, 60), Row("lenet5", 32, 19200, 20),
        Row("lenet5", 512, 51200, 20)]
MODES, LAUNCHINGS = ("eager", "graph"), ("graph", "persistent")


def run_convoy(args, row, data, launching):
    return convoy_runs.train(args.program, row.model, "--device", "cuda", "--launch", launching,
                             "--data", data, "--batch", row.batch, "--epochs", row.passes,
                             "--set", "optimizer.learning_rate=0.01", "--set", "train.schedule=constant",
                             "--set", "optimizer.momentum=0", "--set", "train.warmup_epochs=0")


class Convoy:
    """One way of launching. Where it cannot run the net, the script says so once."""

    def __init__(self, launching):
        self.launching, self.rates, self.launches, self.failure = launching, [], None, None

    def measure(self, args, row, data):
        if self.failure:
            return
        try:
            document = run_convoy(args, row, data, self.launching)
        except convoy_runs.Failed as error:
            if error.returncode != convoy_runs.UNAVAILABLE:
                raise
            self.failure = error.message
            return
        self.rates.append(convoy_runs.images_per_second(document))
        self.launches = document["launches_per_step"]


def spread(values):
    return {"images_per_second": statistics.median(values), "lowest": min(values), "highest": max(values)}


def measure(args, row, start):
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        convoy_runs.copy_data(args.data, row.images, pathlib.Path(folder))
        parameters = convoy_runs.model_facts(args.program, row.model)["parameters"]
        options = {**row._asdict(), "data": folder, "parameters": parameters, "device": "cuda",
                   "tf32": args.tf32}
        workers = {mode: start(pytorch_cuda.__file__, {**options, "mode": mode}) for mode in MODES}
        for worker in workers.values():
            worker.wait_until_ready()
        convoys = [Convoy(launching) for launching in LAUNCHINGS]
        for count in range(-1, args.rounds):  # the first of all warms up
            convoy_runs.log(f"{row.model}, {row.batch}: round {count + 1} of {args.rounds}")
            for worker, convoy in zip(workers.values(), convoys):
                worker.measure(count=count >= 0)
                convoy.measure(args, row, folder)
        for worker in workers.values():
            worker.end()
    return summary(row, workers, convoys)


def summary(row, workers, convoys):
    result = {**row._asdict(), "pytorch": {}, "convoy": {}, "failed": {}, "facts": {}}
    for mode, worker in workers.items():
        if worker.failure:
            result["failed"][f"PyTorch, {mode}"] = worker.failure
        else:
            result["pytorch"][mode] = {**spread(worker.rates), "sgd": worker.sgd}
            result["facts"] = worker.facts
    for convoy in convoys:
        if convoy.failure:
            result["failed"][f"Convoy, {convoy.launching}"] = convoy.failure
        else:
            rates = convoy.rates[1:]  # without the warm-up
            result["convoy"][convoy.launching] = {**spread(rates), "launches_per_step": convoy.launches}
    best = max((entry["images_per_second"] for entry in result["convoy"].values()), default=None)
    result["ratio"] = {mode: best / entry["images_per_second"] if best else None
                       for mode, entry in result["pytorch"].items()}
    return result


def rate(entry):
    return f"{entry['images_per_second']:,.0f}" if entry else "-"


def ratio(value):
    return f"{value:.1f} x" if value else "-"


def show(args, results, info):
    facts = next((r["facts"] for r in results if r["facts"]), {})
    gpu, machine = info["gpus"][0], info["machine"]
    pytorch = (f"PyTorch {facts['torch']}, CUDA {facts['cuda']}, cuDNN {facts['cudnn']}"
               if facts else "no PyTorch")
    print(f"{time.strftime('%-d %B %Y')}, {gpu['name']}, {machine['cpu']}, Convoy {info['version']}, "
          f"{info['cuda']}; {pytorch}, TF32 {'on' if args.tf32 else 'off'}; {args.data}; images/s, medians "
          f"of {args.rounds} alternating rounds\n")
    print(convoy_runs.table(
        ["net, batch", "PyTorch, eager", "PyTorch, CUDA graphs", "Convoy, graph", "Convoy, persistent",
         "Convoy's best : eager", "Convoy's best : CUDA graphs"],
        [[f"{r['model']}, {r['batch']}", *(rate(r["pytorch"].get(mode)) for mode in MODES),
          *(rate(r["convoy"].get(launching)) for launching in LAUNCHINGS),
          *(ratio(r["ratio"].get(mode)) for mode in MODES)] for r in results]))
    print()
    rows = []
    for r in results:
        name = f"{r['model']}, {r['batch']}"
        entries = [(f"PyTorch, {mode}, SGD {e['sgd']}", e) for mode, e in r["pytorch"].items()]
        entries += [(f"Convoy, {launching}, {e['launches_per_step']:.4g} launches per step", e)
                    for launching, e in r["convoy"].items()]
        rows += [[name, what] + [f"{e[key]:,.0f}" for key in ("images_per_second", "lowest", "highest")]
                 for what, e in entries]
    print(convoy_runs.table(["net, batch", "program", "images/s", "lowest", "highest"], rows))
    for r in results:
        for what, reason in r["failed"].items():
            print(f"\n{r['model']}, {r['batch']}: {what}, does not work: {reason}")


def chosen_rows(args):
    rows = [row for row in ROWS if args.model in (None, row.model) and args.batch in (None, row.batch)]
    if not rows:
        raise SystemExit(f"no row of model '{args.model}' and batch {args.batch} on a GPU")
    if args.images:
        rows = [row._replace(images=max(args.images // row.batch, 1) * row.batch) for row in rows]
    return [row._replace(passes=args.passes or row.passes) for row in rows]


def main(args, start):
    """`start(script, options)` starts a process of PyTorch."""
    info = convoy_runs.require_gpu(args.program)
    results = [measure(args, row, start) for row in chosen_rows(args)]
    if args.json:
        print(json.dumps({"schema": "convoy.against_pytorch_cuda/1", "data": args.data, "rounds": args.rounds,
                          "tf32": args.tf32, "gpu": info["gpus"][0], "cuda": info["cuda"],
                          "machine": info["machine"], "rows": results}, indent=1))
    else:
        show(args, results, info)
