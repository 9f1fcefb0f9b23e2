// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/worker_groups.hpp"

#include <algorithm>

namespace convoy {

WorkerGroups::WorkerGroups(const Plan& plan, const Layout& layout, Communicator& communicator,
                           Barrier& barrier, GradientSum* slots, BatchStatistics* statistics)
    : members_(layout.members.local) {
  if (layout.members.all > layout.members.local) {
    tensor_ranks_.emplace(plan, layout.members, communicator, barrier,
                          layout.share.microbatch_samples(), layout.groups);
  }
  for (int g = 0; g < layout.groups; ++g) {
    const GroupConfig config{g, layout.members, tensor_ranks_ ? &*tensor_ranks_ : nullptr,
                             layout.spins};
    groups_.push_back(std::make_unique<WorkerGroup>(
        plan, config, layout.share, slots ? slots->slots(g) : nullptr, communicator, statistics));
  }
  pieces_.resize(groups_.size());
}

WorkerGroups::Membership WorkerGroups::of(int worker) const {
  const int group = worker / members_;
  return {*groups_[static_cast<std::size_t>(group)], group, worker % members_};
}

WorkerGroup::Work WorkerGroups::work_of(const Membership& membership, const WorkerGroup::Work& all,
                                        Range mine) const {
  const auto groups = static_cast<Index>(groups_.size());
  const auto part_of = [&](Index group) {
    const Range part = split(mine.size(), groups, group);
    return Range{mine.begin + part.begin, mine.begin + part.end};
  };
  WorkerGroup::Work work = all;
  work.grains = part_of(membership.number);
  work.microbatches = membership.group.microbatches_of(work.grains);
  // Tensor-parallel ranks compute the stages together, so worker groups with fewer microbatches
  // take part, too.
  for (Index g = 0; tensor_ranks_ && g < groups; ++g) {
    work.microbatches = std::max(work.microbatches, membership.group.microbatches_of(part_of(g)));
  }
  return work;
}

std::span<const GroupPieces> WorkerGroups::pieces() {
  for (std::size_t g = 0; g < groups_.size(); ++g) pieces_[g] = groups_[g]->pieces();
  return pieces_;
}

void WorkerGroups::reset_barriers() {
  for (const auto& group : groups_) group->barrier().reset();
}

void WorkerGroups::abort_barriers() {
  for (const auto& group : groups_) group->barrier().abort();
}

}  // namespace convoy
