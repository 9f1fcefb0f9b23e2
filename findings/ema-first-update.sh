#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     an exponential moving average of weights with decay d, begun at the initial weights w0, is
#            d * average + (1 - d) * w from the first update on, in every package.
# Behaviour: three packages, three averages. timm's ModelEmaV3 does that. torch.optim.swa_utils.AveragedModel copies
#            the weights at its first update, so the initial weights never count. optax.ema begins at zero
#            and divides by 1 - d^t: the initial weights never count either, but every later one differs
#            from PyTorch's as soon as the weights move.
# Versions:  timm 1.0.31, PyTorch 2.15.0, optax 0.2.8, jax 0.10.2. Seen on 30 November 2026 for weights
#            0 (initial), 1, 2, 3 and a decay of 0.9:
#            timm 0.1 0.29 0.561   torch 1 1.1 1.29   optax 1 1.52632 2.07011
# Fails if:  one of these numbers changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 timm==1.0.31 optax==0.2.8 jax==0.10.2
"$work/venv/bin/python" - <<'END'
import jax.numpy as jnp, numpy as np, optax, torch
from timm.utils import ModelEmaV3
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

weights, decay = (1.0, 2.0, 3.0), 0.9


def of(make, update):
    net = torch.nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    average, seen = make(net), []
    for w in weights:
        net.weight.data.fill_(w)
        getattr(average, update)(net)
        seen.append(average.module.weight.item())
    return seen


seen = {"timm": of(lambda net: ModelEmaV3(net, decay=decay), "update"),
        "torch": of(lambda net: AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay)), "update_parameters")}
average = optax.ema(decay)
state = average.init(jnp.zeros(1))
seen["optax"] = []
for w in weights:
    value, state = average.update(jnp.full(1, w), state)
    seen["optax"].append(float(value[0]))
print(*(f"{name} " + " ".join(f"{x:.6g}" for x in xs) for name, xs in seen.items()), sep="   ")
wanted = {"timm": (0.1, 0.29, 0.561), "torch": (1, 1.1, 1.29),
          "optax": (1, (0.09 + 0.2) / 0.19, (0.081 + 0.18 + 0.3) / 0.271)}
for name, numbers in wanted.items():
    assert np.allclose(seen[name], numbers, rtol=1e-5), f"{name}'s average has changed"
END
