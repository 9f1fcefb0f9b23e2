#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     torch.optim.Muon computes in the type of the parameter, so that a float64 model can be the
#            reference of another implementation, to 1e-12.
# Behaviour: the Newton-Schulz iteration runs in bfloat16 whatever the type: a float64 parameter gets a
#            float64 update that is 1.2 % away from the iteration computed in float64, and agrees with
#            the float32 parameter's to eight digits. Test against the formula in NumPy instead.
# Versions:  PyTorch 2.15.0 (PyPI), NumPy 2.4.6. Seen on 30 November 2026:
#            float32: 0.0123 from float64's iteration   float64: 0.0123 from float64's iteration
# Fails if:  the update of a float64 parameter is within 1e-6 of the float64 iteration.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import numpy as np, torch


def newton_schulz(g, steps=5, a=3.4445, b=-4.775, c=2.0315):
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / np.linalg.norm(x)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


gradient = np.random.default_rng(0).standard_normal((16, 8))
wanted = newton_schulz(gradient)
distances = {}
for dtype in (torch.float32, torch.float64):
    p = torch.nn.Parameter(torch.zeros(16, 8, dtype=dtype))
    p.grad = torch.tensor(gradient, dtype=dtype)
    torch.optim.Muon([p], lr=1.0, momentum=0.0, nesterov=False, weight_decay=0.0).step()
    update = -p.detach().double().numpy()
    update /= (update * wanted).sum() / (wanted * wanted).sum()  # the factor for the shape of the matrix
    distances[dtype] = np.linalg.norm(update - wanted) / np.linalg.norm(wanted)
print(*(f"{str(t)[6:]}: {d:.4f} from float64's iteration" for t, d in distances.items()), sep="   ")
assert distances[torch.float64] > 1e-3, "Muon now computes in more than bfloat16"
END
