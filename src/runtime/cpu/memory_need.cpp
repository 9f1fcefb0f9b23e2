// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/memory_need.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/check.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/team_work.hpp"

namespace convoy {
namespace {

constexpr Index kFloatBytes = sizeof(float);

Index count_nodes(const Communicator& communicator) {
  const Range host = communicator.host();
  return std::ranges::count_if(communicator.nodes(), [host](const Range& node) {
    return host.begin <= node.begin && node.end <= host.end;
  });
}

}  // namespace

MemoryNeed memory_need(const Plan& plan, const Sgd& optimizer, const Layout& layout,
                       const Communicator& communicator) {
  const Index arena = plan.net().arena_size();
  const Index ranks = node_ranks(communicator).size();
  // Two generations of each (runtime/cpu/generations.hpp), and the slots of the tree's partial
  // sums.
  const Index generation = arena * (optimizer.momentum != 0 ? 2 : 1) + plan.packed_size();
  const Index slots = layout.teams * Team::slots_of(layout.share);
  const bool one_set = layout.crew.all > layout.crew.local;  // of ranks cut by tensor
  MemoryNeed need;
  need.node = kFloatBytes * (2 * generation + slots * arena * (one_set ? 1 : ranks));
  const Index samples = layout.share.slab_grains * layout.share.grain;
  Index team =
      Workspace::bytes(plan, samples) + layout.crew.local * plan.scratch_floats() * kFloatBytes;
  if (layout.crew.all == 1 && layout.share.grains > layout.share.slab_grains) {
    team += kFloatBytes *
            Deferral::floats(plan, layout.share.grain, layout.share.grains * layout.share.grain);
  }
  need.rank = layout.teams * team;
  return need;
}

void check_memory(const MemoryNeed& need, const MemoryHeld& held, const Communicator& communicator,
                  std::optional<std::uint64_t> limit) {
  if (!limit) return;
  const Index ranks = communicator.host().size();
  const Index node = need.node * count_nodes(communicator);
  const Index all = node + ranks * (need.rank + held.own) + held.shared;
  if (static_cast<std::uint64_t>(all) <= *limit) return;
  const std::string who = ranks == 1 ? "this run needs" : fmt::format("{} ranks need", ranks);
  throw UserError(Fault::unavailable,
                  fmt::format("{} {} of memory, and the control group may use {}", who,
                              memory_in_words(all), memory_in_words(static_cast<Index>(*limit))),
                  fmt::format("weights and gradients {}, activations {}, data and program {}",
                              memory_in_words(node), memory_in_words(ranks * need.rank),
                              memory_in_words(ranks * held.own + held.shared)),
                  "use fewer threads or ranks, a smaller grain or model, or ask for more memory");
}

}  // namespace convoy
