// SPDX-License-Identifier: Apache-2.0
// How reports name the stages of a plan: in the order of training (forward, loss, backward) and by
// the names of their layers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.hpp"

namespace convoy {

std::string_view to_string(StageKind kind);  // "input gradient"

// How many stages a plan has, and the number of one stage (which must be part of `plan`, not a
// copy).
Index stage_count(const Plan& plan);
Index stage_number(const Plan& plan, const Stage& stage);
const Stage& stage_of_number(const Plan& plan, Index number);

// The names of the layers that a stage computes, in the order of the forward pass.
std::vector<std::string> stage_layers(const Plan& plan, const Stage& stage);

// "conv1"; "conv1+relu+pool1" for conv1, conv1.relu and pool1; "" for no layers.
std::string joined_name(std::span<const std::string> layers);

}  // namespace convoy
