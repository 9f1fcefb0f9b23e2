#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the same net on threads, on ranks and with every way of summing, side by side in one run.

    bench/ranks.py                              tiny-relu, lenet5 and vgg-small, 5 alternating rounds
    bench/ranks.py --models tiny-relu --rounds 9

Each configuration runs once in every round, in processes of its own, so that other work of the
machine affects all alike. The script prints medians over the rounds of the images per second of
training steps, and their ratios to one thread. All configurations but 'fast' must give the same
weights; otherwise the script says so and fails.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYOUTS = {
    "1 thread": ["--threads", "1"],
    "2 threads": ["--threads", "2"],
    "2 ranks, shared memory": ["--ranks", "2", "--threads", "1"],
    "2 ranks, shared memory, root": ["--ranks", "2", "--threads", "1", "--reduction", "root"],
    "2 ranks, messages": ["--ranks", "2", "--threads", "1", "--exchange", "messages"],
    "2 ranks, messages, root": ["--ranks", "2", "--threads", "1", "--exchange", "messages",
                                "--reduction", "root"],
    "2 ranks, fast (allreduce)": ["--ranks", "2", "--threads", "1", "--exchange", "messages",
                                  "--reduction", "fast"],
    "2 ranks by tensor": ["--ranks", "2", "--threads", "1", "--ranks-by", "tensor"],
}
SAMPLES = {"tiny-relu": 60000, "lenet5": 24000, "vgg-small": 1280}
BATCH = {"vgg-small": 64}


def measure(program, model, layout, folder):
    command = [program, "train", model, "--no-shuffle", "--epochs", "1", "--quiet", "--json",
               "--limit", str(SAMPLES[model]), "--batch", str(BATCH.get(model, 32)),
               *LAYOUTS[layout]]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command += ["--out", str(pathlib.Path(out) / "run")]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(SAMPLES), choices=list(SAMPLES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(ROOT / "build/release/convoy"))
    args = parser.parse_args()
    failed = False
    for model in args.models:
        rates = {layout: [] for layout in LAYOUTS}
        digests = {}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(args.rounds):
                for layout in LAYOUTS:
                    result = measure(args.program, model, layout, folder)
                    rates[layout].append(result["epochs"][0]["images_per_second"])
                    digests[layout] = result["weights_sha256"]
        machine = result["machine"]
        print(f"{model}, batch {result['batch']}, {SAMPLES[model]} images, {result['isa']}, "
              f"{machine['cpu']}, {machine['usable_cores']} cores, {args.rounds} rounds")
        base = statistics.median(rates["1 thread"])
        for layout, values in rates.items():
            rate = statistics.median(values)
            print(f"  {layout:30} {rate:10,.0f} images/s   {rate / base:5.2f} x"
                  f"   ({min(values):,.0f} to {max(values):,.0f})")
        exact = {digest for layout, digest in digests.items() if "fast" not in layout}
        if len(exact) != 1:
            failed = True
            print("  the weights DIFFER: " + json.dumps(digests))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
