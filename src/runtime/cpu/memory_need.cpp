// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/memory_need.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/check.hpp"
#include "net/inference_net.hpp"
#include "runtime/batch_statistics.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/step_update.hpp"
#include "runtime/cpu/worker_group.hpp"

namespace convoy {
namespace {

constexpr Index kFloatBytes = sizeof(float);

Index count_domains(const Communicator& communicator) {
  const Range host = communicator.host();
  return std::ranges::count_if(communicator.domains(), [host](const Range& domain) {
    return host.begin <= domain.begin && domain.end <= host.end;
  });
}

}  // namespace

MemoryNeed memory_need(const Plan& plan, const NetOptimizer& optimizer, const Layout& layout,
                       const Communicator& communicator) {
  const Index arena = plan.net().arena_size();
  const Index ranks = domain_ranks(communicator).size();
  // Each exists in two generations (runtime/cpu/generations.hpp); the slots hold the tree's partial
  // sums.
  const Index generation =
      arena * (1 + static_cast<Index>(optimizer.slot_count())) + plan.packed_size();
  const Index slots = layout.groups * WorkerGroup::slots_of(layout.share);
  const bool one_set =
      layout.members.all > layout.members.local;  // tensor-parallel ranks share the slots
  MemoryNeed need;
  need.domain = kFloatBytes * (2 * generation + slots * arena * (one_set ? 1 : ranks)) +
                StepUpdate::gathered_bytes(plan.net(), optimizer, layout.domain_workers);
  const GroupShare& share = layout.share;
  Index group = Workspace::bytes(plan, share.microbatch_samples(), share.samples()) +
                layout.members.local * plan.scratch_floats() * kFloatBytes;
  if (layout.members.all == 1 && share.grains > share.microbatch_grains) {
    group += kFloatBytes * Deferral::floats(plan, share.grain, share.samples());
  }
  if (InferenceNet::differs(plan.net())) {
    const InferenceNet inference_net(plan.net());
    const Plan inference(inference_net.net(), plan.fusion(), PlanUse::inference);
    group += Workspace::bytes(inference, share.microbatch_samples(), share.samples()) +
             layout.members.local * inference.scratch_floats() * kFloatBytes;
    need.rank += inference_net.net().arena_size() * kFloatBytes;
  }
  const Index batch = share.samples() * layout.groups * (one_set ? 1 : communicator.size());
  const int parts = one_set ? 1 : communicator.size();
  const int domains = one_set ? 1 : static_cast<int>(communicator.domains().size());
  need.rank += layout.groups * group +
               BatchStatistics::bytes(plan, share.grain, batch, parts, domains, layout.groups);
  return need;
}

void check_memory(const MemoryNeed& need, const MemoryHeld& held, const Communicator& communicator,
                  std::optional<std::uint64_t> limit) {
  if (!limit) return;
  const Index ranks = communicator.host().size();
  const Index domain = need.domain * count_domains(communicator);
  const Index all = domain + ranks * (need.rank + held.own) + held.shared;
  if (static_cast<std::uint64_t>(all) <= *limit) return;
  const std::string subject = ranks == 1 ? "this run needs" : fmt::format("{} ranks need", ranks);
  throw UserError(Fault::unavailable,
                  fmt::format("{} {} of memory, and the control group may use {}", subject,
                              memory_in_words(all), memory_in_words(static_cast<Index>(*limit))),
                  fmt::format("weights and gradients {}, activations {}, data and program {}",
                              memory_in_words(domain), memory_in_words(ranks * need.rank),
                              memory_in_words(ranks * held.own + held.shared)),
                  "use fewer threads or ranks, a smaller grain or model, or ask for more memory");
}

}  // namespace convoy
