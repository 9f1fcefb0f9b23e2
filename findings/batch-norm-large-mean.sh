#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     batch normalisation in float32 of a channel whose mean is 5,000 times its deviation has two or three digits in
#            every package; nothing worse can happen.
# Behaviour: Flax takes the variance as E[x^2] - E[x]^2 in float32. At a mean of 1,000 and a deviation of 1 its output
#            is off by a third; at 5,000 the difference is negative, is made zero, and values that should lie
#            within 4 leave the layer above 1,000, multiplied by 1 / sqrt(epsilon). With the running
#            statistics nothing is better: the running variance is 0. Keras, PyTorch, and Flax with
#            use_fast_variance=False stay within 0.001. Raw 16-bit pictures (30,000 and 5) are such data.
# Versions:  Flax 0.12.8, jax 0.10.2, Keras 3.15.1, PyTorch 2.15.0. Seen on 30 November 2026 (largest error of the output,
#            epsilon 1e-5, 1,024 values a channel; a second run, on other processors, gave 0.21 for the first):
#            mean 1000, deviation 1:  flax 0.34     flax slow 6e-05    keras 1e-04    torch 2e-05
#            mean 5000, deviation 1:  flax 1.2e+03  flax slow 0.00023  keras 0.00064  torch 0.00023
#            mean 30000, deviation 5: flax 6.2e+03  flax slow 0.00033  keras 0.00077  torch 0.00032
# Fails if:  Flax is off by less than 0.1 at 1,000 or by less than 100 at 5,000, or another one by more than 0.01.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 numpy==2.4.6 flax==0.12.8 jax==0.10.2 keras==3.15.1
KERAS_HOME="$work" KERAS_BACKEND=jax "$work/venv/bin/python" -W ignore - <<'END'
import jax.numpy as jnp, keras, numpy as np, torch
from flax import nnx

random = np.random.default_rng(0)
noise, epsilon, channels = random.standard_normal((16, 8, 8, 4)), 1e-5, 4


def of_flax(x, fast):
    layer = nnx.BatchNorm(channels, epsilon=epsilon, momentum=0.0, use_fast_variance=fast, rngs=nnx.Rngs(0))
    return np.asarray(layer(jnp.asarray(x), use_running_average=False)), np.asarray(layer.var[...])


def of_torch(x):
    planes = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    return torch.nn.BatchNorm2d(channels, eps=epsilon)(planes).permute(0, 2, 3, 1).detach().numpy()


errors, running = {}, {}
for mean, deviation in ((1000, 1), (5000, 1), (30000, 5)):
    x = (mean + deviation * noise).astype(np.float32)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + epsilon)
    fast, running[mean] = of_flax(x, True)
    outputs = {"flax": fast, "flax slow": of_flax(x, False)[0], "torch": of_torch(x),
               "keras": np.asarray(keras.layers.BatchNormalization(epsilon=epsilon)(x, training=True))}
    errors[mean] = {name: abs(y - exact).max() for name, y in outputs.items()}
    print(f"mean {mean}, deviation {deviation}: " + "   ".join(f"{name} {e:.2g}" for name, e in errors[mean].items()),
          f"  flax's running variance {running[mean].min():.3g} to {running[mean].max():.3g}")
assert errors[1000]["flax"] > 0.1 and errors[5000]["flax"] > 100 and errors[30000]["flax"] > 100, "Flax has changed"
assert running[5000].min() == 0, "Flax's running variance has changed"
assert all(e < 0.01 for tools in errors.values() for name, e in tools.items() if name != "flax"), "another one is worse"
END
