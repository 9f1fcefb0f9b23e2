// SPDX-License-Identifier: Apache-2.0
// How long each stage of a plan takes in a step of one worker, the gradients of a batch: it goes
// through the batch slab by slab, in the order of training, on real images and weights, and the
// clock is read between the stages. So every stage finds its data where training would have left
// them. (The loop is that of runtime/cpu/team_work.cpp for a team of one, without its meetings.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "data/dataset.hpp"
#include "measure/stage_facts.hpp"
#include "parallel/reduction_tree.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/normalizer.hpp"
#include "runtime/crew.hpp"

namespace convoy::measure {

class StageTimes {
 public:
  // A step is a batch of `batch` samples, of which `share` says how they are taken. `data` fits the
  // net. `plan`, `backend` and `data` must outlive this.
  StageTimes(const Plan& plan, const Backend& backend, const Dataset& data,
             std::span<const float> parameters, Index batch, const TeamShare& share);

  const std::vector<StageFacts>& stages() const { return facts_; }  // in the order of training

  void run(double seconds);  // measures for about so long, at least two steps
  std::vector<double> seconds_of(std::size_t stage) const;  // in each step so far

 private:
  void step();
  void slab(Range grains);
  void loss(Range grains);
  void weight_gradient(const Stage& stage, const LayerValues& values, Range grains,
                       const tree::Counter& before);
  StageFacts facts_of(const Stage& stage) const;
  Index grains() const { return (batch_ + share_.grain - 1) / share_.grain; }
  Range samples_of(Range grains) const {
    return {grains.begin * share_.grain, std::min(grains.end * share_.grain, batch_)};
  }

  const Plan& plan_;
  const Backend& backend_;
  const Dataset& data_;
  const Index batch_;
  const TeamShare share_;
  Normalizer normalizer_;
  Buffer<float> parameters_, packed_, slots_, scratch_;
  Buffer<std::byte> memory_;
  Workspace workspace_;
  std::optional<Deferral> deferral_;
  std::vector<std::uint32_t> list_;  // the samples of a step
  Index next_ = 0;                   // sample
  tree::Counter counter_;
  std::vector<StageFacts> facts_;
  std::vector<std::int64_t> ticks_;               // of one slab: before the first stage, after each
  std::vector<std::int64_t> sums_;                // [stage], of this step: ticks
  std::vector<std::vector<std::int64_t>> times_;  // [stage]
  std::int64_t clock_ticks_ = 0;                  // that a reading of the clock takes
  TickScale scale_;
};

}  // namespace convoy::measure
