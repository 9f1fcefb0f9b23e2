// SPDX-License-Identifier: Apache-2.0
// How many threads work, and how they sit together.
#pragma once

#include <string>
#include <vector>

#include "convoy/engine/engine.hpp"
#include "convoy/plan/plan.hpp"

namespace convoy {

struct Layout {
  int workers = 1;  // teams * members
  int teams = 1;
  int members = 1;
  Index slab_grains = 1;  // that a team takes at once
  std::vector<std::string> warnings;
};

// Active workers are min(asked, usable cores, work); what was cut off is said in `warnings`.
Layout choose_layout(const EngineOptions& options, const Plan& plan);

}  // namespace convoy
