#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains mnist-fast on MNIST from many seeds, and measures its accuracy and its training time.

    bench/mnist_fast.py                             seeds 1 to 20, 2 threads: a table in Markdown
    bench/mnist_fast.py --seeds 5 --threads 1
    bench/mnist_fast.py --device cuda
    bench/mnist_fast.py --json > result.json

The accuracy is that of the last weights on the 10,000 test images, whichever epoch was the best; it
depends on the seed alone, neither on the machine nor on its threads or its device. The training
time is that of all steps, shuffling included; it excludes loading, the test after each epoch and
the writing of the run folder. Needs MNIST: `convoy fetch mnist`.
"""

import argparse
import json
import statistics

import convoy_runs


def summary(values):
    return {"mean": statistics.mean(values), "lowest": min(values), "highest": max(values)}


def measure(args):
    if args.device == "cuda":
        convoy_runs.require_gpu(args.program)
        layout = ["--device", "cuda"]
    else:
        layout = ["--threads", args.threads]
    if args.limit:
        layout += ["--limit", args.limit]
    runs = []
    for seed in range(1, args.seeds + 1):
        result = convoy_runs.train(args.program, args.model, "--data", args.data, "--seed", seed, *layout)
        runs.append({"seed": seed, "test_accuracy": result["epochs"][-1]["test_accuracy"],
                     "train_seconds": result["train_seconds"],
                     "weights_sha256": result["weights_sha256"]})
        convoy_runs.log(f"seed {seed}: {100 * runs[-1]['test_accuracy']:.2f} %, "
                        f"{runs[-1]['train_seconds']:.2f} s")
    return {"schema": "convoy.mnist_fast/1", "model": args.model, "data": args.data, "device": args.device,
            "threads": result["threads"], "seeds": args.seeds, "epochs": len(result["epochs"]),
            "batch": result["batch"], "isa": result["isa"], "machine": result["machine"],
            "test_accuracy": summary([run["test_accuracy"] for run in runs]),
            "train_seconds": summary([run["train_seconds"] for run in runs]), "runs": runs}


def report(document):
    accuracy, seconds = document["test_accuracy"], document["train_seconds"]
    threads, gpu = document["threads"], document["device"] == "cuda"
    worker = "1 GPU" if gpu else f"{threads} thread{'' if threads == 1 else 's'}"
    print(f"{document['model']} on {document['data']}, {document['epochs']} epochs, batch {document['batch']}; "
          f"{document['isa']}, {document['machine'].get('cpu', '')}, "
          f"{document['machine'].get('usable_cores', '?')} cores\n")
    print(convoy_runs.table(
        [f"seeds 1 to {document['seeds']}", "mean", "lowest", "highest"],
        [["test accuracy", f"{100 * accuracy['mean']:.3f} %", f"{100 * accuracy['lowest']:.2f} %",
          f"{100 * accuracy['highest']:.2f} %"],
         [f"training, {worker}", *(f"{seconds[k]:.{3 if gpu else 2}f} s" for k in ("mean", "lowest", "highest"))]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--model", default="mnist-fast", help="a name, or a file")
    parser.add_argument("--data", default="mnist", help="another data set than the one that the goal is for")
    parser.add_argument("--limit", type=int, help="the first images only")
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.seeds < 1:
        parser.error("--seeds must be at least 1")
    document = measure(args)
    if args.json:
        print(json.dumps(document, indent=1))
    else:
        report(document)


if __name__ == "__main__":
    main()
