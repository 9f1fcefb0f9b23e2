#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes goldens.json, which goldens_test.cpp reads, with PyTorch's optimizers on the CPU.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.15.0 numpy
    /tmp/torch/bin/python tests/optim/make_goldens.py       # rewrites tests/optim/goldens.json

Debian's python3-torch is too old: it has no fused=True on the CPU.

For each configuration the file has the settings, by Convoy's names; the weights after some steps of
PyTorch in float64; and where PyTorch has fused=True on the CPU, the weights after the last step of
that in float32. The numbers have as many digits as they need to be exact (17 at most). The file
does not hold the inputs: weights() and gradients() below give them from number(), exactly in float
as well, and the test computes them again.

"layers" has configurations whose update depends on norms or on whole matrices: the weights and the
bias of a dense layer, as Convoy lays them out, [inputs + 1][outputs]. Clipping is PyTorch's, and so is
Muon, but for the bfloat16 of its iterations, which are float64 here. PyTorch has no LARS and no Muon
for a bias; their formulas are written out below.
"""
import json
import pathlib

import numpy
import torch
from torch.optim import SGD, Adam, AdamW, Muon, RMSprop, _muon
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

WEIGHTS, GRADIENTS = 1, 16  # streams of numbers; step t has stream GRADIENTS + t
SIZE, STEPS, KEPT = 32, 20, (1, 2, 20)  # 32: fused SGD rounds a rest of n mod 8 differently

# For each configuration: its name, the optimizer, and what is not PyTorch's default. Rates are
# powers of two where they are given.
CONFIGURATIONS = [
    ("sgd", SGD, dict()),
    ("sgd, rate 2^-6", SGD, dict(lr=2.0**-6)),
    ("sgd, decay", SGD, dict(lr=2.0**-6, weight_decay=0.01)),
    ("sgd, momentum", SGD, dict(lr=2.0**-6, momentum=0.9)),
    ("sgd, momentum, decay", SGD, dict(lr=2.0**-6, momentum=0.9, weight_decay=0.01)),
    ("sgd, nesterov", SGD, dict(lr=2.0**-6, momentum=0.9, nesterov=True)),
    ("sgd, nesterov, decay", SGD, dict(lr=2.0**-4, momentum=0.5, nesterov=True, weight_decay=0.1)),
    ("adam", Adam, dict()),
    ("adam, decay", Adam, dict(lr=2.0**-7, weight_decay=0.01)),
    ("adam, betas, epsilon", Adam, dict(lr=2.0**-5, betas=(0.75, 0.875), eps=1e-3)),
    ("adam, low betas", Adam, dict(lr=2.0**-7, betas=(0.25, 0.5))),
    ("adam, no means", Adam, dict(lr=2.0**-7, betas=(0.0, 0.0))),
    ("adam, no momentum", Adam, dict(lr=2.0**-7, betas=(0.0, 0.99))),
    ("adamw", AdamW, dict()),
    ("adamw, no decay", AdamW, dict(lr=2.0**-7, weight_decay=0.0)),
    ("adamw, betas, decay", AdamW, dict(lr=2.0**-5, betas=(0.8, 0.95), weight_decay=0.1)),
    ("adamw, large beta2", AdamW, dict(lr=2.0**-7, betas=(0.95, 0.9999))),
    ("rmsprop", RMSprop, dict()),
    ("rmsprop, decay, alpha", RMSprop, dict(lr=2.0**-7, alpha=0.9, weight_decay=0.01)),
    ("rmsprop, epsilon", RMSprop, dict(lr=2.0**-7, eps=1e-3)),
    ("rmsprop, momentum", RMSprop, dict(lr=2.0**-7, momentum=0.9)),
    ("rmsprop, centered", RMSprop, dict(lr=2.0**-7, centered=True)),
    ("rmsprop, centered, momentum, decay", RMSprop,
     dict(lr=2.0**-8, alpha=0.95, centered=True, momentum=0.875, weight_decay=0.01)),
]
FUSED = (SGD, Adam, AdamW)

# For each layer: its name, inputs and outputs, the optimizer, what is not its default, and the limit
# of the norm.
LARS = "lars"
LAYERS = [
    ("sgd, clipped", 3, 8, SGD, dict(lr=2.0**-4, momentum=0.9, weight_decay=0.01), 2.5),
    ("sgd, clipped at a norm that is never reached", 3, 8, SGD, dict(lr=2.0**-4), 1e6),
    ("adamw, clipped", 17, 40, AdamW, dict(lr=2.0**-7), 0.125),
    ("lars", 5, 7, LARS, dict(), None),
    ("lars, no momentum, no decay", 40, 3, LARS, dict(momentum=0.0, weight_decay=0.0), None),
    ("lars, clipped", 4, 33, LARS, dict(learning_rate=2.0**2, trust_coefficient=0.01), 1.0),
    ("muon", 3, 8, Muon, dict(), None),
    ("muon, more inputs", 9, 4, Muon, dict(lr=2.0**-6, momentum=0.75, weight_decay=0.0), None),
    ("muon, square, no nesterov", 5, 5, Muon, dict(lr=2.0**-6, nesterov=False), None),
    ("muon, like adamw", 6, 11, Muon, dict(lr=2.0**-6, adjust_lr_fn="match_rms_adamw"), None),
    ("muon, other iterations", 7, 4, Muon,
     dict(lr=2.0**-6, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=3, eps=100.0), None),
    ("muon, long sums, clipped", 140, 20, Muon, dict(lr=2.0**-6), 0.5),
    ("muon, one input", 1, 6, Muon, dict(lr=2.0**-6), None),
]

# Averages of the weights: the name, Convoy's settings, and the optimizer. In the last step but one
# lookahead's weights differ from the average.
AVERAGES_KEPT = (1, 2, 5, 19, 20)
AVERAGES = [
    ("ema", dict(type="ema", decay=0.999, warmup=False), Adam, dict(lr=2.0**-5)),
    ("ema, short", dict(type="ema", decay=0.25, warmup=False), SGD, dict(lr=2.0**-6, momentum=0.9)),
    ("ema, decay 0", dict(type="ema", decay=0.0, warmup=False), SGD, dict(lr=2.0**-6)),
    ("ema, warm-up", dict(type="ema", decay=0.5, warmup=True), RMSprop, dict(lr=2.0**-7)),
    ("lookahead", dict(type="lookahead", steps=5, factor=0.5), SGD, dict(lr=2.0**-6, momentum=0.9)),
    ("lookahead, far", dict(type="lookahead", steps=2, factor=0.8), AdamW, dict(lr=2.0**-7)),
    ("lookahead, every step", dict(type="lookahead", steps=1, factor=0.25), RMSprop, dict(lr=2.0**-7)),
]


def number(stream, count):
    """Elements 0 .. count - 1 of a stream: splitmix64 (Steele et al. 2014) of (stream, element)."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint64) + (numpy.uint64(stream) << numpy.uint64(32))
        x = (x + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return x ^ (x >> numpy.uint64(31))


def fractions(draws):
    """Multiples of 2^-23 in [-1, 1)."""
    return ((draws >> numpy.uint64(40)).astype(float) - 2.0**23) * 2.0**-23


def weights():
    """Fractions, every fifth of them 0."""
    element = numpy.arange(SIZE)
    return numpy.where(element % 5 == 4, 0.0, fractions(number(WEIGHTS, SIZE)))


def gradients(step):
    """A fraction times a power of two, or 0, by the remainder of the element's index modulo 8."""
    element = numpy.arange(SIZE) % 8
    draws = number(GRADIENTS + step, SIZE)
    constant = fractions(number(GRADIENTS, SIZE))
    low = (draws & numpy.uint64(63)).astype(int)
    fraction = fractions(draws)
    return numpy.select(
        [element == 2, element == 3, element == 4, element == 5, element == 6, element == 7],
        [constant,                                  # the same in all steps
         numpy.where(low % 4 == 0, fraction, 0.0),  # mostly 0
         fraction * 2.0**20,                        # large
         fraction * 2.0**-40,                       # tiny
         fraction * 2.0 ** (low - 40),              # of all magnitudes
         0.0 * element],                            # always 0
        fraction)


def run(kind, options, dtype, **how):
    """The weights after each step, and the settings that PyTorch has used."""
    parameter = torch.nn.Parameter(torch.tensor(weights(), dtype=dtype))
    optimizer = kind([parameter], **options, **how)
    after = []
    for step in range(1, STEPS + 1):
        parameter.grad = torch.tensor(gradients(step), dtype=dtype)
        assert numpy.array_equal(parameter.grad.double().numpy(), gradients(step))
        optimizer.step()
        after.append(parameter.detach().double().numpy().copy())
    assert numpy.all(numpy.isfinite(after))
    return after, optimizer.defaults


def settings_of(kind, used):
    """PyTorch's settings by Convoy's names."""
    settings = dict(type=kind.__name__.lower(), learning_rate=used["lr"],
                    weight_decay=used["weight_decay"])
    if kind in (Adam, AdamW):
        settings.update(beta1=used["betas"][0], beta2=used["betas"][1], epsilon=used["eps"])
    if kind is RMSprop:
        settings.update(alpha=used["alpha"], epsilon=used["eps"], momentum=used["momentum"],
                        centered=used["centered"])
    if kind is SGD:
        settings.update(momentum=used["momentum"], nesterov=used["nesterov"])
    return settings


def orthogonal(u, coefficients, steps, eps):
    """torch.optim._muon._zeropower_via_newtonschulz, without bfloat16."""
    a, b, c = coefficients
    x = u.clone()
    if u.size(0) > u.size(1):
        x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if u.size(0) > u.size(1) else x


class Lars:
    """You, Gitman and Ginsburg 2017, algorithm 1 and equation 6; 1 where a norm is 0."""

    def __init__(self, parameters, learning_rate=1.0, momentum=0.9, weight_decay=0.0005,
                 trust_coefficient=0.001):
        self.parameters = [(p, torch.zeros_like(p)) for p in parameters]
        self.settings = dict(learning_rate=learning_rate, momentum=momentum,
                             weight_decay=weight_decay, trust_coefficient=trust_coefficient)

    @torch.no_grad()
    def step(self):
        s = self.settings
        for w, v in self.parameters:
            norms = w.norm(), w.grad.norm()
            local = 1.0
            if norms[0] != 0 and norms[1] != 0:
                local = s["trust_coefficient"] * norms[0] / (norms[1] + s["weight_decay"] * norms[0])
            v.mul_(s["momentum"]).add_(local * s["learning_rate"] * (w.grad + s["weight_decay"] * w))
            w.sub_(v)


class MuonOfVector:
    """The update of Muon without the orthogonal matrix."""

    def __init__(self, parameter, defaults):
        self.parameter, self.buffer, self.used = parameter, torch.zeros_like(parameter), defaults

    @torch.no_grad()
    def step(self):
        w, b, used = self.parameter, self.buffer, self.used
        b.lerp_(w.grad, 1 - used["momentum"])
        u = w.grad.lerp(b, used["momentum"]) if used["nesterov"] else b
        w.mul_(1 - used["lr"] * used["weight_decay"]).sub_(used["lr"] * u)


def optimizers_of(kind, options, weight, bias):
    """The optimizers of a layer, and the settings by Convoy's names."""
    if kind is LARS:
        lars = Lars([weight, bias], **options)
        return [lars], dict(type="lars", **lars.settings)
    if kind is not Muon:
        optimizer = kind([weight, bias], foreach=False, **options)
        return [optimizer], settings_of(kind, optimizer.defaults)
    used = Muon([weight], **options).defaults
    a, b, c = used["ns_coefficients"]
    settings = dict(type="muon", learning_rate=used["lr"], momentum=used["momentum"],
                    nesterov=used["nesterov"], weight_decay=used["weight_decay"], ns_a=a, ns_b=b,
                    ns_c=c, epsilon=used["eps"], ns_steps=used["ns_steps"],
                    match_rms_adamw=used["adjust_lr_fn"] == "match_rms_adamw")
    if weight.shape[1] == 1:
        return [MuonOfVector(weight, used), MuonOfVector(bias, used)], settings
    return [Muon([weight], **options), MuonOfVector(bias, used)], settings


def layer(name, inputs, outputs, kind, options, clip_norm):
    size = (inputs + 1) * outputs
    # PyTorch's weight is [outputs][inputs]. The bias begins at 0.
    start = torch.tensor(fractions(number(WEIGHTS, size))).reshape(inputs + 1, outputs)
    weight = torch.nn.Parameter(start[:inputs].T.contiguous())
    bias = torch.nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
    optimizers, settings = optimizers_of(kind, options, weight, bias)
    after = []
    for step in range(1, STEPS + 1):
        # Smaller in every third step, so that not all of them are clipped.
        draws = fractions(number(GRADIENTS + step, size)) * 2.0 ** (-8 if step % 3 == 0 else 0)
        gradient = torch.tensor(draws).reshape(inputs + 1, outputs)
        weight.grad, bias.grad = gradient[:inputs].T.contiguous(), gradient[inputs].clone()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([weight, bias], clip_norm)
        for optimizer in optimizers:
            optimizer.step()
        after.append(torch.cat([weight.detach().T, bias.detach()[None]]).flatten().tolist())
    assert numpy.all(numpy.isfinite(after))
    content = dict(name=name, inputs=inputs, outputs=outputs, settings=settings)
    if clip_norm is not None:
        content["clip_norm"] = clip_norm
    # A large layer is compared in a few weights.
    stride = max(1, size // 64)
    content.update(stride=stride,
                   weights={str(step): after[step - 1][::stride] for step in KEPT})
    return content


def golden(name, kind, options):
    after, used = run(kind, options, torch.float64, foreach=False)
    content = dict(name=name, settings=settings_of(kind, used),
                   weights={str(step): after[step - 1].tolist() for step in KEPT})
    if kind in FUSED:
        fused, _ = run(kind, options, torch.float32, fused=True)
        content["fused"] = [float(f"{w:.9g}") for w in fused[-1]]
    return content


def run_ema(settings, kind, options):
    """Weights and averages after each step, by PyTorch. The function of the decay is PyTorch's, too;
    with warm-up it is made anew for each step."""
    module = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(weights()))])
    optimizer = kind(module.parameters(), foreach=False, **options)
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(settings["decay"]))
    after = []
    for step in range(1, STEPS + 1):
        module[0].grad = torch.tensor(gradients(step))
        optimizer.step()
        if settings["warmup"]:
            decay = min(settings["decay"], (1 + step) / (10 + step))
            averaged.multi_avg_fn = get_ema_multi_avg_fn(decay)
        averaged.update_parameters(module)
        after.append((module[0].detach().numpy().copy(), averaged.module[0].detach().numpy().copy()))
    return after


def run_lookahead(settings, kind, options):
    """Weights and slow weights after each step: Algorithm 1 of Zhang et al. 2019, with PyTorch's
    optimizer inside, whose state stays."""
    parameter = torch.nn.Parameter(torch.tensor(weights()))
    optimizer = kind([parameter], foreach=False, **options)
    slow = weights()
    after = []
    for step in range(1, STEPS + 1):
        parameter.grad = torch.tensor(gradients(step))
        optimizer.step()
        if step % settings["steps"] == 0:
            slow = slow + settings["factor"] * (parameter.detach().numpy() - slow)
            with torch.no_grad():
                parameter.copy_(torch.tensor(slow))
        after.append((parameter.detach().numpy().copy(), slow.copy()))
    return after


def golden_average(name, settings, kind, options):
    after = (run_ema if settings["type"] == "ema" else run_lookahead)(settings, kind, options)
    _, used = run(kind, options, torch.float64, foreach=False)
    of = lambda which: {str(step): after[step - 1][which].tolist() for step in AVERAGES_KEPT}
    return dict(name=name, average=settings, settings=settings_of(kind, used), weights=of(0), averages=of(1))


def main():
    made_with = (f"PyTorch {torch.__version__.split('+')[0]}, "
                 f"{torch.backends.cpu.get_cpu_capability()}")
    lines = [json.dumps(golden(*c), separators=(",", ":")) for c in CONFIGURATIONS]
    averages = [json.dumps(golden_average(*a), separators=(",", ":")) for a in AVERAGES]
    _muon._zeropower_via_newtonschulz = orthogonal
    layers = [json.dumps(layer(*c), separators=(",", ":")) for c in LAYERS]
    path = pathlib.Path(__file__).parent / "goldens.json"
    path.write_text(f'{{"made_with": "{made_with}", "size": {SIZE}, "steps": {STEPS},\n'
                    f'"configurations": [\n' + ",\n".join(lines) + "\n],\n"
                    f'"averages": [\n' + ",\n".join(averages) + "\n],\n"
                    f'"layers": [\n' + ",\n".join(layers) + "\n]}\n")
    print(f"{path.name}: {path.stat().st_size} bytes, {len(lines)} configurations, "
          f"{len(averages)} averages, {len(layers)} layers")


if __name__ == "__main__":
    main()
