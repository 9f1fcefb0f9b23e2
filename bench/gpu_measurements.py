# SPDX-License-Identifier: Apache-2.0
"""The parts of bench/on_gpu that measure times: whole nets, layers, PyTorch."""

import dataclasses
import json
import pathlib
import sys

import convoy_runs
import gpu_session

BENCH = pathlib.Path(__file__).resolve().parent
EPOCH_IMAGES = 60000


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of all measurements."""
    digests: str            # which of the recorded ones
    nets: tuple             # whose steps are timed
    launching: str          # of these steps
    bench_seconds: float
    images: int             # of an epoch
    rounds: int
    seeds: int
    digits: str             # the data set that mnist-fast learns; "": made images
    layers: tuple           # (model, batch)
    pytorch: tuple          # (model, batch)
    pytorch_options: tuple
    traced_net: tuple       # (model, batch): its kernels go to Nsight Compute


FULL = Sizes("full", ("tiny-relu", "tiny-sigmoid", "lenet5", "mnist-fast", "vgg-small"), "auto", 3, EPOCH_IMAGES, 3,
             20, "mnist", (("tiny-sigmoid", 1), ("lenet5", 32)),
             (("lenet5", 32), ("lenet5", 512), ("tiny-relu", 32), ("tiny-sigmoid", 1)), (), ("lenet5", 32))
TINY = Sizes("tiny", ("tiny-relu",), "graph", 0.01, 8, 1, 2, "", (("tiny-sigmoid", 1),), (("tiny-relu", 32),),
             ("--images", 32, "--passes", 1), ("tiny-sigmoid", 1))


def data_for(session):
    """MNIST or Fashion-MNIST, where there is one; else made images of the same size."""
    if session.sizes.digits:
        found = {data["name"] for data in session.info["data"] if data["found"]}
        for name in ("mnist", "fashion-mnist"):
            if name in found:
                return name
    return made_images(session, session.sizes.images)


def made_images(session, images):
    folder = session.folder / f"{images}-images"
    if not folder.exists():
        convoy_runs.make_data(folder, images)
    return folder


def script(session, name, *options):
    return session.document_of([sys.executable, BENCH / name, "--program", session.args.program, "--json", *options])


def whole_nets(session):
    for model in session.sizes.nets:
        session.step(f"{model}, steps", steps_of, session, model)
    for model in ("tiny-relu", "tiny-sigmoid"):
        session.step(f"{model}, an epoch", epoch_of, session, model)
    session.step(f"mnist-fast, {session.sizes.seeds} seeds", fast, session)


def milliseconds(seconds):
    return f"{1e3 * seconds:,.4g} ms"


def spread(entry, scale, digits, unit):
    return (f"{scale * entry['median']:,.{digits}f} {unit} ({scale * entry['lowest']:,.{digits}f} to "
            f"{scale * entry['highest']:,.{digits}f})")


def steps_of(session, model):
    document = session.document_of([session.args.program, "bench", model, "--device", "cuda", "--launch",
                                    session.sizes.launching, "--seconds", session.sizes.bench_seconds, "--json",
                                    "--quiet"])
    limits = document["limits"][0]
    for step in document["steps"]:
        session.report(f"{model}, {document['batch']}, a step by {step['launching']}",
                       f"{step['images_per_second']:,.0f} images/s",
                       f"{spread(step['seconds'], 1e6, 2, 'us')}, {step['launches_per_step']:.4g} launches",
                       f"{100 * step['share_of_peak']:.1f} % of {limits['flops_per_second'] / 1e12:.3g} TFLOP/s, "
                       f"{100 * step['share_of_bandwidth']:.1f} % of "
                       f"{limits['bandwidths'][0]['bytes_per_second'] / 1e9:,.0f} GB/s", document=document)
        document = None  # once is enough


def epoch_of(session, model):
    document = script(session, "cuda_epoch.py", "--model", model, "--rounds", session.sizes.rounds, "--data",
                      data_for(session), *(["--limit", session.sizes.images] if session.sizes.images < EPOCH_IMAGES
                                           else []))
    row, = document["rows"]
    for launching, entry in row["launchings"].items():
        same = entry["same_weights"]
        times = {"median": entry["train_seconds"], **entry}
        session.report(f"{model}, {row['batch']}, {entry['updates']:,} updates by {launching}",
                       spread(times, 1e3, 1, "ms"),
                       f"goal {1e3 * row['goal_seconds']:.0f} ms, {entry['launches_per_step']:.4g} launches per step",
                       "the weights of the CPU" if same else "OTHER WEIGHTS", wrong=not same, document=document)
        document = None


def fast(session):
    data = data_for(session)
    if session.sizes.digits not in ("", data):
        raise gpu_session.Skipped("no MNIST here")
    document = script(session, "mnist_fast.py", "--device", "cuda", "--seeds", session.sizes.seeds, "--data", data)
    accuracy, seconds = document["test_accuracy"], document["train_seconds"]
    session.report(f"mnist-fast, seeds 1 to {document['seeds']}",
                   f"{seconds['mean']:.3f} s ({seconds['lowest']:.3f} to {seconds['highest']:.3f})", "goal 0.2 s",
                   f"{100 * accuracy['mean']:.2f} % ({100 * accuracy['lowest']:.2f} to "
                   f"{100 * accuracy['highest']:.2f})", document=document)


def layers(session):
    for model, batch in session.sizes.layers:
        session.step(f"{model}, {batch}", layers_of, session, model, batch)


def trained(session, model, batch, *options):
    folder = session.folder / f"layers-{len(list(session.folder.iterdir()))}"
    return session.document_of([session.args.program, "train", model, "--batch", batch, "--data", data_for(session),
                                "--limit", session.sizes.images, "--epochs", 1, "--quiet", "--json",
                                "--checkpoint-every", "1000000steps", "--out", folder, *options])


def by_layer(document):
    """{layer: (seconds, threads)}: forward and backward with the activation, without the loss; the threads are
    those of its largest kernel."""
    result = {}
    for stage in document["profile"]["layers"]:
        if stage["pass"] != "loss":
            name = stage["layers"][0].partition(".")[0]
            seconds, threads = result.get(name, (0, 0))
            result[name] = (seconds + stage["seconds"], max(threads, stage.get("threads", 0)))
    return result


def layers_of(session, model, batch):
    one_thread = ("--device", "cpu", "--threads", 1)
    cpu = by_layer(trained(session, model, batch, *one_thread, "--no-fusion", "--profile"))
    document = trained(session, model, batch, "--device", "cuda", "--launch", "stages", "--profile")
    gpu = by_layer(document)
    about = f"{model}, {batch}, {document['samples']:,} images"
    for name, (seconds, threads) in gpu.items():
        compared(session, f"{about}: {name}", seconds, threads, cpu[name][0], document)
        document = None
    whole = trained(session, model, batch, *one_thread)["train_seconds"]
    for launching, threads in (("stages", max(threads for _, threads in gpu.values())), ("auto", None)):
        document = trained(session, model, batch, "--device", "cuda", "--launch", launching)
        compared(session, f"{about}: whole net, {launching}", document["train_seconds"], threads, whole, document)


def compared(session, what, seconds, threads, seconds_of_cpu, document):
    """A table like the second report's, whose serial program is one thread of the CPU."""
    speedup = seconds_of_cpu / seconds
    measured = milliseconds(seconds)
    verdict = f"{speedup:.4g} x"
    if threads:
        measured += f", {threads:,} threads"
        verdict += f", efficiency {speedup / threads:.3g}"
    session.report(what, measured, f"{milliseconds(seconds_of_cpu)} by one CPU thread", verdict, document=document)


def pytorch(session):
    done = session.run([session.args.python, "-c", "import torch, numpy; print(torch.__version__)"])
    if done.returncode:
        raise gpu_session.Skipped(f"no PyTorch: {gpu_session.last_line(done.stderr)}")
    for model, batch in session.sizes.pytorch:
        session.step(f"{model}, {batch}", beside_pytorch, session, model, batch)


def beside_pytorch(session, model, batch):
    document = script(session, "against_pytorch.py", "--device", "cuda", "--model", model, "--batch", batch,
                      "--python", session.args.python, "--rounds", session.sizes.rounds, "--patience", 90, "--data",
                      data_for(session), *session.sizes.pytorch_options)
    row, = document["rows"]
    convoy = max(row["convoy"].items(), key=lambda entry: entry[1]["images_per_second"], default=None)
    if convoy is None:
        raise gpu_session.StepFailed(json.dumps(row["failed"]))
    launching, ours = convoy
    beside = [f"{mode}: {entry['images_per_second']:,.0f}" for mode, entry in row["pytorch"].items()]
    ratios = [f"{row['ratio'][mode]:.1f} x {mode}" for mode in row["pytorch"]]
    session.report(f"{model}, {batch}, Convoy by {launching}", f"{ours['images_per_second']:,.0f} images/s",
                   "; ".join(beside + [f"{what}: {why}" for what, why in row["failed"].items()]),
                   ", ".join(ratios) or "PyTorch did not run", wrong=not row["pytorch"], document=document)
