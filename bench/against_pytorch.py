#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the same nets on the same images with Convoy and with PyTorch, side by side in one run.

    bench/against_pytorch.py                                the five rows of docs/performance.md
    bench/against_pytorch.py --model lenet5 --rounds 7      only this net's
    bench/against_pytorch.py --model lenet5 --batch 64      another batch
    bench/against_pytorch.py --model tiny-sigmoid --batch 1 --images 800    where PyTorch takes minutes
    bench/against_pytorch.py --json > result.json
    bench/against_pytorch.py --device cuda                  the same on a GPU (bench/against_pytorch_cuda.py)

Both read the data in file order, with the same batch, loss and learning rate, in FP32. In every
round each configuration trains once, Convoy and PyTorch in turn, so that other work of the machine
affects all alike. The script prints medians over the rounds, and ratios of medians. PyTorch's
configurations are {1, 2} threads x {contiguous, channels_last} x {eager, torch.compile}, each in a
process of its own, with the fastest of its three ways to run SGD; the script names a configuration
that does not work, with the reason. Images lie in memory as tensors of a batch each. The times
exclude loading, start-up, warm-up and compilation of both programs.

`convoy bench` measures the FMA peak once in every round. PyTorch comes from PyPI,
`python3 -m venv FOLDER && FOLDER/bin/pip install torch numpy`, with --python FOLDER/bin/python (its
default build brings some GB of CUDA libraries); or it is Debian's python3-torch, with --python
/usr/bin/python3.

With --device cuda both use the same GPU: PyTorch eager, and with a whole step as a CUDA graph; Convoy with graphs,
and with a persistent kernel. PyTorch's data lie on the GPU, a step selects its images there by a permutation, and
TF32 is off unless --tf32 is given.
"""

import argparse
import collections
import contextlib
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import against_pytorch_cuda
import convoy_runs
import pytorch_nets

# Images of a measurement, and the number of passes that Convoy makes over them: a second or two for
# either program.
Row = collections.namedtuple("Row", "model batch images passes")
ROWS = [Row("tiny-relu", 32, 19200, 12), Row("tiny-sigmoid", 32, 14400, 16),
        Row("tiny-sigmoid", 1, 4000, 40), Row("lenet5", 32, 9600, 5), Row("vgg-small", 64, 1280, 3)]
THREADS, LAYOUTS, MODES = (1, 2), ("contiguous", "channels_last"), ("eager", "compile")
Setting = collections.namedtuple("Setting", "threads layout mode")


class PyTorch:
    """One configuration, in a process of its own that trains whenever it reads a line."""

    def __init__(self, args, script, options, setting=None):
        self.setting, self.rates, self.failure, self.sgd, self.facts = setting, [], None, "", {}
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([args.python, script, json.dumps(options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.limit = threading.Timer(args.patience, self.give_up, [args.patience])
        self.limit.start()

    def give_up(self, patience):
        self.failure = f"not ready after {patience} s"
        self.process.kill()

    def wait_until_ready(self):
        self.facts = self.read() or {}
        self.limit.cancel()

    def read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        lines = [text.strip() for text in self.errors if text.strip()]
        self.failure = self.failure or (lines or [f"exit code {self.process.returncode}"])[-1]
        return None

    def measure(self, count=True):
        if self.failure:
            return
        with contextlib.suppress(BrokenPipeError):  # read() says why
            print("go", file=self.process.stdin, flush=True)
        facts = self.read()
        if facts:
            self.sgd = facts["sgd"]
            if count:
                self.rates.append(facts["images_per_second"])

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def run_convoy(args, row, data, threads):
    return convoy_runs.train(args.program, row.model, "--no-shuffle", "--data", data,
                             "--batch", row.batch, "--epochs", row.passes, "--threads", threads,
                             "--set", "optimizer.learning_rate=0.01", "--set", "train.schedule=constant",
                             "--set", "optimizer.momentum=0", "--set", "train.warmup_epochs=0")


def spread(values):
    return {"images_per_second": statistics.median(values), "lowest": min(values),
            "highest": max(values)}


def in_words(entry):
    return f"{entry['threads']} thread{'s' * (entry['threads'] > 1)}, {entry['layout']}, {entry['mode']}"


def measure(args, row, folder):
    convoy_runs.copy_data(args.data, row.images, folder)
    data = str(folder)
    parameters = convoy_runs.model_facts(args.program, row.model)["parameters"]
    convoy_runs.log(f"{row.model}, {row.batch}: PyTorch starts and compiles")
    options = {"model": row.model, "batch": row.batch, "data": data, "parameters": parameters}
    settings = [Setting(*setting) for setting in itertools.product(THREADS, LAYOUTS, MODES)]
    workers = [PyTorch(args, pytorch_nets.__file__, {**setting._asdict(), **options}, setting)
               for setting in settings]
    for worker in workers:
        worker.wait_until_ready()
    for worker in workers:  # once all are still: warm up, and choose how to run SGD
        worker.measure(count=False)
        convoy_runs.log(f"{row.model}, {row.batch}: PyTorch, {in_words(worker.setting._asdict())}: "
                        f"{worker.failure or 'ready'}")
    convoy = {threads: [] for threads in THREADS}
    peaks = []
    for round_ in range(args.rounds):
        convoy_runs.log(f"{row.model}, {row.batch}: round {round_ + 1} of {args.rounds}")
        peaks.append(convoy_runs.fma_peak(args.program))
        for threads, rates in convoy.items():  # Convoy, four of PyTorch, Convoy, the other four
            document = run_convoy(args, row, data, threads)
            rates.append(convoy_runs.images_per_second(document))
            for worker in workers:
                if worker.setting.threads == threads:
                    worker.measure()
    for worker in workers:
        worker.end()
    return summary(args, row, workers, convoy, peaks, document)


def summary(args, row, workers, convoy, peaks, document):
    pytorch = [{**w.setting._asdict(), "sgd": w.sgd, **spread(w.rates)} for w in workers
               if not w.failure]
    if not any(entry["threads"] == 1 for entry in pytorch):
        raise SystemExit(f"no PyTorch measurement: {workers[0].failure}")
    ours = {threads: spread(rates) for threads, rates in convoy.items()}
    rate = ours[1]["images_per_second"]
    best = max(pytorch, key=lambda e: e["images_per_second"])
    best1 = max((e for e in pytorch if e["threads"] == 1), key=lambda e: e["images_per_second"])
    flops = convoy_runs.model_facts(args.program, row.model)["flops_per_sample"]
    peak = statistics.median(peaks) if all(peaks) else None
    return {
        **row._asdict(), "pytorch": pytorch, "convoy": {str(t): s for t, s in ours.items()},
        "failed": [{**w.setting._asdict(), "reason": w.failure} for w in workers if w.failure],
        "torch": next(w.facts["torch"] for w in workers if w.facts),
        "machine": document["machine"], "isa": document["isa"],
        "pytorch_best_1_thread": best1, "pytorch_best": best,
        "ratio_1_thread": rate / best1["images_per_second"],
        "ratio_2_threads": ours[2]["images_per_second"] / best["images_per_second"],
        "flops_per_sample": flops, "fma_peak": peak,
        "share_of_peak": rate * flops / peak if peak else None,
    }


def show(args, results):
    first = results[0]
    print(f"{time.strftime('%-d %B %Y')}, {first['machine']['cpu']}, "
          f"{first['machine']['usable_cores']} cores, Convoy {first['isa']}, PyTorch {first['torch']}, "
          f"{args.data}; images/s, medians of {args.rounds} alternating rounds\n")
    rows, details = [], []
    for r in results:
        one, best, ours = r["pytorch_best_1_thread"], r["pytorch_best"], r["convoy"]
        name = f"{r['model']}, {r['batch']}"
        rows.append([
            name, f"{one['images_per_second']:,.0f} ({one['layout']}, {one['mode']})",
            f"{best['images_per_second']:,.0f} ({in_words(best)})",
            f"{ours['1']['images_per_second']:,.0f}", f"{ours['2']['images_per_second']:,.0f}",
            f"{r['ratio_1_thread']:.1f} x", f"{r['ratio_2_threads']:.1f} x",
            f"{r['share_of_peak']:.0%} of {r['fma_peak'] / 1e9:.1f} GFLOP/s" if r["fma_peak"]
            else "`convoy bench` failed"])
        for e in r["pytorch"]:
            details.append([name, f"PyTorch, {in_words(e)}, SGD {e['sgd']}", e])
        details += [[name, f"Convoy, {t} thread{'s' * (t != '1')}", s] for t, s in ours.items()]
    print(convoy_runs.table(
        ["net, batch", "PyTorch's best, 1 thread", "PyTorch's best", "Convoy, 1 thread",
         "Convoy, 2 threads", "1 thread : best 1 thread", "2 threads : best",
         "share of FMA peak, 1 thread"], rows))
    print()
    print(convoy_runs.table(
        ["net, batch", "program", "images/s", "lowest", "highest"],
        [[name, what] + [f"{e[key]:,.0f}" for key in ("images_per_second", "lowest", "highest")]
         for name, what, e in details]))
    for r in results:
        for e in r["failed"]:
            print(f"\n{r['model']}, {r['batch']}: PyTorch, {in_words(e)}, does not work: {e['reason']}")


def chosen_rows(args):
    if not args.model:
        return ROWS
    rows = [row for row in ROWS if row.model == args.model]
    if not rows:
        raise SystemExit(f"no PyTorch twin of model '{args.model}'")
    if args.batch:  # whole batches: torch.compile would compile the last one anew
        row = next((row for row in rows if row.batch == args.batch), rows[0])
        rows = [row._replace(batch=args.batch, images=max(row.images // args.batch, 1) * args.batch)]
    if args.images:  # Convoy makes more passes and trains on as many images in total
        rows = [row._replace(images=max(args.images // row.batch, 1) * row.batch,
                             passes=max(row.passes * row.images // args.images, 1)) for row in rows]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--images", type=int, help="of a measurement of PyTorch, where it is slow")
    parser.add_argument("--passes", type=int, help="with --device cuda: of Convoy through the images")
    parser.add_argument("--data", default="fashion-mnist", help="28 x 28 x 1, 10 classes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--python", default=sys.executable, help="the Python that has torch")
    parser.add_argument("--patience", type=int, default=600, metavar="SECONDS",
                        help="for a configuration of PyTorch to start and compile")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tf32", action="store_true", help="with --device cuda: PyTorch may round to TF32")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.device == "cuda":
        return against_pytorch_cuda.main(args, lambda script, options: PyTorch(args, script, options))
    results = []
    for row in chosen_rows(args):
        with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
            results.append(measure(args, row, pathlib.Path(folder)))
    if args.json:
        print(json.dumps({"schema": "convoy.against_pytorch/2", "data": args.data,
                          "rounds": args.rounds, "rows": results}, indent=1))
    else:
        show(args, results)


if __name__ == "__main__":
    main()
