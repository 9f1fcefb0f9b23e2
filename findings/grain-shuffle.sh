#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     in a grain pipeline with a seed, the order of the samples depends on the seed and on their number alone; a
#            transformation in front of shuffle() that changes nothing changes nothing.
# Behaviour: a seed given to the data set is mixed with the place of shuffle() in the pipeline. An identity map, a
#            filter that keeps everything or a slice of everything in front of it gives another order of the same
#            samples; behind it they do not. So a training with a new augmentation also sees another
#            order. A seed given to shuffle() itself is free of this. Either way repeat() behind shuffle()
#            gives each epoch an order of its own, although the seed is one.
# Versions:  grain 0.2.18. Seen on 30 November 2026 for six samples and seed 0:
#            shuffle 1 2 4 5 3 0   map, shuffle 2 3 0 5 4 1   filter, shuffle 2 3 0 5 4 1   shuffle, map 1 2 4 5 3 0
#            shuffle(0) 0 4 1 2 5 3   map, shuffle(0) 0 4 1 2 5 3   second epoch of shuffle(0) 5 2 3 0 4 1
# Fails if:  one of these orders changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" grain==0.2.18 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import grain

samples = 6


def order(data, epoch=0):
    return " ".join(str(int(data[epoch * samples + i])) for i in range(samples))


def same(x):
    return x


plain = grain.MapDataset.range(samples)
seeded = plain.seed(0)
seen = {"shuffle": order(seeded.shuffle()), "map, shuffle": order(seeded.map(same).shuffle()),
        "filter, shuffle": order(seeded.filter(lambda x: True).shuffle()), "shuffle, map": order(seeded.shuffle().map(same)),
        "shuffle(0)": order(plain.shuffle(seed=0)), "map, shuffle(0)": order(plain.map(same).shuffle(seed=0)),
        "second epoch of shuffle(0)": order(plain.shuffle(seed=0).repeat(2), 1)}
print("   ".join(f"{name} {numbers}" for name, numbers in seen.items()))
first, moved, own, second = "1 2 4 5 3 0", "2 3 0 5 4 1", "0 4 1 2 5 3", "5 2 3 0 4 1"
assert list(seen.values()) == [first, moved, moved, first, own, own, second], "the order has changed"
END
