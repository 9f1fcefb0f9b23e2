#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures images per second of a net with each optimizer.

    bench/optimizers.py                     tiny-relu and lenet5, batch 64, 1 thread; 7 alternating rounds
    bench/optimizers.py --models lenet5 --threads 2 --rounds 9

Each optimizer runs once in every round, in a process of its own, and the script prints medians, the
lowest and the highest. The figures are valid only on an otherwise idle machine. The script fails
where an optimizer's weights differ between rounds.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

import convoy_runs

# Images, and the number of passes of a measurement over them: about half a second.
NETS = {"tiny-relu": (28800, 4), "lenet5": (12800, 2)}
# The rate is so low that no net diverges.
OPTIMIZERS = {
    "sgd": ["optimizer.type=sgd", "optimizer.momentum=0"],
    "sgd, momentum 0.9": ["optimizer.type=sgd", "optimizer.momentum=0.9"],
    "adam": ["optimizer.type=adam"],
    "adamw": ["optimizer.type=adamw"],
    "rmsprop": ["optimizer.type=rmsprop"],
    "rmsprop, centered, momentum 0.9": ["optimizer.type=rmsprop", "optimizer.centered=true",
                                        "optimizer.momentum=0.9"],
    "sgd, clip_norm 1": ["optimizer.type=sgd", "optimizer.momentum=0", "optimizer.clip_norm=1"],
    "lars": ["optimizer.type=lars"],
    "muon": ["optimizer.type=muon"],
}
RATE = "optimizer.learning_rate=0.0005"


def measure(args, model):
    images, passes = NETS[model]
    rates = {name: [] for name in OPTIMIZERS}
    memory = {name: [] for name in OPTIMIZERS}
    digests = {name: set() for name in OPTIMIZERS}
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        convoy_runs.copy_data(args.data, images, pathlib.Path(folder))
        for round_ in range(args.rounds):
            convoy_runs.log(f"{model}: round {round_ + 1} of {args.rounds}")
            for name, settings in OPTIMIZERS.items():
                words = [word for setting in [*settings, RATE] for word in ("--set", setting)]
                document = convoy_runs.train(args.program, model, "--data", folder, "--batch", args.batch,
                                             "--epochs", passes, "--threads", args.threads, *words)
                rates[name].append(images * passes / document["train_seconds"])
                memory[name].append(document["peak_memory_bytes"] / 2**20)
                digests[name].add(document["weights_sha256"])
    plain = statistics.median(rates["sgd"])
    return [{"model": model, "optimizer": name, "images_per_second": statistics.median(rates[name]),
             "lowest": min(rates[name]), "highest": max(rates[name]),
             "against_sgd": statistics.median(rates[name]) / plain,
             "peak_memory_mib": statistics.median(memory[name]),
             "same_weights": len(digests[name]) == 1, "machine": document["machine"],
             "isa": document["isa"]} for name in OPTIMIZERS]


def show(args, rows):
    machine = rows[0]["machine"]
    print(f"{time.strftime('%-d %B %Y')}, {machine['cpu']}, {machine['usable_cores']} cores, {rows[0]['isa']}, "
          f"{args.data}, batch {args.batch}, {args.threads} thread{'s' * (args.threads > 1)}, "
          f"medians of {args.rounds} alternating rounds\n")
    print(convoy_runs.table(
        ["net", "optimizer", "images/s", "lowest", "highest", "against sgd", "peak memory, MiB"],
        [[r["model"], r["optimizer"], f"{r['images_per_second']:,.0f}", f"{r['lowest']:,.0f}",
          f"{r['highest']:,.0f}", f"{r['against_sgd']:.2f} x", f"{r['peak_memory_mib']:.1f}"] for r in rows]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [row for model in args.models for row in measure(args, model)]
    if args.json:
        print(json.dumps({"schema": "convoy.optimizers/1", "data": args.data, "rounds": args.rounds,
                          "rows": rows}, indent=1))
    else:
        show(args, rows)
    differ = sorted({f"{r['model']} with {r['optimizer']}" for r in rows if not r["same_weights"]})
    if differ:
        print(f"the weights DIFFER: {', '.join(differ)}", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
