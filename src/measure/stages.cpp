// SPDX-License-Identifier: Apache-2.0
#include "measure/stages.hpp"

#include <algorithm>

#include "base/float_environment.hpp"
#include "runtime/cpu/weight_gradients.hpp"

namespace convoy::measure {
namespace {

std::int64_t reading_the_clock() {
  std::vector<std::int64_t> readings(1001);
  for (std::int64_t& reading : readings) reading = ticks();
  for (std::size_t i = readings.size() - 1; i > 0; --i) readings[i] -= readings[i - 1];
  std::nth_element(readings.begin() + 1, readings.begin() + 501, readings.end());
  return readings[501];
}

}  // namespace

StageTimes::StageTimes(const Plan& plan, const Backend& backend, const Dataset& data,
                       std::span<const float> parameters, Index batch, const GroupShare& share)
    : plan_(plan),
      backend_(backend),
      data_(data),
      batch_(batch),
      share_(share),
      normalizer_(plan.net().normalization(), plan.net().input().channels, backend),
      parameters_(static_cast<Index>(parameters.size())),
      packed_(plan.packed_size()),
      slots_(tree::max_depth(grains()) * plan.net().arena_size()),
      scratch_(plan.scratch_floats()),
      memory_(Workspace::bytes(plan, share.microbatch_grains * share.grain)),
      workspace_(plan, share.microbatch_grains * share.grain, memory_.data()),
      list_(static_cast<std::size_t>(batch)) {
  if (grains() > share.microbatch_grains)
    deferral_.emplace(plan, share.grain, grains() * share.grain);
  std::copy(parameters.begin(), parameters.end(), parameters_.data());
  for (const ParameterBlock& block : plan.net().parameter_blocks()) {
    if (plan.packed(block.layer) == kNowhere) continue;
    backend.pack(plan.op(block.layer), parameters_.data() + block.offset,
                 packed_.data() + plan.packed(block.layer), {0, block.shape.taps});
  }
  facts_.push_back(input_facts(plan.net(), batch));
  for (const Stage& stage : plan.forward()) facts_.push_back(facts_of(stage));
  facts_.push_back(facts_of(plan.loss()));
  for (const Stage& stage : plan.backward()) facts_.push_back(facts_of(stage));
  ticks_.resize(facts_.size() + 1);
  sums_.resize(facts_.size());
  times_.resize(facts_.size());
  clock_ticks_ = reading_the_clock();
}

StageFacts StageTimes::facts_of(const Stage& stage) const {
  const Index microbatches = (grains() + share_.microbatch_grains - 1) / share_.microbatch_grains;
  const bool waits =
      deferral_ && std::any_of(deferral_->kept().begin(), deferral_->kept().end(),
                               [&](const auto& kept) { return kept.stage == &stage; });
  return stage_facts(plan_, stage, batch_, waits ? 1 : microbatches);
}

void StageTimes::loss(Range grains) {
  const Index classes = plan_.net().loss().classes;
  const Index first = samples_of(grains).begin;
  for (Index g = grains.begin; g < grains.end; ++g) {
    const Range samples = samples_of({g, g + 1});
    LossPass<float> pass;
    pass.samples = samples.size();
    pass.logits = workspace_.at(plan_.loss().x) + (samples.begin - first) * classes;
    pass.labels = workspace_.labels + (samples.begin - first);
    pass.dlogits = workspace_.at(plan_.loss().dx) + (samples.begin - first) * classes;
    backend_.loss(plan_.net().loss(), pass);
  }
}

void StageTimes::weight_gradient(const Stage& stage, const LayerValues& values, Range grains,
                                 const tree::Counter& counter_before) {
  const Index first = samples_of(grains).begin;
  const GradientPart part{values,         grains,
                          counter_before, {0, stage_units(plan_, stage, 0)},
                          slots_.data(),  scratch_.data()};
  add_weight_gradients(plan_, stage, backend_, part, [&](Index g) {
    const Range samples = samples_of({g, g + 1});
    return Range{samples.begin - first, samples.end - first};
  });
}

// Runs all stages, and adds the time of each to its sum.
void StageTimes::microbatch(Range grains) {
  const Range samples = samples_of(grains);
  const Weights weights{parameters_.data(), packed_.data()};
  const auto run = [&](const Stage& stage) {
    run_stage(plan_, stage, backend_, weights, workspace_, samples.size(), scratch_.data(),
              {0, stage_units(plan_, stage, samples.size())});
  };
  auto tick = ticks_.begin();
  *tick++ = ticks();
  normalizer_.fill(data_,
                   std::span(list_).subspan(static_cast<std::size_t>(samples.begin),
                                            static_cast<std::size_t>(samples.size())),
                   workspace_.at(plan_.input()), workspace_.labels);
  *tick++ = ticks();
  for (const Stage& stage : plan_.forward()) {
    run(stage);
    *tick++ = ticks();
  }
  loss(grains);
  *tick++ = ticks();
  for (const Stage& stage : plan_.backward()) {
    if (stage.kind != StageKind::weight_gradient) {
      run(stage);
    } else if (!deferral_ || !deferral_->keep(stage, workspace_, samples.begin, samples.size())) {
      weight_gradient(stage, layer_values(plan_, stage, workspace_), grains, counter_);
    }
    *tick++ = ticks();
  }
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sums_[i] += std::max(ticks_[i + 1] - ticks_[i] - clock_ticks_, std::int64_t{0});
  }
  for (Index g = grains.begin; g < grains.end; ++g) counter_.push({g, g + 1}, [](Index) {});
}

void StageTimes::step() {
  for (std::uint32_t& sample : list_) {
    sample = static_cast<std::uint32_t>(next_);
    next_ = (next_ + 1) % data_.size();
  }
  std::fill(sums_.begin(), sums_.end(), 0);
  counter_ = tree::Counter(grains());
  for (Index g = 0; g < grains(); g += share_.microbatch_grains) {
    microbatch({g, std::min(g + share_.microbatch_grains, grains())});
  }
  if (!deferral_) return;
  for (const Deferral::Kept& kept : deferral_->kept()) {
    const std::int64_t begin = ticks();
    weight_gradient(*kept.stage, kept.values(), {0, grains()}, tree::Counter(grains()));
    // The first sum is that of the input stage.
    sums_[static_cast<std::size_t>(1 + stage_number(plan_, *kept.stage))] += ticks() - begin;
  }
}

void StageTimes::run(double seconds) {
  constexpr int kLeast = 2;
  const FloatEnvironment modes;
  const Stopwatch watch;
  step();  // untimed: other code has used the caches and branch predictors
  for (int i = 0; i < kLeast || watch.seconds() < seconds; ++i) {
    step();
    for (std::size_t stage = 0; stage < times_.size(); ++stage) {
      times_[stage].push_back(sums_[stage]);
    }
  }
}

std::vector<double> StageTimes::seconds_of(std::size_t stage) const {
  const double scale = scale_.seconds_per_tick();
  std::vector<double> seconds;
  for (const std::int64_t sum : times_[stage]) seconds.push_back(static_cast<double>(sum) * scale);
  return seconds;
}

}  // namespace convoy::measure
