#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     torch.use_deterministic_algorithms(True) and a fixed seed give the same trained weights on one CPU
#            thread and on two: the flag promises "the same output for the same input".
# Behaviour: every number of threads gives weights of its own, without a warning. Each number of threads
#            repeats its own bits. The flag chooses operations; it does not fix how oneDNN and the gradients of
#            the bias are divided among threads, and so not the order of additions.
# Versions:  PyTorch 2.15.0 (PyPI, CPU), NumPy 2.4.6. Seen on 30 November 2026 on x86-64 with AVX-512:
#            1 29cb19013649  2 20bc3f7135db  3 613993b91e25  4 fef531ae7746  1 29cb19013649  2 20bc3f7135db
#            (other processors give other digests).
# Fails if:  1 and 2 threads agree, or if one of them does not repeat its own bits.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import hashlib, torch
from torch import nn

torch.use_deterministic_algorithms(True)


def trained(threads, batch=32, steps=20):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    numbers = torch.Generator().manual_seed(1)
    images = torch.rand(batch * steps, 1, 28, 28, generator=numbers)
    labels = torch.randint(0, 10, (batch * steps,), generator=numbers)
    for x, y in zip(images.split(batch), labels.split(batch)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    return hashlib.sha256(weights).hexdigest()[:12]


seen = [(threads, trained(threads)) for threads in (1, 2, 3, 4, 1, 2)]
print(*(f"{threads} {digest}" for threads, digest in seen), sep="  ")
assert seen[0] == seen[4] and seen[1] == seen[5], "a number of threads no longer repeats its own bits"
assert seen[0][1] != seen[1][1], "one and two threads now give the same weights"
END
