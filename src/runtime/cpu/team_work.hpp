// SPDX-License-Identifier: Apache-2.0
// How a CPU engine goes through its part of a batch. Threads form teams: cut by data, every thread
// is a team; cut by tensor, all threads are one. Where ranks are cut by tensor, a team has members
// on all of them. A team owns a contiguous range of grains, works through it in slabs of a few
// grains, and inside a slab its members divide the units of every stage.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "plan/plan.hpp"
#include "runtime/cpu/barrier.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/normalizer.hpp"
#include "runtime/cpu/tensor_ranks.hpp"
#include "runtime/crew.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/grain_list.hpp"

namespace convoy {

// What an evaluation writes for each sample; null where not asked for.
struct ScoreSink {
  std::uint16_t* predictions = nullptr;
  float* probabilities = nullptr;
};

// A team's place in the engine.
struct TeamSeat {
  int number = 0;
  Crew crew;
  TensorRanks* ranks = nullptr;  // where ranks are cut by tensor
  int spins = kBriefSpins;       // of a member that waits
};

// One team, and its mutable memory.
class Team {
 public:
  // `slots`: [slots_of(share)][arena], as many as the binary counter may need; of the caller.
  Team(const Plan& plan, const TeamSeat& seat, const TeamShare& share, float* slots,
       Communicator& communicator);
  static Index slots_of(const TeamShare& share) { return tree::max_depth(share.grains); }

  // Every member calls these with the same arguments. `rounds`: slabs to go through, more than the
  // grains need where other teams have more. `weights` stay unchanged meanwhile. False: the barrier
  // was broken.
  struct Work {
    const Backend& backend;
    Weights weights;
    const Normalizer& normalizer;
    GrainList list;
    Range grains;
    Index rounds = 0;
    Lane* lanes = nullptr;  // of the team's members; null: nothing is recorded

    Lane* lane(int member) const { return lanes ? lanes + member : nullptr; }
  };
  Index rounds(Index grains) const;  // that so many grains need
  bool add_gradients(int member, const Work& work);
  bool evaluate(int member, const Work& work, const ScoreSink& sink);

  // What this team's grains came to; valid after all members returned. Gradients are in the slots
  // of the same number, unless it was an evaluation.
  TeamPieces pieces() const { return {counter_.nodes(), tallies_.data()}; }

  Barrier& barrier() { return barrier_; }

 private:
  struct Slab {
    Range grains;
    Range samples;  // positions in the list
    Index size() const { return samples.size(); }
  };

  Slab slab(const Work& work, Index round) const;
  template <class Completion>
  bool meet(int member, const Work& work, const Stage* stage, const Completion& completion);
  bool meet(int member, const Work& work, const Stage* stage = nullptr);
  bool forward(int member, const Work& work, const Slab& slab);
  bool run(int member, const Stage& stage, const Work& work, Index samples);
  bool end_stage(int member, const Work& work, const Stage& stage, const Stage* output);
  void weight_gradient(int member, const Stage& stage, const Work& work, const Slab& slab);
  void add_up(int member, const Stage& stage, const Work& work, const LayerValues& values,
              Range grains, const tree::Counter& before);
  void loss(int member, const Work& work, const Slab& slab, const ScoreSink& sink,
            bool with_gradient);
  void count(const Slab& slab);

  const Plan& plan_;
  const TeamSeat seat_;
  const TeamShare share_;
  Communicator& communicator_;
  Barrier barrier_;
  std::shared_ptr<std::byte[]> memory_;  // of the workspace
  Workspace workspace_;
  std::vector<Buffer<float>> scratch_;  // [local members]
  std::optional<Deferral> deferral_;    // where this thread alone goes through several slabs
  float* slots_;                        // [slots][arena]: gradients of the nodes on the counter
  std::vector<Tally> tallies_;          // of the nodes on the counter
  std::vector<Tally> grain_tallies_;    // of the grains of a slab
  tree::Counter counter_;
};

}  // namespace convoy
