// SPDX-License-Identifier: Apache-2.0
// Measures how long each stage of a plan takes when one worker computes the gradients of a batch.
// The worker takes the batch microbatch by microbatch, in the order of training, on real images and
// weights, and reads the clock between the stages, so every stage finds its data in the cache level
// in which training would leave it. (The loop is that of runtime/cpu/worker_group.cpp for a worker
// group of one, without its barriers.)
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
#include "runtime/batch_statistics.hpp"
#include "runtime/cpu/deferral.hpp"
#include "runtime/cpu/normalizer.hpp"
#include "runtime/group_members.hpp"

namespace convoy::measure {

class StageTimes {
 public:
  // A step is a batch of `batch` samples; `share` states how the worker takes them. `data` must fit
  // the net. `plan`, `backend` and `data` must outlive this object.
  StageTimes(const Plan& plan, const Backend& backend, const Dataset& data,
             std::span<const float> parameters, Index batch, const GroupShare& share);

  const std::vector<StageFacts>& stages() const { return facts_; }  // in the order of training

  void run(double seconds);  // measures for about this time, at least two steps
  std::vector<double> seconds_of(std::size_t stage) const;  // in each step so far

 private:
  void step();
  void microbatch(const Phase& phase, Range grains);
  void loss(Range grains, const Workspace& workspace);
  void statistics(const Stage& stage, const Weights& weights, Range grains,
                  const Workspace& workspace);
  GrainList grain_list() const { return {&data_, list_, share_.grain}; }
  void weight_gradient(const Stage& stage, const LayerValues& values, Range grains,
                       const tree::Counter& counter_before);
  StageFacts facts_of(const Stage& stage) const;
  Index grains() const { return (batch_ + share_.grain - 1) / share_.grain; }
  Range samples_of(Range grains) const {
    return {grains.begin * share_.grain, std::min(grains.end * share_.grain, batch_)};
  }

  const Plan& plan_;
  const Backend& backend_;
  const Dataset& data_;
  const Index batch_;
  const GroupShare share_;
  Normalizer normalizer_;
  Buffer<float> parameters_, next_parameters_, packed_, slots_, scratch_;
  Buffer<std::byte> memory_;
  Workspace workspace_;
  std::unique_ptr<Communicator> communicator_;
  BatchStatistics statistics_;
  std::vector<tree::GroupedCounter> counters_;  // of each reduction
  std::optional<Deferral> deferral_;
  std::vector<std::uint32_t> list_;  // the samples of a step
  Index next_ = 0;                   // the next sample
  tree::Counter counter_;
  std::vector<StageFacts> facts_;
  std::vector<std::int64_t> sums_;                // [stage], ticks of this step
  std::vector<std::vector<std::int64_t>> times_;  // [stage]
  std::int64_t clock_ticks_ = 0;                  // ticks that a reading of the clock takes
  TickScale scale_;
};

}  // namespace convoy::measure
