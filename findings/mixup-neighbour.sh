#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     mixup pairs each sample with one drawn at random from the batch, as in the paper's own code (a random
#            permutation), and each implementation draws its own partner.
# Behaviour: neither common implementation draws a partner. torchvision's v2.MixUp mixes sample i with sample i - 1,
#            timm's Mixup (batch mode) sample i with sample n - 1 - i, always; only the coefficient is random, one
#            for the whole batch. With a loader that does not shuffle, or one that sorts by class,
#            the same pictures are mixed in every epoch; and timm would mix the middle sample of an
#            odd batch with itself; therefore it refuses odd batches.
# Versions:  torchvision 0.29.2, timm 1.0.31, PyTorch 2.15.0. Seen on 30 November 2026, 4 samples, 20 draws:
#            torchvision: partners [3, 0, 1, 2]   timm: partners [3, 2, 1, 0]
# Fails if:  a partner differs in any of the draws, or timm accepts an odd batch.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 timm==1.0.31
"$work/venv/bin/python" - <<'END'
import torch
from timm.data import Mixup
from torchvision.transforms.v2 import MixUp

labels = torch.arange(4)
images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 8, 8)


def partners(mix, draws=20):
    seen = set()
    for _ in range(draws):
        _, targets = mix(images.clone(), labels)
        own = torch.arange(4)
        rest = targets.clone()
        rest[own, own] = -1
        seen.add(tuple(rest.argmax(1).tolist()))
    assert len(seen) == 1, f"partners change from draw to draw: {seen}"
    return list(seen.pop())


of_torchvision = partners(MixUp(num_classes=4, alpha=1.0))
of_timm = partners(Mixup(mixup_alpha=1.0, num_classes=4, label_smoothing=0.0))
print(f"torchvision: partners {of_torchvision}   timm: partners {of_timm}")
assert of_torchvision == [3, 0, 1, 2] and of_timm == [3, 2, 1, 0], "partners are chosen otherwise now"
try:
    Mixup(mixup_alpha=1.0, num_classes=4)(images[:3].clone(), labels[:3])
except AssertionError:
    pass
else:
    raise SystemExit("timm takes odd batches now")
END
