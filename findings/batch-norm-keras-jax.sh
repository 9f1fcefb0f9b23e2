#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     with Keras 3 and JAX, a batch normalisation takes the statistics of each device's part of the batch, as the
#            documentation of synchronized=False says; with synchronized=True it takes those of the whole batch.
# Behaviour: under DataParallel with JAX it always takes those of the whole batch, and there is no setting for those of
#            each device. synchronized=True, which would say so, is refused. So a batch per device that
#            is chosen as a regulariser ("ghost" batches) has no effect here.
# Versions:  Keras 3.15.1, jax 0.10.2. Seen on 30 November 2026 for four samples of 0 and four of 1 on two CPU devices,
#            a batch of eight and a momentum of 0 (variance of each part: 0, of the whole: 0.25):
#            one device: mean 0.5, variance 0.25   two devices: mean 0.5, variance 0.25   synchronized=True: ValueError
# Fails if:  the variance on two devices is another one, or the layer takes synchronized=True.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" keras==3.15.1 jax==0.10.2 numpy==2.4.6
KERAS_HOME="$work" KERAS_BACKEND=jax XLA_FLAGS=--xla_force_host_platform_device_count=2 "$work/venv/bin/python" - <<'END'
import jax, keras, numpy as np

assert len(jax.devices()) == 2
samples = np.zeros((8, 4, 4, 3), np.float32)
samples[4:] = 1
targets = np.zeros((8, 3), np.float32)


def statistics():
    net = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.BatchNormalization(momentum=0.0),
                            keras.layers.GlobalAveragePooling2D()])
    net.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    net.fit(samples, targets, batch_size=8, shuffle=False, verbose=0)
    layer = net.layers[0]
    return [float(np.mean(x)) for x in (layer.moving_mean, layer.moving_variance)]


one = statistics()
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=jax.devices()))
two = statistics()
try:
    keras.layers.BatchNormalization(synchronized=True)(samples, training=True)
    refusal = "taken"
except ValueError as error:
    refusal = type(error).__name__
for name, (mean, variance) in (("one device", one), ("two devices", two)):
    print(f"{name}: mean {mean:.6g}, variance {variance:.6g}")
print(f"synchronized=True: {refusal}")
assert np.allclose([one, two], [0.5, 0.25], atol=1e-6) and refusal == "ValueError", "the behaviour has changed"
END
