// SPDX-License-Identifier: Apache-2.0
// Made-up studies with times by a formula, so that a test knows the right results.
#pragma once

#include <functional>
#include <vector>

#include "study/record.hpp"

namespace convoy::test {

// One experiment with these layouts on a machine of this number of cores; all runs have the same
// digest. `seconds` gives the training time by layout and round.
study::Study made_study(const std::vector<study::Grid>& layouts, int cores, int repeats,
                        const std::function<double(const study::Grid&, int round)>& seconds,
                        study::Scaling scaling = study::Scaling::strong);

// The same on this number of GPUs, of 1e12 FLOP/s and 1e11 B/s: 60 steps take 1.2 s on one and half
// of that on two. Its layers are shown; a kernel of conv1 does 3e9 FLOP and moves 4e8 bytes in a
// step.
study::Study made_gpu_study(const std::vector<study::Grid>& layouts, int gpus);

}  // namespace convoy::test
