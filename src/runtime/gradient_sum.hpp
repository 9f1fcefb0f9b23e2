// SPDX-License-Identifier: Apache-2.0
// The reduce part of a step: finishes the canonical tree over the gradients that the worker groups
// of all ranks have, and over their partial metrics.
//
//   publish_and_plan   worker 0       The ranks of a memory domain tell each other which subtrees
//                      of each rank   they hold, and where: the gradients are in memory that they
//                                     share. Each lists the additions that are left; no gradient is
//                                     moved or added yet.
//   sum                all workers    Does the additions that finish the tree. Each worker adds the
//                                     slice that it updates.
//
// With several memory domains, or with Reduction::root, two functions replace sum:
//
//   add                all workers    Does the additions that finish the memory domain's part of
//                                     the tree, in slices and in place.
//   exchange           worker 0       Finishes the tree between memory domains (tree_reduce.hpp).
//                      of each rank
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ops/backend.hpp"
#include "parallel/communicator.hpp"
#include "parallel/tree_reduce.hpp"
#include "plan/plan.hpp"
#include "runtime/engine.hpp"
#include "runtime/group_members.hpp"

namespace convoy {

// Subtrees that a worker group holds; their values are in slots 0, 1, ... of the worker group.
struct GroupPieces {
  std::span<const tree::Subtree> subtrees;
  const StepMetrics* partial_metrics = nullptr;
};

class GradientSum {
 public:
  // Collective. `groups`: worker groups of this rank; `slots`: slots of each. Both may differ
  // between ranks, except between tensor-parallel ranks.
  GradientSum(Communicator& communicator, const EngineOptions& options, const Plan& plan,
              const GroupMembers& members, const Backend& backend, int groups, Index slots);

  float* slots(int group);  // [slots][arena]

  // This rank's part of the grains of a step or an evaluation.
  Range grains_of_rank(Index grains) const;

  // Collective; worker 0 alone calls it while all others wait. `flags` (StepMetrics::Flag) are
  // those of this rank, which may have no grains. Returns the step metrics of all ranks, unless
  // exchanges(): then other subtrees, domains and flags may be missing, and exchange() returns all.
  StepMetrics publish_and_plan(Index grains, std::span<const GroupPieces> groups,
                               std::uint32_t flags);

  bool exchanges() const { return exchanges_; }

  // Whether sum() has something to add in this step.
  bool adds() const { return !merges_.empty(); }

  // Any worker, unless exchanges(): returns the sum over all grains of these elements of the arena.
  // The sum is in `scratch` [scratch_rows()][elements] or in a slot. Slots are only read, so that
  // the cache lines of a slot stay with the worker that writes them again in the next step.
  const float* sum(Range elements, float* scratch) const;
  static Index scratch_rows();

  // Every worker calls it, each for other elements, before an exchange.
  void add(Range elements) const;
  // The elements that `worker` of this rank's `workers` adds before an exchange. `domain_slice` is
  // its slice among the workers of the memory domain.
  Range slice_before_exchange(Range domain_slice, int worker, int workers) const;
  // Collective; worker 0 alone calls it. Returns the step metrics of all ranks.
  StepMetrics exchange();

  // After an exchange: the sum over all grains.
  const float* root() const { return root_; }

  // Collective; for use outside of a step. Reduces the partial metrics alone, over all ranks.
  StepMetrics sum_metrics(Index grains, std::span<const GroupPieces> groups);

 private:
  // What a rank publishes for its memory domain.
  struct Record {
    tree::Subtree subtree;
    Index slot;
    StepMetrics partial_metrics;
  };
  struct Header {
    Index records;
    std::uint32_t flags;
  };
  // An addition: the value at `depth` + 1 of the counter's stack is added to the value at `depth`.
  // A value to which nothing was added yet is in its slot.
  struct Merge {
    Index depth;
    float* left;
    float* right;
    bool left_is_slot, right_is_slot;
  };

  Header& header(Index local_rank) const { return headers_[local_rank * kHeaderStride]; }
  Record* records(Index local_rank) const { return records_.get() + local_rank * most_records_; }
  float* slot(Index local_rank, Index slot) const;
  void publish(std::span<const GroupPieces> groups);
  void publish_merged(Index grains, std::span<const GroupPieces> groups);
  StepMetrics merge(Index grains, Index first_local_rank, Index end_local_rank);
  StepMetrics exchange_between_domains(TreeReduce& reduce, SyncPoint sync_point);
  StepMetrics exchange_rows();

  static constexpr Index kHeaderStride = 4;  // a cache line each

  Communicator& communicator_;
  const Plan& plan_;
  const GroupMembers members_;
  const Backend& backend_;
  const Parallelism ranks_by_;
  const Reduction reduction_;
  const Range domain_;      // ranks
  const Index local_rank_;  // of this rank in its memory domain
  const bool exchanges_;
  const Index arena_, slots_per_group_;
  Index most_records_ = 0;
  std::vector<Index> first_slot_;  // in the block, by local rank
  std::shared_ptr<float[]> slots_;
  std::shared_ptr<Header[]> headers_;
  std::shared_ptr<Record[]> records_;
  std::shared_ptr<float[]> exchanged_sum_;  // of an exchange
  std::shared_ptr<StepMetrics[]> total_;    // of an exchange, for the memory domain
  std::optional<TreeReduce> gradients_between_domains_, metrics_between_domains_;
  std::vector<Range> domain_grains_;

  // State of the step in progress.
  Index grains_ = 0;
  std::vector<Merge> merges_;
  std::vector<Piece> pieces_;
  std::vector<StepMetrics> partial_metrics_;
  std::uint32_t flags_ = 0;   // of the memory domain
  StepMetrics step_metrics_;  // of the memory domain, or of all
  std::vector<std::uint32_t> flags_of_ranks_;
  std::vector<Outgoing> out_;
  std::vector<Incoming> in_;
  float* root_ = nullptr;
};

}  // namespace convoy
