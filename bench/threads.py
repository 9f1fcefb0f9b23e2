#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures images per second of each net on one thread, on two, and on more threads than cores.

    bench/threads.py                        batch 64; 1, 2 and 64 threads; 5 alternating rounds
    bench/threads.py --models lenet5 --rounds 9
    bench/threads.py --startup              instead: one epoch's process time beyond its training time

Each configuration runs once in every round, in a process of its own, and the script prints medians.
The figures are valid only on an otherwise idle machine. The script fails where the weights differ.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

import convoy_runs

# Images, and the number of passes of a measurement over them: about a second for one thread.
NETS = {"tiny-relu": (28800, 6), "tiny-sigmoid": (28800, 6), "lenet5": (12800, 3),
        "vgg-small": (2560, 1)}
MANY = 64


def scaling(args, model):
    images, passes = NETS[model]
    seconds = {threads: [] for threads in (1, 2, MANY)}
    digests = set()
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        convoy_runs.copy_data(args.data, images, pathlib.Path(folder))
        for round_ in range(args.rounds):
            convoy_runs.log(f"{model}: round {round_ + 1} of {args.rounds}")
            for threads, times in seconds.items():
                document = convoy_runs.train(args.program, model, "--data", folder, "--batch",
                                             args.batch, "--epochs", passes, "--threads", threads)
                times.append(document["train_seconds"])
                digests.add(document["weights_sha256"])
    median = {threads: statistics.median(times) for threads, times in seconds.items()}
    rate = {str(threads): images * passes / s for threads, s in median.items()}
    return {"model": model, "batch": args.batch, "images_per_second": rate,
            "seconds": {str(threads): times for threads, times in seconds.items()},
            "two_threads": median[1] / median[2],
            "many_threads_time": median[MANY] / min(median[1], median[2]),
            "same_weights": len(digests) == 1, "machine": document["machine"],
            "isa": document["isa"]}


def startup(args):
    """The seconds of `convoy train tiny-relu --epochs 1` from process start to exit, without the
    training."""
    process = {threads: [] for threads in (1, 2)}
    training = {threads: [] for threads in (1, 2)}
    for round_ in range(args.rounds):
        convoy_runs.log(f"start-up: round {round_ + 1} of {args.rounds}")
        for threads in process:
            document = convoy_runs.train(args.program, "tiny-relu", "--data", args.data, "--epochs", 1,
                                         "--threads", threads)
            process[threads].append(document["process_seconds"])
            training[threads].append(document["train_seconds"])
    results = []
    for threads in process:
        beyond = [a - b for a, b in zip(process[threads], training[threads])]
        results.append({"threads": threads, "process_seconds": statistics.median(process[threads]),
                        "train_seconds": statistics.median(training[threads]),
                        "beyond_seconds": statistics.median(beyond), "lowest": min(beyond),
                        "highest": max(beyond), "machine": document["machine"],
                        "isa": document["isa"]})
    return results


def show(args, results):
    machine = results[0]["machine"]
    print(f"{time.strftime('%-d %B %Y')}, {machine['cpu']}, {machine['usable_cores']} cores, "
          f"{results[0]['isa']}, {args.data}, medians of {args.rounds} alternating rounds\n")
    if args.startup:
        print(convoy_runs.table(
            ["tiny-relu, 1 epoch", "process, s", "training, s", "beyond training, s", "lowest",
             "highest"],
            [[f"{r['threads']} thread{'s' * (r['threads'] > 1)}"] +
             [f"{r[key]:.2f}" for key in ("process_seconds", "train_seconds", "beyond_seconds",
                                          "lowest", "highest")] for r in results]))
        return
    print(convoy_runs.table(
        ["net, batch", "1 thread, images/s", "2 threads", "2 against 1",
         f"`--threads {MANY}`: time against the best"],
        [[f"{r['model']}, {r['batch']}", f"{r['images_per_second']['1']:,.0f}",
          f"{r['images_per_second']['2']:,.0f}", f"{r['two_threads']:.2f} x",
          f"{r['many_threads_time']:.2f} x"] for r in results]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--startup", action="store_true")
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = startup(args) if args.startup else [scaling(args, model) for model in args.models]
    if args.json:
        print(json.dumps({"schema": "convoy.threads/1", "data": args.data, "rounds": args.rounds,
                          "rows": results}, indent=1))
    else:
        show(args, results)
    differ = [r["model"] for r in results if not r.get("same_weights", True)]
    if differ:
        print(f"the weights DIFFER: {', '.join(differ)}", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
