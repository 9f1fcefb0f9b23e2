// SPDX-License-Identifier: Apache-2.0
// How the time of a run's steps was spent, in numbers.
#pragma once

#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// The object `profile` of convoy train's document (docs/formats.md). For a GPU it includes the
// kernels of `engine`, those of rank 0, and their work in a step of `batch` samples.
Json profile_json(const Timings& timings, const Net& net, Index batch, const Engine& engine);

// The same in a few lines for a person: shares of the time for the mean worker and for the extreme
// ones, and the stages that take most time.
std::string profile_table(const Timings& timings);

}  // namespace convoy::app
