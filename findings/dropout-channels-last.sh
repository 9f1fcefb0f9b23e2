#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     with the same seed, dropout in PyTorch zeroes the same elements x[n, c, h, w] of equal tensors; the memory
#            format channels_last is about speed.
# Behaviour: on a CPU the mask follows the order in memory. A channels_last tensor gets the elements zeroed that the
#            same seed zeroes of its NHWC copy, so half of the mask of p = 0.5 differs from that of the
#            contiguous tensor, as if the seed were another one. Whole channels (dropout2d) are zeroed alike.
# Versions:  PyTorch 2.15.0. Seen on 30 November 2026 for ones of 8 x 16 x 32 x 32, seed 0, p = 0.5:
#            different elements: dropout 50 %, dropout2d 0 %   in the order of memory: 0 %
# Fails if:  fewer than 40 % of the elements differ, or the masks in the order of memory do.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import torch
from torch.nn.functional import dropout, dropout2d

ones = torch.ones(8, 16, 32, 32)
last = ones.contiguous(memory_format=torch.channels_last)


def kept(function, x):
    torch.manual_seed(0)
    return function(x, 0.5) != 0


def different(a, b):
    return (a != b).float().mean().item()


assert torch.equal(ones, last)
a, b = kept(dropout, ones), kept(dropout, last)
elements, memory = different(a, b), different(a.flatten(), b.permute(0, 2, 3, 1).flatten())
channels = different(kept(dropout2d, ones), kept(dropout2d, last))
print(f"different elements: dropout {elements:.0%}, dropout2d {channels:.0%}   in the order of memory: {memory:.0%}")
assert elements > 0.4 and memory == 0 == channels, "the mask has changed"
END
