// SPDX-License-Identifier: Apache-2.0
// Studies that nobody ran: times by a formula, so that a test knows what must come out.
#pragma once

#include <functional>
#include <vector>

#include "study/record.hpp"

namespace convoy::test {

// One experiment with these layouts on a machine of so many cores, every run the same digest.
// `seconds` of training, by layout and round.
study::Study made_study(const std::vector<study::Grid>& layouts, int cores, int repeats,
                        const std::function<double(const study::Grid&, int round)>& seconds,
                        study::Scaling scaling = study::Scaling::strong);

// The same on so many GPUs, of 1e12 FLOP/s and 1e11 B/s: 1.2 s in 60 steps on one, in halves on
// two. Its layers are shown; a kernel of conv1 does 3e9 FLOP and moves 4e8 bytes in a step.
study::Study made_gpu_study(const std::vector<study::Grid>& layouts, int gpus);

}  // namespace convoy::test
