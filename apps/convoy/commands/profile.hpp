// SPDX-License-Identifier: Apache-2.0
// Where the time of a run's steps went, in numbers.
#pragma once

#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// The object `profile` of convoy train's document (docs/formats.md). Of a GPU it has the kernels of
// `engine`, rank 0's, and what they do in a step of `batch` samples.
Json profile_json(const Timings& timings, const Net& net, Index batch, const Engine& engine);

// The same in a few lines for a person: shares of the time, of the mean worker and of those at the
// ends, and the stages that take most.
std::string profile_table(const Timings& timings);

}  // namespace convoy::app
