#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     Lookahead (Zhang et al. 2019) is the same in every package: the slow weights begin as the initial
#            weights, and every k-th step pulls the fast weights back to them.
# Behaviour: timm takes the fast weights at the first synchronisation as its first slow weights: the first k
#            steps are never pulled back, and the trajectory stays ahead by (1 - alpha) k steps for ever.
#            pytorch-optimizer does what the paper says. Both options are called k and alpha.
# Versions:  timm 1.0.31, pytorch-optimizer 4.1.0, PyTorch 2.15.0. Seen on 30 November 2026 with a constant
#            gradient of 1, learning rate 1, k = 2, alpha = 0.5:
#            timm              -1 -2 -3 -3 -4 -4 -5 -5
#            pytorch-optimizer -1 -1 -2 -2 -3 -3 -4 -4
# Fails if:  the two agree, or one of them changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 timm==1.0.31 pytorch-optimizer==4.1.0
"$work/venv/bin/python" - <<'END'
import torch, pytorch_optimizer, timm.optim


def trajectory(lookahead):
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = lookahead(torch.optim.SGD([p], lr=1.0), k=2, alpha=0.5)
    seen = []
    for _ in range(8):
        p.grad = torch.ones_like(p)
        optimizer.step()
        seen.append(p.item())
    return seen


of_timm = trajectory(timm.optim.Lookahead)
of_the_paper = trajectory(pytorch_optimizer.Lookahead)
print("timm             ", *(f"{x:g}" for x in of_timm))
print("pytorch-optimizer", *(f"{x:g}" for x in of_the_paper))
assert of_timm == [-1, -2, -3, -3, -4, -4, -5, -5], "timm's Lookahead has changed"
assert of_the_paper == [-1, -1, -2, -2, -3, -3, -4, -4], "pytorch-optimizer's Lookahead has changed"
END
