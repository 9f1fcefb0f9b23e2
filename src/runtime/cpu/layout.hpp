// SPDX-License-Identifier: Apache-2.0
// How many threads work, and how they sit together.
#pragma once

#include <string>
#include <vector>

#include "base/spin.hpp"
#include "plan/plan.hpp"
#include "runtime/crew.hpp"
#include "runtime/engine.hpp"

namespace convoy {

struct Layout {
  int workers = 1;  // of this rank: teams, each with crew.local members
  int teams = 1;
  Crew crew;        // of each team
  TeamShare share;  // of the largest team
  // The workers of all ranks that share this one's memory, and the number of this rank's first.
  int node_workers = 1;
  int first_node_worker = 0;
  int spins = kBriefSpins;  // of a worker that waits
  std::vector<std::string> warnings;
};

// Active workers are min(asked, usable cores, work); what was cut off is said in `warnings`.
// Collective.
Layout choose_layout(const EngineOptions& options, const Plan& plan, Communicator& communicator);

// None where it is not wanted, or workers share an operation's outputs: they take any range of
// them, and a fused stage has no ranges.
Fusion choose_fusion(const EngineOptions& options, const Backend& backend);

}  // namespace convoy
