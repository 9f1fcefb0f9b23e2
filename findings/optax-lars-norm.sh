#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     optax.lars computes the local learning rate of LARS (You et al. 2017, equation 6):
#            trust * |w| / (|g| + weight_decay * |w|).
# Behaviour: it divides by |g + weight_decay * w|, the norm of the sum. So every step has the same length,
#            trust * |w|, whatever the gradient; the paper's step becomes shorter as gradient and
#            decay cancel.
#            (timm and pytorch-optimizer follow the paper.)
# Versions:  optax 0.2.8, jax 0.10.2, NumPy 2.4.6, in float64. Seen on 30 November 2026:
#            from the paper's step: 0.0847   from trust |w| / |g + wd w|: 4e-16
# Fails if:  optax's step is nearer to the paper's.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" optax==0.2.8 jax==0.10.2 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import jax, numpy as np, optax

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(0)
w, g = rng.standard_normal((2, 16, 8))
decay, trust = 0.1, 1e-3
optimizer = optax.lars(1.0, weight_decay=decay, trust_coefficient=trust, momentum=0.0)
update, _ = optimizer.update(jax.numpy.asarray(g), optimizer.init(jax.numpy.asarray(w)), jax.numpy.asarray(w))
norm = np.linalg.norm
direction = -(g + decay * w)
steps = {"the paper's step": trust * norm(w) / (norm(g) + decay * norm(w)) * direction,
         "trust |w| / |g + wd w|": trust * norm(w) / norm(g + decay * w) * direction}
distances = {name: norm(np.asarray(update) - step) / norm(step) for name, step in steps.items()}
print("from", "   from ".join(f"{name}: {d:.3g}" for name, d in distances.items()))
assert distances["trust |w| / |g + wd w|"] < 1e-10 < 1e-2 < distances["the paper's step"], "optax.lars has changed"
END
