#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     torchvision's v2 rotation gives the same bytes, up to rounding, for a PIL image and for a uint8 tensor.
# Behaviour: with nearest interpolation all bytes are equal. With bilinear interpolation the tensor blends the
#            image's border with the fill colour and the PIL image does not: a white picture keeps nothing but
#            0 and 255 in PIL and gets a soft edge in a tensor; in an image of noise about half of
#            the bytes differ, by up to 102 levels. So the augmentation of a net's training data
#            depends on the type of the images.
# Versions:  torchvision 0.29.2, PyTorch 2.15.0, Pillow 13.0.0. Seen on 30 November 2026, 32 x 32, 10 degrees:
#            nearest: 100 % equal   bilinear: 48 % equal, up to 102 levels   white: 2 values in PIL, 17 in a tensor
# Fails if:  bilinear rotations agree, or nearest ones do not.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchvision==0.29.2 pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import numpy as np, torch
from PIL import Image
from torchvision.transforms.v2 import InterpolationMode, functional


def both(tensor, interpolation):
    picture = Image.fromarray(tensor.permute(1, 2, 0).numpy())
    rotated = np.array(functional.rotate(picture, 10, interpolation=interpolation))
    return functional.rotate(tensor, 10, interpolation=interpolation).permute(1, 2, 0).int().numpy(), rotated.astype(int)


noise = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
white = torch.full((3, 32, 32), 255, dtype=torch.uint8)
a, b = both(noise, InterpolationMode.NEAREST)
nearest = (a == b).mean()
a, b = both(noise, InterpolationMode.BILINEAR)
bilinear, levels = (a == b).mean(), abs(a - b).max()
a, b = (len(np.unique(x)) for x in both(white, InterpolationMode.BILINEAR))
print(f"nearest: {nearest:.0%} equal   bilinear: {bilinear:.0%} equal, up to {levels} levels   "
      f"white: {b} values in PIL, {a} in a tensor")
assert nearest == 1, "nearest rotations differ now"
assert bilinear < 0.9 and levels > 50 and b == 2 < a, "bilinear rotations agree now"
END
