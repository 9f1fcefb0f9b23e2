#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     centered RMSprop divides by the root of E[g^2] - E[g]^2, which every package keeps at zero or above,
#            so that a gradient that stays the same gives large steps, and never NaN.
# Behaviour: torch.optim.RMSprop(centered=True) takes the root of the difference as rounding left it. Once both
#            averages have converged, it is negative for some weights, and these become NaN for ever: in single
#            and in double precision, after some thousands of steps. All other weights have taken steps of up to
#            rate / epsilon. optax.rmsprop(centered=True) adds epsilon under the root and stays finite.
# Versions:  PyTorch 2.15.0, optax 0.2.8, jax 0.10.2. Seen on 30 November 2026 for 1,000 weights with the constant
#            gradients 0.1, 0.101, ... 1.099, a rate of 0.001 and 8,000 steps (NaN weights):
#            torch float32 26   torch float64 105   optax float32 0
# Fails if:  PyTorch has no NaN in one of the precisions, all are NaN, or optax has one.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6 optax==0.2.8 jax==0.10.2
"$work/venv/bin/python" - <<'END'
import jax, jax.numpy as jnp, numpy as np, optax, torch

gradient, rate, steps = 0.1 + np.arange(1000) / 1000, 0.001, 8000


def of_torch(dtype):
    weights = torch.zeros(len(gradient), dtype=dtype, requires_grad=True)
    optimizer = torch.optim.RMSprop([weights], lr=rate, centered=True)
    constant = torch.tensor(gradient, dtype=dtype)
    for _ in range(steps):
        weights.grad = constant.clone()
        optimizer.step()
    return int(torch.isnan(weights).sum())


def of_optax():
    optimizer = optax.rmsprop(rate, decay=0.99, centered=True)
    constant = jnp.asarray(gradient, jnp.float32)

    def step(state, _):
        weights, slots = state
        updates, slots = optimizer.update(constant, slots, weights)
        return (optax.apply_updates(weights, updates), slots), None

    weights = jnp.zeros_like(constant)
    (weights, _), _ = jax.lax.scan(step, (weights, optimizer.init(weights)), None, length=steps)
    return int(jnp.isnan(weights).sum())


seen = {"torch float32": of_torch(torch.float32), "torch float64": of_torch(torch.float64), "optax float32": of_optax()}
for name, count in seen.items():
    print(name, count)
torch_seen = [seen["torch float32"], seen["torch float64"]]
assert all(0 < count < len(gradient) for count in torch_seen) and seen["optax float32"] == 0, "the behaviour has changed"
END
