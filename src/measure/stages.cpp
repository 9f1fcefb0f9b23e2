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

EngineOptions options_of(Index batch, const GroupShare& share) {
  EngineOptions options;
  options.batch = batch;
  options.grain = share.grain;
  return options;
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
      memory_(Workspace::bytes(plan, share.microbatch_samples(), batch)),
      workspace_(plan, share.microbatch_samples(), batch, memory_.data()),
      communicator_(alone()),
      statistics_(*communicator_, options_of(batch, share), plan, 1),
      counters_(plan.reductions().size()),
      list_(static_cast<std::size_t>(batch)) {
  if (grains() > share.microbatch_grains)
    deferral_.emplace(plan, share.grain, grains() * share.grain);
  std::copy(parameters.begin(), parameters.end(), parameters_.data());
  next_parameters_ = Buffer<float>(parameters_.size());
  for (const ParameterBlock& block : plan.net().parameter_blocks()) {
    if (plan.packed(block.layer) == kNowhere) continue;
    backend.pack(plan.op(block.layer), parameters_.data() + block.offset,
                 packed_.data() + plan.packed(block.layer), {0, block.shape.taps});
  }
  facts_.push_back(input_facts(plan.net(), batch));
  for (const Stage& stage : plan.stages()) facts_.push_back(facts_of(stage));
  sums_.resize(facts_.size());
  times_.resize(facts_.size());
  clock_ticks_ = reading_the_clock();
}

StageFacts StageTimes::facts_of(const Stage& stage) const {
  Index microbatches = 0;
  for (Index g = 0; g < grains(); ++microbatches) {
    g = share_.microbatch(g, {0, grains()}, plan_.group_samples()).end;
  }
  const bool waits =
      deferral_ && std::any_of(deferral_->kept().begin(), deferral_->kept().end(),
                               [&](const auto& kept) { return kept.stage == &stage; });
  return stage_facts(plan_, stage, batch_, waits ? 1 : microbatches);
}

void StageTimes::loss(Range grains, const Workspace& workspace) {
  const Index classes = plan_.net().loss().classes;
  const Index first = samples_of(grains).begin;
  for (Index g = grains.begin; g < grains.end; ++g) {
    const Range samples = samples_of({g, g + 1});
    LossPass<float> pass;
    pass.samples = samples.size();
    pass.logits = workspace.at(plan_.loss().x) + (samples.begin - first) * classes;
    pass.labels = workspace.labels() + (samples.begin - first);
    pass.dlogits = workspace.at(plan_.loss().dx) + (samples.begin - first) * classes;
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

void StageTimes::statistics(const Stage& stage, const Weights& weights, Range grains,
                            const Workspace& workspace) {
  const Index reduction = stage.reduction;
  tree::GroupedCounter& counter = counters_[static_cast<std::size_t>(reduction)];
  const Index first = samples_of(grains).begin;
  const Range channels{0, input_shape(plan_.op(stage)).channels};
  for (Index g = grains.begin; g < grains.end; ++g) {
    const Range samples = samples_of({g, g + 1});
    run_statistics(plan_, stage, backend_, weights, workspace,
                   {samples.begin - first, samples.end - first},
                   statistics_.slot(0, reduction, counter), {0, stage_units(plan_, stage, 0)});
    statistics_.push(0, reduction, {g, g + 1}, channels, grain_list(), counter);
  }
}

// Runs the stages of a phase, and adds the time of each to its sum.
void StageTimes::microbatch(const Phase& phase, Range grains) {
  const Range samples = samples_of(grains);
  const Workspace workspace = workspace_.from(samples.begin);
  const Weights of_batch{parameters_.data(), packed_.data(), statistics_.coefficients()};
  const Weights weights = of_batch.of_samples(plan_, samples.begin);
  StepContext context{true, 1, 1, 1};
  context.samples = list_.data() + samples.begin;
  std::int64_t before = ticks();
  const auto end_stage = [&](Index number) {
    const std::int64_t now = ticks();
    sums_[static_cast<std::size_t>(number)] +=
        std::max(now - before - clock_ticks_, std::int64_t{0});
    before = now;
  };
  if (phase.stages.begin == 0) {
    normalizer_.fill(data_,
                     std::span(list_).subspan(static_cast<std::size_t>(samples.begin),
                                              static_cast<std::size_t>(samples.size())),
                     workspace.at(plan_.input()), workspace.labels());
    end_stage(0);
  }
  for (Index number = phase.stages.begin; number < phase.stages.end; ++number) {
    const Stage& stage = plan_.stages()[static_cast<std::size_t>(number)];
    if (stage.kind == StageKind::loss) {
      loss(grains, workspace);
    } else if (has_reduction(stage.kind)) {
      statistics(stage, weights, grains, workspace);
    } else if (stage.kind != StageKind::weight_gradient) {
      run_stage(plan_, stage, backend_, weights, context, workspace, samples.size(),
                scratch_.data(), {0, stage_units(plan_, stage, samples.size())});
    } else if (!deferral_ || !deferral_->keep(stage, workspace, samples.begin, samples.size())) {
      weight_gradient(stage, layer_values(plan_, stage, context, workspace), grains, counter_);
    }
    end_stage(1 + number);
  }
  for (Index g = grains.begin; g < grains.end; ++g) counter_.push({g, g + 1}, [](Index) {});
}

void StageTimes::step() {
  for (std::uint32_t& sample : list_) {
    sample = static_cast<std::uint32_t>(next_);
    next_ = (next_ + 1) % data_.size();
  }
  std::fill(sums_.begin(), sums_.end(), 0);
  for (const Phase& phase : plan_.phases()) {
    counter_ = tree::Counter(grains());
    for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
      counters_[static_cast<std::size_t>(r)] = statistics_.counter(r, grains());
    }
    for (Index g = 0; g < grains();) {
      const Range some = share_.microbatch(g, {0, grains()}, plan_.group_samples());
      microbatch(phase, some);
      g = some.end;
    }
    if (!phase.reductions.empty()) {
      statistics_.finish(phase, grain_list(), parameters_.data(), next_parameters_.data());
    }
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
