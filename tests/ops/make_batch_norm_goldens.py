#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes batch_norm_goldens.json: what PyTorch's BatchNorm2d computes in float64 for small inputs.

Usage: make_batch_norm_goldens.py > batch_norm_goldens.json     (needs torch; the file is from 2.15)

Inputs are not stored: number(i, a, b) below gives them, here and in batch_norm_test.cpp.
"""

import json

import torch


def number(i, a, b):
    return ((i * a + b) % 1009) / 512 - 1


def tensor(count, a, b):
    return torch.tensor([number(i, a, b) for i in range(count)], dtype=torch.float64)


def case(samples, height, width, channels, momentum, epsilon, scale, offset):
    shape = (samples, height, width, channels)
    count = samples * height * width * channels
    norm = torch.nn.BatchNorm2d(channels, eps=epsilon, momentum=momentum, dtype=torch.float64)
    with torch.no_grad():
        norm.weight.copy_(tensor(channels, 17, 5) + 1.5 if scale else torch.ones(channels))
        norm.bias.copy_(tensor(channels, 23, 7))
        norm.running_mean.copy_(tensor(channels, 29, 3))
        norm.running_var.copy_(tensor(channels, 31, 2) + 1.25)
    x = (tensor(count, 37, 11) + offset).reshape(shape).permute(0, 3, 1, 2).contiguous()
    x.requires_grad_()
    dy = tensor(count, 41, 13).reshape(shape).permute(0, 3, 1, 2).contiguous()
    before = torch.nn.functional.batch_norm(
        x.detach(), norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, epsilon)
    y = norm(x)
    y.backward(dy)

    def pixels(values):
        return values.detach().permute(0, 2, 3, 1).reshape(-1).tolist()

    return {
        "shape": shape,
        "momentum": momentum,
        "epsilon": epsilon,
        "scale": scale,
        "offset": offset,
        "y": pixels(y),
        "dx": pixels(x.grad),
        "dgamma": norm.weight.grad.tolist(),
        "dbeta": norm.bias.grad.tolist(),
        "running_mean": norm.running_mean.tolist(),
        "running_var": norm.running_var.tolist(),
        "inference": pixels(before),
    }


print(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "cases": [
        case(4, 3, 5, 3, 0.1, 1e-5, True, 0.0),
        case(7, 2, 2, 5, 0.3, 1e-3, True, 0.0),
        case(10, 1, 1, 4, 0.1, 1e-5, False, 0.0),
        case(5, 1, 150, 2, 1.0, 1e-5, True, 0.0),
        case(6, 4, 4, 2, 0.1, 1e-5, True, 40.0),
    ],
}, indent=None))
