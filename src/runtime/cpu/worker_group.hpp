// SPDX-License-Identifier: Apache-2.0
// How a CPU engine computes its part of a batch. Threads form worker groups: in data parallel
// training every thread is a worker group, in tensor parallel training all threads are one. Where
// ranks are tensor parallel, a worker group has members on all of them. A worker group owns a
// contiguous range of grains and takes it through the net in microbatches of a few grains; within a
// microbatch its members divide the units of every stage.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "plan/plan.hpp"
#include "runtime/batch_statistics.hpp"
#include "runtime/cpu/barrier.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/normalizer.hpp"
#include "runtime/cpu/tensor_ranks.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/grain_list.hpp"
#include "runtime/group_members.hpp"

namespace convoy {

// What an evaluation writes for each sample; null where not asked for.
struct ScoreSink {
  std::uint16_t* predictions = nullptr;
  float* probabilities = nullptr;
};

// The number of a worker group, its members, and how they wait.
struct GroupConfig {
  int number = 0;
  GroupMembers members;
  TensorRanks* tensor_ranks = nullptr;  // set where ranks are tensor parallel
  int spins = kShortSpins;              // turns that a waiting member spins
};

// One worker group, and its mutable memory.
class WorkerGroup {
 public:
  // `slots`: [slots_of(share)][arena], as many as the binary counter may need; owned by the caller.
  // `statistics`: of the plan's reductions; null where it has none.
  WorkerGroup(const Plan& plan, const GroupConfig& config, const GroupShare& share, float* slots,
              Communicator& communicator, BatchStatistics* statistics = nullptr);
  static Index slots_of(const GroupShare& share) { return tree::max_depth(share.grains); }

  // Every member calls run() and evaluate() with the same arguments. `microbatches`:
  // tensor-parallel ranks all do the number that the largest group needs, so that they arrive at
  // the same barriers. `weights` must not change meanwhile. They return false where the barrier was
  // aborted.
  struct Work {
    const Backend& backend;
    Weights weights;
    const Normalizer& normalizer;
    GrainList list;
    Range grains = {};
    Index microbatches = 0;
    Track* tracks = nullptr;   // of the worker group's members; null: records nothing
    StepContext context = {};  // but for its samples

    Track* track(int member) const { return tracks ? tracks + member : nullptr; }
  };
  Index microbatches_of(Range grains) const;
  // The stages of a phase, for all grains. After the last phase the gradients are in the slots.
  bool run(int member, const Work& work, const Phase& phase);
  bool evaluate(int member, const Work& work, const ScoreSink& sink);

  // The subtrees that this worker group's grains form; valid after all members returned. The
  // gradient of subtree i is in slot i, except after an evaluation.
  GroupPieces pieces() const { return {counter_.subtrees(), partial_metrics_.data()}; }

  Barrier& barrier() { return barrier_; }

 private:
  struct Microbatch {
    Range grains;
    Range samples;  // positions in the list
    Workspace workspace;
    Index size() const { return samples.size(); }
  };

  template <class Function>
  bool for_each_microbatch(int member, const Work& work, const Function& function);
  bool run_microbatch(int member, const Work& work, const Phase& phase,
                      const Microbatch& microbatch);
  void compute_statistics(int member, const Stage& stage, const Work& work,
                          const Microbatch& microbatch);
  static StepContext context_of(const Work& work, Range samples);
  template <class Completion>
  bool arrive_and_wait(int member, const Work& work, const Stage* stage,
                       const Completion& completion);
  bool arrive_and_wait(int member, const Work& work, const Stage* stage = nullptr);
  bool fill(int member, const Work& work, const Microbatch& microbatch);
  bool run_stage(int member, const Stage& stage, const Work& work, const Microbatch& microbatch);
  bool end_stage(int member, const Work& work, const Stage& stage, const Stage* output);
  void weight_gradient(int member, const Stage& stage, const Work& work,
                       const Microbatch& microbatch);
  void sum_weight_gradients(int member, const Stage& stage, const Work& work,
                            const LayerValues& values, Range grains,
                            const tree::Counter& counter_before);
  void loss(int member, const Work& work, const Microbatch& microbatch, const ScoreSink& sink,
            bool with_gradient);
  void push_grains(const Microbatch& microbatch, bool with_metrics);

  const Plan& plan_;
  const GroupConfig config_;
  const GroupShare share_;
  Communicator& communicator_;
  BatchStatistics* const statistics_;
  Barrier barrier_;
  std::shared_ptr<std::byte[]> memory_;  // of the workspace
  Workspace workspace_;
  std::vector<Buffer<float>> scratch_;  // [local members]
  std::optional<Deferral> deferral_;    // for a group of one thread with several microbatches
  float* slots_;                        // [slots][arena]: gradients of the subtrees on the counter
  std::vector<StepMetrics> partial_metrics_;  // of the subtrees on the counter
  std::vector<StepMetrics> grain_metrics_;    // of the grains of a microbatch
  tree::Counter counter_;
  // [local members][reductions]; a member alone uses its own.
  std::vector<std::vector<tree::GroupedCounter>> statistics_counters_;
};

}  // namespace convoy
