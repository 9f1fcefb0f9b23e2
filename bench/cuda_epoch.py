#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures one epoch of the tiny nets on a GPU: the time and the number of launches of its steps,
and whether the weights are those of the processor.

    bench/cuda_epoch.py                         tiny-relu (batch 32) and tiny-sigmoid (batch 1), all images
    bench/cuda_epoch.py --rounds 9 --launch persistent
    bench/cuda_epoch.py --json > result.json

In every round each way of launching trains once, from the same seed. The script prints medians with
the lowest and the highest time. The time is that of the training steps, without loading, evaluation
and checkpoints. The script compares the digest with that of `--device cpu`.
"""

import argparse
import collections
import json
import statistics
import time

import convoy_runs

Row = collections.namedtuple("Row", "model batch goal_seconds")  # the goals are for an H200
ROWS = [Row("tiny-relu", 32, 0.020), Row("tiny-sigmoid", 1, 0.200)]
LAUNCHINGS = ("stages", "graph", "persistent")


def train(args, row, *more):
    limit = ["--limit", args.limit] if args.limit else []
    return convoy_runs.train(args.program, row.model, "--data", args.data, "--batch", row.batch, "--epochs", 1,
                             *limit, *more)


def measure(args, row, launchings):
    digest = train(args, row, "--device", "cpu")["weights_sha256"]
    documents = {launching: [] for launching in launchings}
    for count in range(args.rounds):
        convoy_runs.log(f"{row.model}, {row.batch}: round {count + 1} of {args.rounds}")
        for launching, of_launching in documents.items():
            of_launching.append(train(args, row, "--device", "cuda", "--launch", launching))
    return {**row._asdict(), "weights_sha256": digest,
            "launchings": {launching: summary(some, digest) for launching, some in documents.items()}}


def summary(documents, digest):
    seconds = [document["train_seconds"] for document in documents]
    return {"train_seconds": statistics.median(seconds), "lowest": min(seconds), "highest": max(seconds),
            "updates": -(-documents[0]["samples"] // documents[0]["batch"]),
            "launches_per_step": documents[0]["launches_per_step"],
            "same_weights": all(document["weights_sha256"] == digest for document in documents)}


def show(args, results, info):
    print(f"{time.strftime('%-d %B %Y')}, {info['gpus'][0]['name']}, {info['cuda']}, Convoy {info['version']}, "
          f"{args.data}; one epoch, medians of {args.rounds} alternating rounds\n")
    rows = []
    for r in results:
        for launching, e in r["launchings"].items():
            rows.append([f"{r['model']}, {r['batch']}", launching, f"{e['updates']:,}",
                         *(f"{1e3 * e[key]:,.1f} ms" for key in ("train_seconds", "lowest", "highest")),
                         "-" if args.limit else f"{1e3 * r['goal_seconds']:.0f} ms", f"{e['launches_per_step']:.4g}",
                         "yes" if e["same_weights"] else "NO"])
    print(convoy_runs.table(["net, batch", "launched as", "updates", "training", "lowest", "highest", "goal",
                             "launches per step", "weights of the processor"], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=[row.model for row in ROWS], help="only this one")
    parser.add_argument("--data", default="fashion-mnist", help="28 x 28 x 1, 10 classes")
    parser.add_argument("--limit", type=int, help="the first images only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--launch", choices=LAUNCHINGS, help="only in this way; default: in all")
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    info = convoy_runs.require_gpu(args.program)
    launchings = (args.launch,) if args.launch else LAUNCHINGS
    results = [measure(args, row, launchings) for row in ROWS if args.model in (None, row.model)]
    if args.json:
        print(json.dumps({"schema": "convoy.cuda_epoch/1", "data": args.data, "rounds": args.rounds,
                          "gpu": info["gpus"][0], "cuda": info["cuda"], "rows": results}, indent=1))
    else:
        show(args, results, info)
    if not all(e["same_weights"] for r in results for e in r["launchings"].values()):
        raise SystemExit("the GPU came to other weights than the processor")


if __name__ == "__main__":
    main()
