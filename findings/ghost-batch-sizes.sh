#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     TabNet's ghost batch normalisation with virtual_batch_size=128 takes groups of 128 samples; what is left is the
#            last, smaller group.
# Behaviour: pytorch-tabnet takes the smallest number of groups that have at most 128 samples and makes them equal in
#            size: 130 samples become 65 + 65, 257 become 86 + 86 + 85. The group size so changes with the batch, and a
#            last batch of an epoch is normalised by other groups than the batches before it.
# Versions:  pytorch-tabnet 4.1.0, PyTorch 2.15.0. Seen on 30 November 2026:
#            128: 128   130: 65 65   256: 128 128   257: 86 86 85   300: 100 100 100
# Fails if:  one of these groups changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6 pytorch-tabnet==4.1.0
"$work/venv/bin/python" - <<'END'
import torch
from pytorch_tabnet.tab_network import GBN


def groups(samples):
    layer, sizes = GBN(4, virtual_batch_size=128), []
    layer.bn.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    layer(torch.randn(samples, 4))
    return sizes


seen = {samples: groups(samples) for samples in (128, 130, 256, 257, 300)}
print("   ".join(f"{samples}: " + " ".join(map(str, sizes)) for samples, sizes in seen.items()))
assert seen == {128: [128], 130: [65, 65], 256: [128, 128], 257: [86, 86, 85], 300: [100, 100, 100]}, "the groups changed"
END
