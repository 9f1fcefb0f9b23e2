#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden files of goldens_test.cpp with PyTorch in float64 (Debian: python3-torch).

    python3 tests/goldens/make_goldens.py            # rewrites tests/goldens/*.json
    python3 tests/goldens/make_goldens.py modern     # this one alone

A golden holds, for one net and one batch: the logits, the gradient of the mean loss with respect to
each parameter tensor, and the losses of ten steps of torch.optim.SGD. The file does not hold the
inputs: number() below gives pixels, labels and parameters, and the test computes them again.
Tensors of more than 2,000 elements are stored as their norm, 500 elements drawn from number(), and
four sums of all elements with random signs.

Layout is Convoy's: images NHWC, convolutions HWIO ([ky][kx][c][f]), flattened (row, column, channel).
"""
import json
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as F

PIXELS, LABELS, PARAMETERS, SAMPLES, SIGNS = 1, 2, 16, 256, 512  # streams of numbers
SMALL, SAMPLE_COUNT, SIGN_COUNT, STEPS, CLASSES = 2000, 500, 4, 10, 10


def number(stream, count):
    """Elements 0 .. count - 1 of a stream: splitmix64 (Steele et al. 2014) of (stream, element)."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint64) + (numpy.uint64(stream) << numpy.uint64(32))
        x = (x + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return x ^ (x >> numpy.uint64(31))


def parameter(index, shape, exponent):
    """Uniform in [-2^exponent, 2^exponent), a multiple of 2^(exponent - 23): exact in float."""
    draws = (number(PARAMETERS + index, int(numpy.prod(shape))) >> numpy.uint64(40)).astype(float)
    values = (draws - 2.0**23) * 2.0 ** (exponent - 23)
    return torch.tensor(values.reshape(shape), requires_grad=True)


def conv(x, weight, bias, **options):
    return F.conv2d(x, weight.permute(3, 2, 0, 1), bias, **options)


def dense(x, weight, bias):
    flat = x.permute(0, 2, 3, 1).reshape(len(x), -1) if x.dim() == 4 else x
    return flat @ weight + bias


def shared_subsample(x, weight, bias, size):
    channels = x.shape[1]
    kernel = weight.permute(2, 0, 1).expand(channels, 1, size, size)
    return F.conv2d(x, kernel, bias.expand(channels), stride=size, groups=channels)


def tiny_relu(x, p):
    x = F.max_pool2d(F.relu(conv(x, p[0], p[1])), 2)
    return dense(x, p[2], p[3])


def tiny_sigmoid(x, p):
    x = torch.sigmoid(conv(x, p[0], p[1]))
    x = torch.sigmoid(shared_subsample(x, p[2], p[3], 4))
    return dense(x, p[4], p[5])


def lenet5(x, p):
    x = F.max_pool2d(F.relu(conv(x, p[0], p[1], padding=2)), 2)
    x = F.max_pool2d(F.relu(conv(x, p[2], p[3])), 2)
    x = F.relu(dense(x, p[4], p[5]))
    x = F.relu(dense(x, p[6], p[7]))
    return dense(x, p[8], p[9])


def vgg_small(x, p):
    x = F.relu(conv(x, p[0], p[1], padding=1))
    x = F.max_pool2d(F.relu(conv(x, p[2], p[3], padding=1)), 2)
    x = F.relu(conv(x, p[4], p[5], padding=1))
    x = F.max_pool2d(F.relu(conv(x, p[6], p[7], padding=1)), 2)
    x = F.relu(dense(x, p[8], p[9]))
    return dense(x, p[10], p[11])


def modern(x, p):
    x = F.leaky_relu(conv(x, p[0], p[1], stride=2), 0.125)
    x = F.adaptive_avg_pool2d(F.silu(conv(x, p[2], p[3])), 1)
    return dense(x, p[4], p[5])


def smoothed_cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.125)


def squared_error(logits, labels):
    return F.mse_loss(logits, F.one_hot(labels, CLASSES).double()) * len(labels)


def cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")


def binary_cross_entropy(logits, labels):
    target = F.one_hot(labels, CLASSES).double()
    return F.binary_cross_entropy_with_logits(logits, target, reduction="sum")


# For each net: its function, its loss, how bytes become numbers (scale, mean, std), batch, SGD (all
# numbers exact in float), and its tensors: (shape, exponent of the range, learning-rate factor).
BYTE = 0.00392156862745098
NETS = {
    "tiny-relu": dict(
        net=tiny_relu, loss=cross_entropy, normalize=(BYTE, 0, 1), batch=6,
        sgd=dict(lr=2.0**-6, momentum=0.875, nesterov=True, weight_decay=2.0**-7),
        tensors=[((3, 3, 1, 8), -1, 1), ((8,), -3, 1), ((1352, 10), -4, 1), ((10,), -3, 1)]),
    "tiny-sigmoid": dict(
        net=tiny_sigmoid, loss=binary_cross_entropy, normalize=(BYTE, 0, 1), batch=5,
        sgd=dict(lr=2.0**-4, momentum=0.0, nesterov=False, weight_decay=0.0),
        tensors=[((5, 5, 1, 6), -1, 1 / 576), ((6,), -1, 1 / 576), ((4, 4, 1), -1, 1),
                 ((1,), -1, 1 / 216), ((216, 10), -1, 1), ((10,), -1, 1)]),
    "lenet5": dict(
        net=lenet5, loss=cross_entropy, normalize=(BYTE, 0.5, 0.5), batch=5,
        sgd=dict(lr=2.0**-7, momentum=0.875, nesterov=False, weight_decay=2.0**-10),
        tensors=[((5, 5, 1, 6), -2, 1), ((6,), -3, 1), ((5, 5, 6, 16), -3, 1), ((16,), -3, 1),
                 ((400, 120), -3, 1), ((120,), -3, 1), ((120, 84), -2, 1), ((84,), -3, 1),
                 ((84, 10), -2, 1), ((10,), -3, 1)]),
    "modern": dict(
        net=modern, loss=smoothed_cross_entropy, normalize=(BYTE, 0.5, 0.5), batch=5,
        sgd=dict(lr=2.0**-5, momentum=0.875, nesterov=True, weight_decay=2.0**-8),
        tensors=[((5, 5, 1, 6), -1, 1), ((6,), -2, 1), ((3, 3, 6, 12), -1, 1), ((12,), -2, 1),
                 ((12, 10), 0, 1), ((10,), -2, 1)]),
    "modern-squares": dict(
        net=modern, loss=squared_error, normalize=(BYTE, 0.5, 0.5), batch=3,
        sgd=dict(lr=2.0**-5, momentum=0.5, nesterov=False, weight_decay=0.0),
        tensors=[((5, 5, 1, 6), -1, 1), ((6,), -2, 1), ((3, 3, 6, 12), -1, 1), ((12,), -2, 1),
                 ((12, 10), 0, 1), ((10,), -2, 1)]),
    "vgg-small": dict(
        net=vgg_small, loss=cross_entropy, normalize=(BYTE, 0.5, 0.5), batch=2,
        sgd=dict(lr=2.0**-10, momentum=0.5, nesterov=True, weight_decay=2.0**-11),
        tensors=[((3, 3, 1, 32), -1, 1), ((32,), -3, 1), ((3, 3, 32, 32), -3, 1), ((32,), -3, 1),
                 ((3, 3, 32, 64), -3, 1), ((64,), -3, 1), ((3, 3, 64, 64), -3, 1), ((64,), -3, 1),
                 ((3136, 128), -5, 1), ((128,), -3, 1), ((128, 10), -2, 1), ((10,), -3, 1)]),
}


def rounded(values):
    return [float(f"{v:.12g}") for v in numpy.asarray(values, dtype=float).ravel()]


def stored(index, gradient):
    flat = gradient.detach().numpy().ravel()
    if flat.size <= SMALL:
        return dict(norm=rounded([numpy.linalg.norm(flat)])[0], values=rounded(flat))
    chosen = number(SAMPLES + index, SAMPLE_COUNT) % numpy.uint64(flat.size)
    sums = []
    for j in range(SIGN_COUNT):
        bits = number(SIGNS + SIGN_COUNT * index + j, flat.size) >> numpy.uint64(63)
        sums.append(numpy.sum(flat * (1 - 2 * bits.astype(float))))
    return dict(norm=rounded([numpy.linalg.norm(flat)])[0],
                samples=rounded(flat[chosen.astype(int)]), sums=rounded(sums))


def golden(name, net, loss, normalize, batch, sgd, tensors):
    scale, mean, std = normalize
    pixels = (number(PIXELS, batch * 28 * 28) >> numpy.uint64(56)).astype(float)
    x = torch.tensor(((pixels * scale - mean) / std).reshape(batch, 1, 28, 28))
    labels = torch.tensor((number(LABELS, batch) % numpy.uint64(CLASSES)).astype(int))
    parameters = [parameter(t, shape, exponent) for t, (shape, exponent, _) in enumerate(tensors)]

    logits = net(x, parameters)
    (loss(logits, labels) / batch).backward()
    gradients = [stored(t, p.grad) for t, p in enumerate(parameters)]

    optimizer = torch.optim.SGD(
        [dict(params=[p], lr=sgd["lr"] * t[2]) for p, t in zip(parameters, tensors)], **sgd)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        mean_loss = loss(net(x, parameters), labels) / batch
        mean_loss.backward()
        optimizer.step()
        losses.append(mean_loss.item())
    return dict(
        model=name, made_with=f"PyTorch {torch.__version__.split('+')[0]}, float64", batch=batch,
        learning_rate=sgd["lr"], momentum=sgd["momentum"], nesterov=sgd["nesterov"],
        weight_decay=sgd["weight_decay"],
        tensors=[dict(shape=list(shape), exponent=exponent) for shape, exponent, _ in tensors],
        logits=rounded(logits.detach()), losses=rounded(losses), gradients=gradients)


def main():
    torch.set_default_dtype(torch.float64)
    for name, description in NETS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        path = pathlib.Path(__file__).parent / f"{name}.json"
        content = golden(name, **description)
        lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
                 for key, value in content.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"{path.name}: {path.stat().st_size} bytes, losses {content['losses'][0]:.4f} to "
              f"{content['losses'][-1]:.4f}")


if __name__ == "__main__":
    main()
