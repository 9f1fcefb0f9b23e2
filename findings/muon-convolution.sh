#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     Muon orthogonalises the gradient of a convolution as a matrix of outputs by all the rest, in every package.
# Behaviour: of five packages two do. torch.optim.Muon refuses the kernel. timm and pytorch_optimizer take the matrix (and
#            scale it differently). Keras and optax silently give every tensor that is not a matrix to Adam,
#            at Muon's learning rate: Keras moves each weight by the whole rate, optax, with Nesterov's
#            step, by 1.47 times the rate, so the first update is 5 to 9 times as long as Muon's. In a CNN
#            that is all layers but the last.
# Versions:  PyTorch 2.15.0, timm 1.0.31, pytorch_optimizer 4.1.0, Keras 3.15.1, optax 0.2.8, jax 0.10.2. Seen on
#            30 November 2026 for a kernel of 8 x 4 x 3 x 3, noise as gradient and a rate of 1 (norm of the update;
#            deviation of the sizes of its elements, divided by their mean: 0 where Adam has moved all alike):
#            torch ValueError   timm 3.38 0.74   pytorch_optimizer 2.68 0.75   keras 17.0 0.00   optax 25.0 0.00
# Fails if:  Keras or optax treat the kernel as a matrix, another package does not, or PyTorch takes it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 timm==1.0.31 \
  pytorch-optimizer==4.1.0 keras==3.15.1 optax==0.2.8 jax==0.10.2
KERAS_HOME="$work" KERAS_BACKEND=jax "$work/venv/bin/python" -W ignore - <<'END'
import jax.numpy as jnp, keras, numpy as np, optax, pytorch_optimizer, timm.optim, torch

gradient = np.random.default_rng(0).standard_normal((8, 4, 3, 3)).astype(np.float32)
transposed = jnp.asarray(gradient.transpose(2, 3, 1, 0))


def of_torch(make):
    weights = torch.nn.Parameter(torch.zeros(gradient.shape))
    try:
        optimizer = make([weights])
    except ValueError as error:
        return type(error).__name__
    weights.grad = torch.from_numpy(gradient.copy())
    optimizer.step()
    return weights.detach().numpy()


def of_keras():
    weights = keras.Variable(np.zeros(transposed.shape, np.float32))
    optimizer = keras.optimizers.Muon(learning_rate=1.0, weight_decay=0.0, adam_weight_decay=0.0)
    optimizer.build([weights])
    optimizer.apply([transposed])
    return np.asarray(weights.value)


def of_optax():
    optimizer, weights = optax.contrib.muon(1.0), {"kernel": jnp.zeros(transposed.shape)}
    return np.asarray(optimizer.update({"kernel": transposed}, optimizer.init(weights), weights)[0]["kernel"])


seen = {"torch": of_torch(lambda weights: torch.optim.Muon(weights, lr=1.0, weight_decay=0.0)),
        "timm": of_torch(lambda weights: timm.optim.Muon(weights, lr=1.0, weight_decay=0.0)),
        "pytorch_optimizer": of_torch(lambda weights: pytorch_optimizer.Muon(
            [{"params": weights, "use_muon": True}], lr=1.0, weight_decay=0.0)),
        "keras": of_keras(), "optax": of_optax()}
assert seen["torch"] == "ValueError", "PyTorch takes the kernel now"
numbers = {}
for name, update in list(seen.items())[1:]:
    sizes = abs(update.astype(np.float64))
    numbers[name] = np.linalg.norm(sizes), sizes.std() / sizes.mean()
print("torch ValueError   " + "   ".join(f"{name} {norm:#.3g} {spread:.2f}" for name, (norm, spread) in numbers.items()))
matrix = {name: spread > 0.5 for name, (norm, spread) in numbers.items()}
assert matrix == {"timm": True, "pytorch_optimizer": True, "keras": False, "optax": False}, "the behaviour has changed"
for name in ("timm", "pytorch_optimizer"):
    values = np.linalg.svd(seen[name].reshape(8, 36), compute_uv=False)
    assert values.max() / values.min() < 2, f"{name} takes another matrix now"
assert numbers["keras"][0] > 4.5 * numbers["timm"][0] and numbers["optax"][0] > 7 * numbers["timm"][0]
END
