#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what batch normalisation costs, and how it scales with threads.

    bench/batch_norm.py                          tiny-relu and vgg-small; 7 alternating rounds
    bench/batch_norm.py --models lenet5 --rounds 9

Each net is trained as it is, and with a batch normalisation after each convolution (which then has
no bias). Both run once on one thread and once on two in every round, each in a process of its own;
the script prints medians, the scaling from one thread to two, and how a step of one thread with
batch normalisation divides into stages. The figures are valid only on an otherwise idle machine.
The script fails where the weights of two runs of a net differ.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

import convoy_runs

# Images, passes over them, and the data set: about half a second each.
NETS = {"tiny-relu": (28800, 4, "fashion-mnist"), "lenet5": (12800, 2, "fashion-mnist"),
        "vgg-small": (1280, 2, "fashion-mnist")}
THREADS = (1, 2)


def with_batch_norm(text):
    """The model file with a batch normalisation after each convolution, which takes its activation."""
    result, table = [], []

    def end_table():
        if any(line.split("#")[0].strip() == 'type = "conv2d"' for line in table):
            activation = [line for line in table if line.startswith("activation")]
            kept = [line for line in table if not line.startswith(("activation", "bias"))]
            result.extend([*kept, "bias = false", "", "[[layer]]", 'type = "batch_norm2d"', *activation, ""])
        else:
            result.extend(table)
        table.clear()

    for line in text.splitlines():
        if line.startswith("["):
            end_table()
        table.append(line)
    end_table()
    return "\n".join(result) + "\n"


def measure(args, model):
    images, passes, data = NETS[model]
    rates, documents, digests = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        folder = pathlib.Path(folder)
        source = (convoy_runs.ROOT / "models" / f"{model}.toml").read_text()
        nets = {"without": source, "with": with_batch_norm(source)}
        for name, text in nets.items():
            (folder / f"{name}.toml").write_text(text)
        for round_ in range(args.rounds):
            convoy_runs.log(f"{model}: round {round_ + 1} of {args.rounds}")
            for name in nets:
                for threads in THREADS:
                    document = convoy_runs.train(
                        args.program, folder / f"{name}.toml", "--data", convoy_runs.data_folder(data), "--limit",
                        images, "--epochs", passes, "--threads", threads, "--set", "optimizer.learning_rate=0.0005")
                    rates.setdefault((name, threads), []).append(images * passes / document["train_seconds"])
                    digests.setdefault(name, set()).add(document["weights_sha256"])
                    documents[name, threads] = document
        profile = convoy_runs.train(args.program, folder / "with.toml", "--data", convoy_runs.data_folder(data),
                                    "--limit", images, "--threads", 1, "--profile")["profile"]
    return {"model": model, "batch": documents["with", 1]["batch"],
            "rates": {f"{name} {threads}": rates[name, threads] for name, threads in rates},
            "peak_memory_mib": {name: documents[name, 1]["peak_memory_bytes"] / 2**20 for name in nets},
            "stages": stages_of(profile), "same_weights": all(len(found) == 1 for found in digests.values()),
            "machine": documents["with", 1]["machine"], "isa": documents["with", 1]["isa"]}


def stages_of(profile):
    """Shares of a step of one thread, by kind of work."""
    worker, sums = profile["workers"][0], {}
    for stage in profile["layers"]:
        normalises = any("batch_norm" in layer for layer in stage["layers"])
        kind = f"batch normalisation, {stage['pass']}" if normalises else f"other layers, {stage['pass']}"
        sums[kind] = sums.get(kind, 0) + stage["seconds"]
    sums["reductions"] = worker["reduction"]
    sums["update"] = worker["update"]
    sums["input"] = worker["input"]
    all_seconds = sum(sums.values())
    return {kind: seconds / all_seconds for kind, seconds in sums.items()}


def show(args, results):
    machine = results[0]["machine"]
    print(f"{time.strftime('%-d %B %Y')}, {machine['cpu']}, {machine['usable_cores']} cores, {results[0]['isa']}, "
          f"medians of {args.rounds} alternating rounds\n")
    rows = []
    for result in results:
        scalings = {}
        for name in ("without", "with"):
            one, two = (statistics.median(result["rates"][f"{name} {threads}"]) for threads in THREADS)
            scalings[name] = two / one
            rows.append([result["model"], name, f"{one:,.0f}", f"{two:,.0f}", f"{two / one:.2f}",
                         f"{scalings['with'] / scalings['without']:.2f}" if name == "with" else "",
                         f"{result['peak_memory_mib'][name]:.1f}"])
    print(convoy_runs.table(["net", "batch normalisation", "1 thread, images/s", "2 threads", "scaling",
                             "against without", "peak memory, MiB"], rows))
    for result in results:
        print(f"\nA step of {result['model']} with batch normalisation, one thread:\n")
        print(convoy_runs.table(["work", "of the step"],
                                [[kind, f"{100 * share:.1f} %"] for kind, share in result["stages"].items()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tiny-relu", "vgg-small"], choices=list(NETS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = [measure(args, model) for model in args.models]
    if args.json:
        print(json.dumps({"schema": "convoy.batch-norm/1", "rounds": args.rounds, "results": results}, indent=1))
    else:
        show(args, results)
    differ = [result["model"] for result in results if not result["same_weights"]]
    if differ:
        print(f"the weights DIFFER: {', '.join(differ)}", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
