#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the figures of the two course reports that Convoy grew from, of runs made now.

    examples/plots/reports.py                                     MNIST; into the folder plots
    examples/plots/reports.py --data synthetic --limit 200 --repeats 1      a first look

It works as report one did, with matplotlib and subprocess: each run is one process of `convoy train
--json`, rounds of all layouts alternate, and a figure shows medians over the rounds. The figures
are

    one-speedup   speedup over workers, threads and ranks        (report one)
    one-cores     training time over the number of cores         (report one)
    one-curves    loss and accuracy, epoch by epoch              (report one)
    two-net       the table of the whole net                     (report two)
    two-layers    the table of the layers, with the efficiency   (report two)

and the script prints all measurements as a table in Markdown. Where the program sees a GPU, the
last two tables have columns for it. REPORT_ONE and REPORT_TWO hold the numbers that the reports
printed; docs/reports.md discusses them.
"""

import argparse
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

try:
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
except ImportError:
    print(f"reports.py: {sys.executable} has no module matplotlib (Debian: python3-matplotlib)", file=sys.stderr)
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = {"tiny-relu": 60000, "tiny-sigmoid": 1000}  # of an epoch; steps of one image need fewer

# Seconds of 5 epochs on 1 core and on 4 ranks with 32 images each; mean losses and accuracies.
REPORT_ONE = {"seconds": {1: 163.60, 4: 45.97}, "speedup": 3.56,
              "loss": {"serial": [0.5432, 0.3061, 0.2737, 0.2452, 0.2174],
                       "4 ranks": [1.0758, 0.3996, 0.3483, 0.3262, 0.3118]},
              "accuracy": {"serial": 93.97, "4 ranks": 91.55}}
# Speedups of the whole net; and of CUDA: ratio, threads, and the efficiency as it was printed.
REPORT_TWO = {"net": {"2 ranks": 1.53, "4 ranks": 1.02, "2 threads": 2.72, "4 threads": 2.62, "6 threads": 2.16},
              "layers": {"convolution": (1083, 3456, 0.3135), "pooling": (988, 3456, 0.2855),
                         "fully connected": (5501, 5120, 1.0756), "whole net": (34.14, 27776, 0.00123)}}
LAYERS = {"conv1": "convolution", "subsample1": "pooling", "dense1": "fully connected"}
REPORT, HERE, GPU, IDEAL = "#888888", "#0072b2", "#008a63", "#57606a"

# `family`: the curve that it belongs to. `options`: of `convoy train`.
Layout = collections.namedtuple("Layout", "name family workers options")


class Convoy:
    """Runs the program, and holds what the program reports of the machine."""

    def __init__(self, args):
        self.args = args
        self.info = json.loads(self.run("info", "--json"))
        self.cores = self.info["machine"]["usable_cores"]
        self.has_gpu = "cuda" in self.info["devices"]
        self.has_ranks = self.info["mpi"] is not None

    def run(self, *words):
        done = subprocess.run([self.args.program, *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"reports.py: {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def train(self, model, layout, *options):
        if layout.workers > self.cores:
            options += ("--oversubscribe",)
        options += ("--limit", min(IMAGES[model], self.args.limit))
        with tempfile.TemporaryDirectory(prefix="convoy-plots-") as folder:
            return json.loads(self.run("train", model, "--data", self.args.data, "--quiet", "--json",
                                       "--checkpoint-every", "1000000steps", "--out", f"{folder}/run",
                                       *layout.options, *options))

    def rounds(self, model, layouts, *options):
        """{layout's name: its documents}: in every round each layout runs once, one after the
        other."""
        documents = {layout.name: [] for layout in layouts}
        for number in range(self.args.repeats):
            for layout in layouts:
                print(f"{model}, round {number + 1}: {layout.name}", file=sys.stderr)
                documents[layout.name].append(self.train(model, layout, *options))
        return documents


def threads(count):
    return Layout(f"{count} thread{'s' * (count > 1)}", "threads", count, ("--threads", count))


def ranks(count, each=1):
    name = f"{count} ranks" + (f" of {each} threads" if each > 1 else "")
    return Layout(name, "ranks" if each == 1 else "ranks of threads", count * each,
                  ("--ranks", count, "--threads", each))


def seconds_of(documents):
    return statistics.median(document["train_seconds"] for document in documents)


def speedups(layouts, documents):
    """The median over the rounds of the speedup against one thread."""
    serial = documents[threads(1).name]
    return {layout.name: statistics.median(a["train_seconds"] / b["train_seconds"]
                                           for a, b in zip(serial, documents[layout.name]))
            for layout in layouts}


def save(args, figure, name):
    figure.savefig(args.out / f"{name}.{args.format}", metadata={"Date": None} if args.format == "svg" else None)
    pyplot.close(figure)


def axes(width=4.6, columns=1):
    figure, places = pyplot.subplots(1, columns, figsize=(width, 3.1), squeeze=False, layout="constrained")
    for place in places[0]:
        place.spines[["top", "right"]].set_visible(False)
    return figure, list(places[0])


def report_one(convoy):
    layouts = [threads(1), threads(2), threads(4)]
    large = Layout("4 ranks, 32 images each", "", 4,
                   ("--ranks", 4, "--per-rank-batch", 32, "--order", "shards:4"))
    if convoy.has_ranks:
        layouts += [ranks(2), ranks(4), ranks(2, 2)]
    common = ("--epochs", convoy.args.epochs)
    documents = convoy.rounds("tiny-relu", layouts, "--batch", 32, "--no-shuffle", *common)
    if convoy.has_ranks:
        documents.update(convoy.rounds("tiny-relu", [large], *common))
    draw_speedup(convoy, layouts, documents)
    draw_cores(convoy, layouts, documents)
    draw_curves(convoy, documents, large.name if convoy.has_ranks else None)
    return table(["tiny-relu", "seconds", "speedup", "test accuracy"],
                 [[name, f"{seconds_of(some):.3g}", f"{seconds_of(documents['1 thread']) / seconds_of(some):.3g}",
                   f"{100 * some[0]['epochs'][-1]['test_accuracy']:.2f} %"] for name, some in documents.items()])


def by_family(layouts):
    for family in ("threads", "ranks", "ranks of threads"):
        members = [layout for layout in layouts if layout.family == family]
        if members:  # the serial one begins all of them
            yield family, members if members[0].workers == 1 else [threads(1), *members]


def draw_speedup(convoy, layouts, documents):
    figure, (place,) = axes()
    measured = speedups(layouts, documents)
    place.plot([1, 4], [1, 4], "--", color=IDEAL, linewidth=1, label="ideal")
    place.axvline(convoy.cores, color=IDEAL, linewidth=0.7, label=f"cores: {convoy.cores}")
    for (family, members), mark in zip(by_family(layouts), "os^"):
        place.plot([layout.workers for layout in members], [measured[layout.name] for layout in members],
                   marker=mark, label=family)
    place.plot([4], [REPORT_ONE["speedup"]], "X", color=REPORT, label="report: another computation")
    place.set(xlabel="workers", ylabel="speedup", xticks=[1, 2, 4], ylim=(0, None))
    place.legend(fontsize=7.5, frameon=False, loc="upper left")
    save(convoy.args, figure, "one-speedup")


def draw_cores(convoy, layouts, documents):
    figure, (report, here) = axes(7, 2)
    report.bar(list(map(str, REPORT_ONE["seconds"])), list(REPORT_ONE["seconds"].values()), color=REPORT)
    report.set(title="report: 1 core, and 4 with 32 images each", xlabel="cores", ylabel="seconds of 5 epochs")
    here.barh([layout.name for layout in layouts], [seconds_of(documents[layout.name]) for layout in layouts],
              color=HERE)
    here.invert_yaxis()
    here.set(title=f"here, on {convoy.cores} cores, 32 images in all",
             xlabel=f"seconds of {convoy.args.epochs} epochs")
    for place in (report, here):
        place.title.set_fontsize(9)
    save(convoy.args, figure, "one-cores")


def draw_curves(convoy, documents, large):
    figure, (loss, accuracy) = axes(7, 2)
    for name, style in ("serial", "-"), ("4 ranks", "--"):
        losses = REPORT_ONE["loss"][name]
        loss.plot(range(1, len(losses) + 1), losses, style, color=REPORT, label=f"report, {name}")
        accuracy.plot([len(losses)], [REPORT_ONE["accuracy"][name]], "X" if name == "serial" else "P", color=REPORT,
                      label=f"report, {name}")
    for name, label, style in ("1 thread", "here, serial", "-"), (large, "here, 4 ranks", "--"):
        if name:
            epochs = documents[name][0]["epochs"]
            numbers = range(1, len(epochs) + 1)
            loss.plot(numbers, [epoch["train_loss"] for epoch in epochs], style, color=HERE, marker=".", label=label)
            accuracy.plot(numbers, [100 * epoch["test_accuracy"] for epoch in epochs], style, color=HERE, marker=".",
                          label=label)
    loss.set(xlabel="epoch", ylabel="mean training loss")
    accuracy.set(xlabel="epoch", ylabel="test accuracy (%)")
    for place in (loss, accuracy):
        place.legend(fontsize=7.5, frameon=False)
        place.xaxis.get_major_locator().set_params(integer=True)
    save(convoy.args, figure, "one-curves")


def report_two(convoy):
    layouts = [threads(count) for count in (1, 2, 4, 6, 8)]
    if convoy.has_ranks:
        layouts += [ranks(2), ranks(4)]
    by_tensor = ("--batch", 1, "--epochs", 1, "--threads-by", "tensor", "--ranks-by", "tensor")
    documents = convoy.rounds("tiny-sigmoid", layouts, *by_tensor)
    measured = speedups(layouts, documents)
    figure, (place,) = axes(6.2)
    names = [layout.name for layout in layouts[1:]]
    positions = range(len(names))
    place.bar([p - 0.2 for p in positions], [REPORT_TWO["net"].get(name, 0) for name in names], 0.4, color=REPORT,
              label="report")
    place.bar([p + 0.2 for p in positions], [measured[name] for name in names], 0.4, color=HERE,
              label=f"here, on {convoy.cores} cores")
    if "8 threads" in names:
        place.text(names.index("8 threads") - 0.2, 0.05, "crash", rotation=90, ha="center", fontsize=7.5, color=REPORT)
    place.axhline(1, color=IDEAL, linewidth=0.7)
    place.set(ylabel="speedup of the whole net", xticks=list(positions))
    place.set_xticklabels(names, fontsize=8)
    place.legend(fontsize=8, frameon=False)
    save(convoy.args, figure, "two-net")
    layer_table = report_two_layers(convoy)
    return table(["tiny-sigmoid, one image a step", "seconds", "speedup", "efficiency"],
                 [[layout.name, f"{seconds_of(documents[layout.name]):.3g}", f"{measured[layout.name]:.3g}",
                   f"{measured[layout.name] / layout.workers:.3g}"] for layout in layouts]) + "\n\n" + layer_table


def layer_seconds(document):
    """{layer of the report: (seconds, threads of its largest kernel)}: forward and backward, with the activation;
    and of the whole net, as it was launched for this."""
    result = {}
    for stage in document["profile"]["layers"]:
        layer = LAYERS.get(stage["layers"][0].partition(".")[0])
        if layer and stage["pass"] != "loss":
            seconds, kernel = result.get(layer, (0, 0))
            result[layer] = (seconds + stage["seconds"], max(kernel, stage.get("threads", 0)))
    result["whole net"] = (document["train_seconds"], max(kernel for _, kernel in result.values()))
    return result


def report_two_layers(convoy):
    common = ("--batch", 1, "--epochs", 1, "--profile")
    ways = [threads(1), threads(2)]
    documents = convoy.rounds("tiny-sigmoid", ways, "--no-fusion", "--threads-by", "tensor", *common)
    if convoy.has_gpu:
        documents.update(convoy.rounds("tiny-sigmoid", [Layout("GPU", "", 1, ("--device", "cuda"))], *common))
    seconds = {name: [layer_seconds(document) for document in some] for name, some in documents.items()}
    series = {"report (CUDA)": (REPORT, {layer: (ratio, efficiency) for layer, (ratio, _, efficiency)
                                         in REPORT_TWO["layers"].items()})}
    for name, colour in ("2 threads", HERE), ("GPU", GPU):
        if name in seconds:
            series[f"here, {name}"] = (colour, compared(seconds["1 thread"], seconds[name], 2))
    draw_layers(convoy, series)
    rows = [[name, layer, f"{speedup:.4g}", f"{efficiency:.3g}"]
            for name, (_, layers) in series.items() for layer, (speedup, efficiency) in layers.items()]
    return table(["layers of tiny-sigmoid", "layer", "speedup", "efficiency"], rows)


def compared(serial, parallel, workers):
    """{layer: (speedup, efficiency)} on the threads of a GPU, or on this number of threads of the
    CPU."""
    result = {}
    for layer, (_, kernel) in parallel[0].items():
        speedup = statistics.median(a[layer][0] / b[layer][0] for a, b in zip(serial, parallel))
        result[layer] = (speedup, speedup / (kernel or workers))
    return result


def draw_layers(convoy, series):
    figure, places = axes(7.6, 2)
    names = list(REPORT_TWO["layers"])
    width = 0.8 / len(series)
    for place, which, label in zip(places, (0, 1), ("speedup over one CPU thread", "efficiency")):
        for number, (name, (colour, layers)) in enumerate(series.items()):
            bars = place.bar([p + (number - (len(series) - 1) / 2) * width for p in range(len(names))],
                             [layers[layer][which] for layer in names], width, color=colour, label=name)
            place.bar_label(bars, fmt="%.3g", fontsize=6.5)
        place.set_yscale("log")
        place.axhline(1, color=IDEAL, linewidth=0.7)
        place.set(ylabel=label, xticks=range(len(names)))
        place.set_xticklabels(names, fontsize=7.5)
        place.margins(y=0.12)
    places[0].legend(fontsize=7.5, frameon=False, ncol=len(series), loc="lower left", bbox_to_anchor=(-0.1, 1))
    save(convoy.args, figure, "two-layers")


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/convoy"))
    parser.add_argument("--data", default="mnist", help="28 x 28 x 1, 10 classes")
    parser.add_argument("--limit", type=int, default=max(IMAGES.values()), help="the first images only")
    parser.add_argument("--epochs", type=int, default=5, help="of report one")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--format", choices=["svg", "png", "pdf"], default="svg")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("plots"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # Texts are written as text, and the same numbers give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "convoy", "font.family": "sans-serif"})
    convoy = Convoy(args)
    machine = convoy.info["machine"]
    images = ", ".join(f"{model}: {min(count, args.limit):,} images" for model, count in IMAGES.items())
    print(f"{args.data}, {images}; medians of {args.repeats} rounds; {machine['cpu']}, "
          f"{machine['usable_cores']} cores, convoy {convoy.info['version']}\n")
    print(report_one(convoy) + "\n", flush=True)
    print(report_two(convoy))


if __name__ == "__main__":
    main()
