// SPDX-License-Identifier: Apache-2.0
// Studies that nobody ran: times by a formula, so that a test knows what must come out.
#pragma once

#include <functional>
#include <vector>

#include "convoy/study/record.hpp"

namespace convoy::test {

// One experiment with these layouts on a machine of so many cores, every run the same digest.
// `seconds` of training, by layout and round.
study::Study made_study(const std::vector<study::Grid>& layouts, int cores, int repeats,
                        const std::function<double(const study::Grid&, int round)>& seconds,
                        study::Scaling scaling = study::Scaling::strong);

}  // namespace convoy::test
