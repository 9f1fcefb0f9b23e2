# SPDX-License-Identifier: Apache-2.0
"""Compares digests of the models on a GPU with those recorded on the CPU (gpu_digests.json).

    python3 bench/gpu_digests.py --record [--program FILE]      records them anew
"""

import argparse
import json
import pathlib
import tempfile

import convoy_runs
import gpu_session

RECORD = pathlib.Path(__file__).resolve().parent / "gpu_digests.json"
MODELS = ("tiny-relu", "tiny-sigmoid", "lenet5", "mnist-fast", "vgg-small")
LAUNCHINGS = ("stages", "graph", "persistent")
DOES_NOT_FIT = "do not fit the shared memory"


def training(program, entry, data, folder, *options):
    """The command; `folder` has to be new."""
    return [program, "train", entry["model"], "--data", data, "--limit", entry["images"], "--epochs",
            entry["epochs"], "--quiet", "--json", "--out", folder, *options]


def recorded(size):
    return [entry for entry in json.loads(RECORD.read_text()) if entry["size"] == size]


def digests(session):
    entries = recorded(session.sizes.digests)
    data = session.folder / "digest-data"
    convoy_runs.make_data(data, max(entry["images"] for entry in entries))
    for entry in entries:
        for launching in LAUNCHINGS:
            what = f"{entry['model']}, {launching}"
            session.step(what, compare, session, what, entry, data, launching)


def compare(session, what, entry, data, launching):
    folder = session.folder / f"digest-{entry['model']}-{launching}"
    done = session.run(training(session.args.program, entry, data, folder, "--device", "cuda", "--launch", launching))
    if done.returncode == convoy_runs.UNAVAILABLE and DOES_NOT_FIT in done.stderr:
        raise gpu_session.Skipped("a sample does not fit a multiprocessor's shared memory")
    if done.returncode:
        raise gpu_session.StepFailed(f"exit code {done.returncode}: {gpu_session.last_line(done.stderr)}")
    document, wanted = json.loads(done.stdout), entry["weights_sha256"]
    same = document["weights_sha256"] == wanted
    session.report(what, document["weights_sha256"][:16], f"the CPU's: {wanted[:16]}",
                   "the same" if same else "OTHER WEIGHTS", wrong=not same, document=document)


# One set of sizes suits a GPU, the other one fibers.
def to_record():
    for model in MODELS:
        large = model == "vgg-small"
        yield {"size": "full", "model": model, "images": 200 if large else 1000, "epochs": 2}
        yield {"size": "tiny", "model": model, "images": 2 if large else 12, "epochs": 1}


def on_cpu(program, entry):
    with tempfile.TemporaryDirectory(prefix="convoy-digests-") as folder:
        data = pathlib.Path(folder) / "data"
        convoy_runs.make_data(data, entry["images"])
        return convoy_runs.train(program, entry["model"], "--data", data, "--limit", entry["images"], "--epochs",
                                 entry["epochs"])["weights_sha256"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", required=True)
    parser.add_argument("--program", default=str(convoy_runs.PROGRAM))
    args = parser.parse_args()
    entries = [{**entry, "weights_sha256": on_cpu(args.program, entry)} for entry in to_record()]
    RECORD.write_text("[\n" + ",\n".join(" " + json.dumps(entry) for entry in entries) + "\n]\n")


if __name__ == "__main__":
    main()
