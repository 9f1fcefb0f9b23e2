// SPDX-License-Identifier: Apache-2.0
// All worker groups of a rank for one plan.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/tensor_ranks.hpp"
#include "runtime/cpu/worker_group.hpp"

namespace convoy {

class WorkerGroups {
 public:
  // `slots`: of the gradients (WorkerGroup), by group; null where the plan has no backward pass.
  // `statistics`: null where the plan has no reductions. `barrier`: of all workers of this rank.
  // Keeps references to all arguments but `layout`.
  WorkerGroups(const Plan& plan, const Layout& layout, Communicator& communicator, Barrier& barrier,
               GradientSum* slots, BatchStatistics* statistics);

  // A worker's group, the group's number, and the worker's number in it.
  struct Membership {
    WorkerGroup& group;
    int number;
    int member;
  };
  Membership of(int worker) const;

  // What a group does for its part of the grains of this rank [mine).
  WorkerGroup::Work work_of(const Membership& membership, const WorkerGroup::Work& all,
                            Range mine) const;

  std::span<const GroupPieces> pieces();

  void reset_barriers();
  void abort_barriers();
  // Seconds that the first worker has waited in its group.
  double waited() const { return groups_.front()->barrier().waited(); }

 private:
  const int members_;  // of each group on this rank
  std::optional<TensorRanks> tensor_ranks_;
  std::vector<std::unique_ptr<WorkerGroup>> groups_;
  std::vector<GroupPieces> pieces_;
};

}  // namespace convoy
