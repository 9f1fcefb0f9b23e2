#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     AdamWScheduleFree's eval() and train(), called around an evaluation, give the training its weights back; how
#            often a training is evaluated changes nothing of its result.
# Behaviour: both calls interpolate the weights in place, and rounding does not undo itself. A training that is
#            evaluated after every step ends with other bits in most of its weights, in float32 by some 3e-7 and in
#            bfloat16 by 4 % of their norm after 200 steps; the same training without evaluations repeats bit for
#            bit. AdamWScheduleFreeReference, which keeps copies, does not depend on evaluations.
# Versions:  schedulefree 1.4.1, PyTorch 2.15.0. Seen on 30 November 2026 for a net of two layers and 200 steps
#            (weights that differ, norm of the difference divided by that of the weights):
#            float32 86 %, 3.2e-07   bfloat16 86 %, 0.044   reference, float32 0 %, 0
# Fails if:  fewer than 30 % of the weights differ, bfloat16 is off by less than 0.5 %, or the reference differs at all.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6 schedulefree==1.4.1
"$work/venv/bin/python" - <<'END'
import contextlib, io
import torch
from schedulefree import AdamWScheduleFree, AdamWScheduleFreeReference


def train(make, dtype, evaluate):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.ReLU(), torch.nn.Linear(50, 5)).to(dtype)
    samples, labels = torch.randn(64, 20).to(dtype), torch.randint(5, (64,))
    optimizer = make(net.parameters(), lr=0.01)
    with contextlib.redirect_stdout(io.StringIO()):
        optimizer.train()
        for _ in range(200):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(samples), labels).backward()
            optimizer.step()
            if evaluate:
                optimizer.eval()
                optimizer.train()
        optimizer.eval()
    return torch.cat([weights.detach().flatten() for weights in net.parameters()])


def compare(make, dtype):
    never, again, always = (train(make, dtype, evaluate) for evaluate in (False, False, True))
    assert torch.equal(never, again)
    a, b = never.double(), always.double()
    return (a != b).double().mean().item(), ((a - b).norm() / a.norm()).item()


seen = {"float32": compare(AdamWScheduleFree, torch.float32), "bfloat16": compare(AdamWScheduleFree, torch.bfloat16),
        "reference, float32": compare(AdamWScheduleFreeReference, torch.float32)}
print("   ".join(f"{name} {share:.0%}, {error:.2g}" for name, (share, error) in seen.items()))
assert seen["float32"][0] > 0.3 and seen["bfloat16"][0] > 0.3, "evaluations change less now"
assert seen["bfloat16"][1] > 0.005 and seen["reference, float32"] == (0, 0), "the behaviour has changed"
END
