#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     clipping to a norm of 1 scales a large finite gradient to norm 1, and where the norm can't be held in the
#            gradient's type every package does the same.
# Behaviour: the squares overflow long before the norm does: with one float32 element of 1e20 (the norm fits, at most
#            3.4e38) PyTorch and optax make zeros of the whole gradient, so the weights stay as they are, and
#            Keras's global_clipnorm makes NaN of all weights. In float16, 65,536 elements of 300
#            have a norm above 65,504, and PyTorch and optax give zeros again. Nothing is reported; a finite check of
#            the clipped gradient passes in PyTorch and optax.
# Versions:  PyTorch 2.15.0, optax 0.2.8, jax 0.10.2, Keras 3.15.1. Seen on 30 November 2026 (first two elements; the
#            true ones are 1 and 1e-20 in float32, 0.0039 and 0.0039 in float16):
#            float32: torch 0 0   optax 0 0   keras nan nan      float16: torch 0 0   optax 0 0
# Fails if:  one of these numbers changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6 optax==0.2.8 jax==0.10.2 keras==3.15.1
KERAS_HOME="$work" KERAS_BACKEND=jax "$work/venv/bin/python" - <<'END'
import jax.numpy as jnp, keras, numpy as np, optax, torch


def of_torch(gradient):
    weights = torch.nn.Parameter(torch.zeros(len(gradient), dtype=torch.from_numpy(gradient).dtype))
    weights.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([weights], 1.0)
    return weights.grad.numpy()


def of_optax(gradient):
    return optax.clip_by_global_norm(1.0).update(jnp.asarray(gradient), optax.EmptyState())[0]


def of_keras(gradient):
    weights = keras.Variable(np.zeros_like(gradient))
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    optimizer.build([weights])
    optimizer.apply([jnp.asarray(gradient)])
    return -np.asarray(weights.value)


large = np.array([1e20, 1, 1, 1], np.float32)
many = np.full(65536, 300, np.float16)
seen = {"float32": {"torch": of_torch(large), "optax": of_optax(large), "keras": of_keras(large)},
        "float16": {"torch": of_torch(many), "optax": of_optax(many)}}
for kind, tools in seen.items():
    print(kind + ": " + "   ".join(f"{name} " + " ".join(f"{float(x):g}" for x in xs[:2]) for name, xs in tools.items()))
assert all(np.isfinite(np.linalg.norm(x.astype(np.float64)).astype(np.float32)) for x in (large, many))
for tools in seen.values():
    assert not np.any(np.asarray(tools["torch"])) and not np.any(np.asarray(tools["optax"])), "clipping has changed"
assert np.isnan(seen["float32"]["keras"]).all(), "Keras has changed"
END
