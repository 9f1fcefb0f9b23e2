// SPDX-License-Identifier: Apache-2.0
// The number of threads, and how they form worker groups.
#pragma once

#include <string>
#include <vector>

#include "base/spin.hpp"
#include "plan/plan.hpp"
#include "runtime/engine.hpp"
#include "runtime/group_members.hpp"

namespace convoy {

struct Layout {
  int workers = 1;       // of this rank: groups * members.local
  int groups = 1;        // worker groups of this rank
  GroupMembers members;  // of each worker group
  GroupShare share;      // of the largest worker group
  // The workers of all ranks that share this one's memory, and the number of this rank's first.
  int domain_workers = 1;
  int first_domain_worker = 0;
  int spins = kShortSpins;  // turns that a waiting worker spins
  std::vector<std::string> warnings;
};

// The number of active workers is the minimum of the workers asked for, the usable cores and the
// work; `warnings` reports a reduction. Collective.
Layout choose_layout(const EngineOptions& options, const Plan& plan, Communicator& communicator);

// Returns no fusion where the options exclude it, or where workers divide an operation's outputs:
// each worker computes a range of them, and a fused stage can't be divided into ranges.
Fusion choose_fusion(const EngineOptions& options, const Backend& backend);

}  // namespace convoy
