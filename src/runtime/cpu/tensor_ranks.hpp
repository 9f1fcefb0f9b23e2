// SPDX-License-Identifier: Apache-2.0
// Ranks cut by tensor: the members of a team sit on all ranks, so all ranks go through the stages
// together. After a stage they meet, where they share its output in memory; or all get what each
// wrote, by messages.
#pragma once

#include <vector>

#include "parallel/communicator.hpp"
#include "plan/plan.hpp"
#include "runtime/cpu/barrier.hpp"
#include "runtime/crew.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

// What a team of this rank has just run.
struct TeamOutput {
  Workspace* workspace = nullptr;
  Index samples = 0;
};

class TensorRanks {
 public:
  // `barrier`: of all workers of this rank.
  TensorRanks(const Plan& plan, const Crew& crew, Communicator& communicator, Barrier& barrier,
              Index most_samples, int teams);

  // Of a team of this rank, which keeps it up.
  TeamOutput& output(int team) { return outputs_[static_cast<std::size_t>(team)]; }

  // Every worker of every rank, after the same stage (null: it ran none whose output others need).
  // `lane`: the worker's, or null. False: the barrier was broken.
  template <class Completion>
  bool meet(int worker, const Stage* stage, Lane* lane, const Completion& completion) {
    return barrier_.meet(worker, [&] {
      completion();
      if (lane) lane->lap(TimeKind::waiting);
      after(stage);
      if (lane) lane->lap(crew_.one_memory ? TimeKind::waiting : TimeKind::communication);
    });
  }

 private:
  void after(const Stage* stage);
  std::vector<std::byte>& buffer(int rank) { return buffers_[static_cast<std::size_t>(rank)]; }
  template <class Copy>
  void for_each_span(const Stage& stage, int rank, const Copy& copy);

  const Plan& plan_;
  const Crew crew_;
  Communicator& communicator_;
  Barrier& barrier_;
  std::vector<TeamOutput> outputs_;
  std::vector<std::vector<std::byte>> buffers_;  // [rank]: what it wrote
  std::vector<Outgoing> out_;
  std::vector<Incoming> in_;
};

}  // namespace convoy
