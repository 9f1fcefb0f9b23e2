// SPDX-License-Identifier: Apache-2.0
// How a CPU engine goes through its part of a batch. Threads form teams: cut by data, every thread
// is a team; cut by tensor, all threads are one. A team owns a contiguous range of grains, works
// through it in slabs of a few grains, and inside a slab its members divide the units of every
// stage.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "convoy/comm/communicator.hpp"
#include "convoy/data/normalizer.hpp"
#include "convoy/engine/barrier.hpp"
#include "convoy/plan/plan.hpp"
#include "convoy/sum/tree.hpp"

namespace convoy {

// The samples of a step, or of an evaluation, cut into grains.
struct GrainList {
  const Dataset* data = nullptr;
  std::span<const std::uint32_t> samples;
  Index grain = 1;

  Index count() const { return (static_cast<Index>(samples.size()) + grain - 1) / grain; }
  // The samples (positions in `samples`) of grains [grains).
  Range range(Range grains) const {
    return {grains.begin * grain, std::min(grains.end * grain, static_cast<Index>(samples.size()))};
  }
};

// What an evaluation writes for each sample; null where not asked for.
struct ScoreSink {
  std::uint16_t* predictions = nullptr;
  float* probabilities = nullptr;
};

// The mutable memory of one team.
class Team {
 public:
  // `slots`: how deep the binary counter may get; 0 for evaluation alone.
  Team(const Plan& plan, int members, Index slab_samples, Index slots, Communicator& communicator);

  // Every member calls these with the same arguments. `weights` stay unchanged meanwhile. False:
  // the barrier was broken.
  bool add_gradients(int member, const Backend& backend, const Weights& weights,
                     const Normalizer& normalizer, const GrainList& list, Range grains);
  bool evaluate(int member, const Backend& backend, const Weights& weights,
                const Normalizer& normalizer, const GrainList& list, Range grains,
                const ScoreSink& sink);

  // The nodes that this team's grains came to; valid after all members returned. Evaluation has no
  // gradients: null where no slot is.
  Index pieces() const { return counter_.depth(); }
  Piece piece(Index i);

  Barrier& barrier() { return barrier_; }

 private:
  struct Slab {
    Range grains;
    Range samples;  // positions in the list
    Index size() const { return samples.size(); }
  };

  bool forward(int member, const Backend& backend, const Weights& weights,
               const Normalizer& normalizer, const GrainList& list, const Slab& slab);
  bool run(int member, const Stage& stage, const Backend& backend, const Weights& weights,
           Index samples);
  void weight_gradient(int member, const Stage& stage, const Backend& backend,
                       const GrainList& list, const Slab& slab);
  void loss(int member, const Backend& backend, const GrainList& list, const Slab& slab,
            const ScoreSink& sink, bool with_gradient);
  void count(const Slab& slab, Index list_grains);
  float* slot(Index i) { return slots_.get() + i * plan_.net().arena_size(); }

  const Plan& plan_;
  const int members_;
  Barrier barrier_;
  Workspace workspace_;
  std::vector<Buffer<float>> scratch_;  // [members]
  Index slot_count_;
  std::shared_ptr<float[]> slots_;    // [slots][arena]: gradients of the nodes on the counter
  std::vector<Tally> tallies_;        // of the nodes on the counter
  std::vector<Tally> grain_tallies_;  // of the grains of a slab
  tree::Counter counter_;
};

}  // namespace convoy
