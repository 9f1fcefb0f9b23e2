// SPDX-License-Identifier: Apache-2.0
// Tensor-parallel ranks: a worker group has members on all ranks, so all ranks compute the stages
// together. After a stage, ranks that share memory wait for each other in a barrier; other ranks
// send each other what they wrote.
#pragma once

#include <vector>

#include "parallel/communicator.hpp"
#include "plan/plan.hpp"
#include "runtime/cpu/barrier.hpp"
#include "runtime/group_members.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

// What a worker group of this rank has just run.
struct GroupOutput {
  Workspace workspace;
  Index samples = 0;
};

class TensorRanks {
 public:
  // `barrier`: of all workers of this rank.
  TensorRanks(const Plan& plan, const GroupMembers& members, Communicator& communicator,
              Barrier& barrier, Index most_samples, int groups);

  // The output of a worker group of this rank, which keeps it up to date.
  GroupOutput& output(int group) { return outputs_[static_cast<std::size_t>(group)]; }

  // Every worker of every rank calls this after the same stage (null: the worker ran no stage whose
  // output others need). `track`: the worker's, or null. Returns false where the barrier was
  // aborted.
  template <class Completion>
  bool arrive_and_wait(int worker, const Stage* stage, Track* track, const Completion& completion) {
    return barrier_.arrive_and_wait(worker, [&] {
      completion();
      if (track) track->record(TimeKind::waiting);
      after(stage);
      if (track) track->record(members_.one_memory ? TimeKind::waiting : TimeKind::communication);
    });
  }

 private:
  void after(const Stage* stage);
  std::vector<std::byte>& buffer(int rank) { return buffers_[static_cast<std::size_t>(rank)]; }
  template <class Copy>
  void for_each_span(const Stage& stage, int rank, const Copy& copy);

  const Plan& plan_;
  const GroupMembers members_;
  Communicator& communicator_;
  Barrier& barrier_;
  std::vector<GroupOutput> outputs_;
  std::vector<std::vector<std::byte>> buffers_;  // [rank]: what it wrote
  std::vector<Outgoing> out_;
  std::vector<Incoming> in_;
};

}  // namespace convoy
