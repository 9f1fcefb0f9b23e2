# SPDX-License-Identifier: Apache-2.0
"""The parts of bench/on_gpu that are NVIDIA's tools: compute-sanitizer, and Nsight Compute (ncu)."""

import csv
import json
import shutil

import gpu_measurements
import gpu_session

NETS = ("tiny-relu", "tiny-sigmoid")
TOOLS = ("memcheck", "racecheck", "synccheck")
FEW_IMAGES = 64  # two steps of 32; and few test images
FOUND = 9  # the sanitizer's exit code for errors, passed as --error-exitcode

LONGEST = 5
STAGE_KERNEL, STEPS_KERNEL = "run_code_kernel", "run_steps_kernel"
# For each kernel: (metric, its form in the table). The names are those of Nsight Compute 2022 and
# later.
DURATION = "gpu__time_duration.sum"
METRICS = {
    DURATION: None,
    "sm__throughput.avg.pct_of_peak_sustained_elapsed": "{} % of the multiprocessors",
    "gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed": "{} % of memory and caches",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed": "{} % of DRAM",
    "sm__warps_active.avg.pct_of_peak_sustained_active": "{} % of the warps",
    "launch__registers_per_thread": "{} registers",
}


def tool(session, name):
    path = shutil.which(name, path=session.environment.get("PATH"))
    if not path:
        raise gpu_session.Skipped(f"no {name} here")
    return path


def short_training(session, model, launching, *options):
    folder = session.folder / f"tools-{len(list(session.folder.iterdir()))}"
    return [session.args.program, "train", model, "--device", "cuda", "--launch", launching, "--data",
            gpu_measurements.made_images(session, FEW_IMAGES), "--epochs", 1, "--quiet", "--json", "--out", folder,
            *options]


def sanitizers(session):
    sanitizer = tool(session, "compute-sanitizer")
    for launching in ("persistent", "stages"):
        for model in NETS:
            for name in TOOLS:
                what = f"{model}, {launching}, {name}"
                session.step(what, sanitize, session, what, sanitizer, name, model, launching)


def sanitize(session, what, sanitizer, name, model, launching):
    done = session.run([sanitizer, "--tool", name, "--error-exitcode", FOUND, "--print-limit", 5,
                        *short_training(session, model, launching)])
    summary = next((line.strip("= ") for line in reversed((done.stdout + done.stderr).splitlines())
                    if "SUMMARY" in line), "")
    session.note(done.stdout)
    if done.returncode not in (0, FOUND) or not summary:
        raise gpu_session.StepFailed(f"exit code {done.returncode}: "
                                     f"{summary or gpu_session.last_line(done.stderr + done.stdout)}")
    good = done.returncode == 0
    session.report(what, summary, "", "nothing found" if good else "FOUND SOMETHING", wrong=not good)


def nsight_compute(session):
    ncu = tool(session, "ncu")
    model, batch = session.sizes.traced_net
    session.step(f"{model}, {batch}, a step by stages", longest_kernels, session, ncu, model, batch)
    session.step(f"{model}, {batch}, persistent", persistent_kernel, session, ncu, model, batch)


def kernels_in_order(session, model, batch):
    """The stage of each launch of a step: a trace has the stages in order, the profile the number
    of kernels of each stage. (The last launch of a step, which ends it, is another kernel.)"""
    trace = session.folder / "trace.json"
    document = session.document_of(short_training(session, model, "auto", "--batch", batch, "--profile", "--trace",
                                                  trace))
    launches = {f"{' + '.join(stage['layers'])} {stage['pass']}": stage["launches"]
                for stage in document["profile"]["layers"]}
    launches = {("loss" if name.endswith(" loss") else name): count for name, count in launches.items()}
    events = [event["name"] for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
    step = events[events.index("input"):events.index("waiting")]
    names = []
    for name in step:
        count = launches.get(name, 1)
        names += [name if count == 1 else f"{name}, {i + 1} of {count}" for i in range(count)]
    return names


def metrics(session, ncu, kernel, skip, count, training):
    """A dictionary of METRICS for each of `count` launches of the kernel, after `skip`. The clocks
    are not changed."""
    out = session.output_of([ncu, "--csv", "--page", "raw", "--print-units", "base", "--clock-control", "none",
                             "--kernel-name", f"regex:{kernel}", "--launch-skip", skip, "--launch-count", count,
                             "--metrics", ",".join(METRICS), *training])
    session.note(out)
    lines = [line for line in out.splitlines() if line.startswith('"')]
    found = []
    for row in csv.DictReader(lines):
        if row.get("ID"):  # the first row has the units
            found.append({name: row[name].replace(",", "") for name in METRICS if row.get(name)})
    if not found:
        raise gpu_session.StepFailed(gpu_session.last_line(out) or "ncu reported no kernel")
    return found


def longest_kernels(session, ncu, model, batch):
    names = kernels_in_order(session, model, batch)
    # Of the second step, when everything is loaded
    found = metrics(session, ncu, STAGE_KERNEL, len(names), len(names),
                    short_training(session, model, "stages", "--batch", batch))
    if len(found) != len(names):
        raise gpu_session.StepFailed(f"{len(names)} kernels in a step, ncu saw {len(found)}")
    longest = sorted(zip(names, found), key=lambda entry: -float(entry[1][DURATION]))[:LONGEST]
    for name, values in longest:
        report_kernel(session, f"{model}, {batch}: {name}", values)


def persistent_kernel(session, ncu, model, batch):
    values, = metrics(session, ncu, STEPS_KERNEL, 0, 1, short_training(session, model, "persistent", "--batch", batch))
    report_kernel(session, f"{model}, {batch}: the persistent kernel", values)


def report_kernel(session, what, values):
    said = [words.format(f"{float(values[name]):.4g}") for name, words in METRICS.items()
            if words and name in values]
    session.report(what, f"{float(values[DURATION]) / 1e3:,.2f} us", ", ".join(said), "", document=values)
