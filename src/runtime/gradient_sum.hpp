// SPDX-License-Identifier: Apache-2.0
// The second beat of a step: finishes the canonical tree over the gradients that the teams of all
// ranks have, and over their tallies.
//
//   gather     worker 0   ranks of a node tell each other which nodes of the tree they hold, and
//                         where: gradients lie in memory that they share
//   sum        everyone   the additions that finish the tree, in slices, each by who updates it
//
// With several nodes the second is in two parts:
//
//   add        everyone   the additions that finish the node's part of the tree, in slices and
//                         in place
//   exchange   worker 0   between nodes (tree_reduce.hpp)
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ops/backend.hpp"
#include "parallel/communicator.hpp"
#include "parallel/tree_reduce.hpp"
#include "plan/plan.hpp"
#include "runtime/crew.hpp"
#include "runtime/engine.hpp"

namespace convoy {

// Nodes of the tree that a team holds: values in slots 0, 1, ... of the team.
struct TeamPieces {
  std::span<const tree::Node> nodes;
  const Tally* tallies = nullptr;
};

class GradientSum {
 public:
  // Collective. `teams` with `slots` each on this rank; every rank has its own numbers, but for
  // ranks cut by tensor.
  GradientSum(Communicator& communicator, const EngineOptions& options, const Plan& plan,
              const Crew& crew, const Backend& backend, int teams, Index slots);

  float* slots(int team);  // [slots][arena]

  // This rank's part of the grains of a step or an evaluation.
  Range grains_of_rank(Index grains) const;

  // Collective; worker 0 alone, all others wait. `flags` of Tally::Flag: of this rank, whether it
  // has grains or not. Returns the node's tally, which is that of all ranks unless exchanges().
  Tally gather(Index grains, std::span<const TeamPieces> teams, std::uint32_t flags);

  bool exchanges() const { return exchanges_; }

  // Whether sum() has something to add in this step.
  bool adds() const { return !merges_.empty(); }

  // Everyone, where nothing is exchanged: the sum over all grains of these elements of the arena.
  // It lies in `scratch` [scratch_rows()][elements] or where it was: slots are only read, so that
  // what the neighbours read and soon write anew stays with them.
  const float* sum(Range elements, float* scratch) const;
  static Index scratch_rows();

  // Everyone, each on other elements, before an exchange.
  void add(Range elements) const;
  // Which elements `worker` of `workers` of this rank adds before an exchange, given its slice
  // among the workers of the node.
  Range slice_before_exchange(Range node_slice, int worker, int workers) const;
  // Collective; worker 0 alone. The tally of all ranks.
  Tally exchange();

  // After an exchange: the sum over all grains.
  const float* root() const { return root_; }

  // Collective; outside of a step: gather and exchange of tallies alone.
  Tally sum_tallies(Index grains, std::span<const TeamPieces> teams);

 private:
  // What a rank publishes for its node.
  struct Record {
    tree::Node node;
    Index slot;
    Tally tally;
  };
  struct Header {
    Index records;
    std::uint32_t flags;
  };
  // The value at `depth` of the counter's stack becomes itself plus the one above. What was not yet
  // added to lies in its slot.
  struct Merge {
    Index depth;
    float* left;
    float* right;
    bool left_is_slot, right_is_slot;
  };

  Header& header(Index place) const { return headers_[place * kHeaderStride]; }
  Record* records(Index place) const { return records_.get() + place * most_records_; }
  float* slot(Index place, Index slot) const;
  void publish(std::span<const TeamPieces> teams);
  void publish_merged(Index grains, std::span<const TeamPieces> teams);
  Tally merge(Index grains, Index first_place, Index end_place);
  Tally exchange_between_nodes(TreeReduce& reduce, Meeting meeting);
  Tally exchange_rows();

  static constexpr Index kHeaderStride = 4;  // a cache line each

  Communicator& communicator_;
  const Plan& plan_;
  const Crew crew_;
  const Backend& backend_;
  const Cut ranks_by_;
  const Reduction reduction_;
  const Range node_;   // ranks
  const Index place_;  // of this rank in its node
  const bool exchanges_;
  const Index arena_, slots_per_team_;
  Index most_records_ = 0;
  std::vector<Index> first_slot_;  // of each place of the node, in the block
  std::shared_ptr<float[]> slots_;
  std::shared_ptr<Header[]> headers_;
  std::shared_ptr<Record[]> records_;
  std::shared_ptr<float[]> sum_;    // of an exchange
  std::shared_ptr<Tally[]> total_;  // of an exchange, for the node
  std::optional<TreeReduce> gradients_between_nodes_, tallies_between_nodes_;
  std::vector<Range> node_grains_;

  // Of the step in progress.
  Index grains_ = 0;
  std::vector<Merge> merges_;
  std::vector<Piece> pieces_;
  std::vector<Tally> tallies_;
  std::uint32_t flags_ = 0;  // of the node
  Tally tally_;              // of the node, or of all
  std::vector<std::uint32_t> flags_of_ranks_;
  std::vector<Outgoing> out_;
  std::vector<Incoming> in_;
  float* root_ = nullptr;
};

}  // namespace convoy
