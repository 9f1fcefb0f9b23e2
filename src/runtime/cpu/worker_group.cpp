// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/worker_group.hpp"

#include <cmath>

#include "plan/stage_names.hpp"
#include "runtime/cpu/weight_gradients.hpp"

namespace convoy {
namespace {

// The depth of the counter in any evaluation; its partial metrics need no slots.
constexpr Index kEvaluationDepth = tree::max_depth(Index{1} << 32);

std::shared_ptr<std::byte[]> workspace_memory(const Plan& plan, const GroupConfig& config,
                                              const GroupShare& share, Communicator& communicator) {
  const Index bytes = Workspace::bytes(plan, share.microbatch_samples(), share.samples());
  return config.tensor_ranks != nullptr ? communicator.allocate(bytes) : alone()->allocate(bytes);
}

}  // namespace

WorkerGroup::WorkerGroup(const Plan& plan, const GroupConfig& config, const GroupShare& share,
                         float* slots, Communicator& communicator, BatchStatistics* statistics)
    : plan_(plan),
      config_(config),
      share_(share),
      communicator_(communicator),
      statistics_(statistics),
      barrier_(config.members.local, config.spins),
      memory_(workspace_memory(plan, config, share, communicator)),
      workspace_(plan, share.microbatch_samples(), share.samples(), memory_.get()),
      slots_(slots),
      partial_metrics_(
          static_cast<std::size_t>(std::max<Index>(slots_of(share), kEvaluationDepth))),
      grain_metrics_(static_cast<std::size_t>(share.microbatch_grains)) {
  for (int i = 0; i < config.members.local; ++i) scratch_.emplace_back(plan.scratch_floats());
  if (config.members.all == 1 && share.grains > share.microbatch_grains) {
    deferral_.emplace(plan, share.grain, share.samples());
  }
  statistics_counters_.assign(static_cast<std::size_t>(config.members.local),
                              std::vector<tree::GroupedCounter>(plan.reductions().size()));
}

// The barrier after a stage (null: after work whose output other ranks do not need, unless they
// share the workspace). The completion runs once for the worker group on this rank, after its
// members here have arrived.
template <class Completion>
bool WorkerGroup::arrive_and_wait(int member, const Work& work, const Stage* stage,
                                  const Completion& completion) {
  Track* const track = config_.members.all > 1 ? work.track(member) : nullptr;
  bool all_arrived = true;
  if (config_.tensor_ranks == nullptr) {
    all_arrived = barrier_.arrive_and_wait(member, completion);
  } else if (config_.members.local > 1) {
    // All workers of the rank arrive here; they are members of one worker group.
    all_arrived = config_.tensor_ranks->arrive_and_wait(member, stage, track, completion);
  } else {
    completion();
    all_arrived = config_.tensor_ranks->arrive_and_wait(config_.number, stage, track, [] {});
  }
  if (track) track->record(TimeKind::waiting);
  return all_arrived;
}

bool WorkerGroup::arrive_and_wait(int member, const Work& work, const Stage* stage) {
  return arrive_and_wait(member, work, stage, [] {});
}

bool WorkerGroup::run_stage(int member, const Stage& stage, const Work& work,
                            const Microbatch& microbatch) {
  const Range units = config_.members.part(stage_units(plan_, stage, microbatch.size()), member);
  convoy::run_stage(plan_, stage, work.backend,
                    work.weights.of_samples(plan_, microbatch.samples.begin),
                    context_of(work, microbatch.samples), microbatch.workspace, microbatch.size(),
                    scratch_[static_cast<std::size_t>(member)].data(), units);
  return end_stage(member, work, stage, &stage);
}

StepContext WorkerGroup::context_of(const Work& work, Range samples) {
  StepContext context = work.context;
  context.samples = work.list.samples.data() + samples.begin;
  return context;
}

// Computes the statistics of each grain for this member's channels, and merges them. Every rank
// does so for all of its grains.
void WorkerGroup::compute_statistics(int member, const Stage& stage, const Work& work,
                                     const Microbatch& microbatch) {
  const Index reduction = stage.reduction;
  tree::GroupedCounter& counter =
      statistics_counters_[static_cast<std::size_t>(member)][static_cast<std::size_t>(reduction)];
  const Range units = split(stage_units(plan_, stage, 0), config_.members.local, member);
  const Range channels{units.begin * kColumnBlock,
                       std::min(units.end * kColumnBlock, input_shape(plan_.op(stage)).channels)};
  for (Index g = microbatch.grains.begin; g < microbatch.grains.end; ++g) {
    const Range samples = work.list.range({g, g + 1});
    const Index first = microbatch.samples.begin;
    run_statistics(plan_, stage, work.backend,
                   work.weights.of_samples(plan_, microbatch.samples.begin), microbatch.workspace,
                   {samples.begin - first, samples.end - first},
                   statistics_->slot(config_.number, reduction, counter), units);
    statistics_->push(config_.number, reduction, {g, g + 1}, channels, work.list, counter);
  }
  if (Track* const track = work.track(member)) track->record_stage(stage_number(plan_, stage));
}

// Records the end of a stage on this member's part and waits for the other members. `output` is the
// stage that arrive_and_wait() gets.
bool WorkerGroup::end_stage(int member, const Work& work, const Stage& stage, const Stage* output) {
  Track* const track = work.track(member);
  if (track) track->record_stage(stage_number(plan_, stage));
  if (!arrive_and_wait(member, work, output)) return false;
  if (track) track->end_barrier_after_stage();
  return true;
}

// Fills the input of a microbatch.
bool WorkerGroup::fill(int member, const Work& work, const Microbatch& microbatch) {
  const Range mine = config_.members.part_per_memory(microbatch.size(), member);
  const auto samples =
      work.list.samples.subspan(static_cast<std::size_t>(microbatch.samples.begin + mine.begin),
                                static_cast<std::size_t>(mine.size()));
  const Index image = plan_.net().input().size();
  work.normalizer.fill(*work.list.data, samples,
                       microbatch.workspace.at(plan_.input()) + mine.begin * image,
                       microbatch.workspace.labels() + mine.begin);
  if (Track* const track = work.track(member)) track->record(TimeKind::input);
  return arrive_and_wait(member, work);
}

// Computes loss and counts of the microbatch's grains, which the local members take in turn. Every
// rank does so for all grains, since these are few numbers that every rank needs. In a shared
// workspace the first rank alone writes the gradient.
void WorkerGroup::loss(int member, const Work& work, const Microbatch& microbatch,
                       const ScoreSink& sink, bool with_gradient) {
  const Index classes = plan_.net().loss().classes;
  const bool writes =
      !config_.tensor_ranks || !config_.members.one_memory || config_.members.first == 0;
  for (Index g = microbatch.grains.begin + member; g < microbatch.grains.end;
       g += config_.members.local) {
    const Range samples = work.list.range({g, g + 1});
    const Index first = samples.begin - microbatch.samples.begin;
    LossPass<float> pass;
    pass.samples = samples.size();
    pass.logits = microbatch.workspace.at(plan_.loss().x) + first * classes;
    pass.labels = microbatch.workspace.labels() + first;
    if (with_gradient && writes) {
      pass.dlogits = microbatch.workspace.at(plan_.loss().dx) + first * classes;
    }
    if (sink.predictions) pass.predictions = sink.predictions + samples.begin;
    if (sink.probabilities) pass.probabilities = sink.probabilities + samples.begin * classes;
    const LossSum sum = work.backend.loss(plan_.net().loss(), pass);
    StepMetrics& metrics = grain_metrics_[static_cast<std::size_t>(g - microbatch.grains.begin)];
    metrics = {sum.loss, sum.correct, samples.size(), 0};
    if (!std::isfinite(sum.loss)) metrics.flags |= StepMetrics::not_finite;
  }
}

// Adds the weight gradient at once, or keeps its inputs for later.
void WorkerGroup::weight_gradient(int member, const Stage& stage, const Work& work,
                                  const Microbatch& microbatch) {
  const Index first = microbatch.samples.begin - work.list.range(work.grains).begin;
  const bool waits =
      deferral_ && deferral_->keep(stage, microbatch.workspace, first, microbatch.size());
  if (!waits) {
    sum_weight_gradients(
        member, stage, work,
        layer_values(plan_, stage, context_of(work, microbatch.samples), microbatch.workspace),
        microbatch.grains, counter_);
  }
  if (Track* const track = work.track(member)) track->record_stage(stage_number(plan_, stage));
}

// Adds the weight gradient of `grains` for this member's rows alone, so that it need not wait for
// other members. `values`: of the samples of `grains`. `counter_before`: it has the subtrees of the
// grains before these.
void WorkerGroup::sum_weight_gradients(int member, const Stage& stage, const Work& work,
                                       const LayerValues& values, Range grains,
                                       const tree::Counter& counter_before) {
  const Index first = work.list.range(grains).begin;
  const GradientPart part{
      values,         grains,
      counter_before, config_.members.part(stage_units(plan_, stage, 0), member),
      slots_,         scratch_[static_cast<std::size_t>(member)].data()};
  add_weight_gradients(plan_, stage, work.backend, part, [&](Index g) {
    const Range samples = work.list.range({g, g + 1});
    return Range{samples.begin - first, samples.end - first};
  });
}

// Pushes the microbatch's grains, with their partial metrics if the loss is known; their gradients
// have been merged already.
void WorkerGroup::push_grains(const Microbatch& microbatch, bool with_metrics) {
  for (Index g = microbatch.grains.begin; g < microbatch.grains.end; ++g) {
    if (!with_metrics) {
      counter_.push({g, g + 1}, [](Index) {});
      continue;
    }
    partial_metrics_[static_cast<std::size_t>(counter_.depth())] =
        grain_metrics_[static_cast<std::size_t>(g - microbatch.grains.begin)];
    counter_.push({g, g + 1}, [&](Index i) {
      partial_metrics_[static_cast<std::size_t>(i)].add(
          partial_metrics_[static_cast<std::size_t>(i + 1)]);
    });
  }
  if (config_.number == 0) communicator_.heartbeat();
}

Index WorkerGroup::microbatches_of(Range grains) const {
  Index count = 0;
  for (Index begin = grains.begin; begin < grains.end; ++count) {
    begin = share_.microbatch(begin, grains, plan_.group_samples()).end;
  }
  return count;
}

// Calls work(microbatch) for each of them; empty ones follow where other groups have more. Returns
// false as soon as one call does.
template <class Function>
bool WorkerGroup::for_each_microbatch(int member, const Work& work, const Function& function) {
  if (!arrive_and_wait(member, work, nullptr, [&] { counter_ = tree::Counter(work.list.count()); }))
    return false;
  const Index first = work.list.range(work.grains).begin;
  Index begin = work.grains.begin;
  for (Index m = 0; m < work.microbatches; ++m) {
    const Range grains = share_.microbatch(begin, work.grains, plan_.group_samples());
    const Range samples = grains.empty() ? Range{} : work.list.range(grains);
    const Microbatch microbatch{grains, samples,
                                workspace_.from(grains.empty() ? 0 : samples.begin - first)};
    begin = grains.end;
    if (member == 0 && config_.tensor_ranks) {
      config_.tensor_ranks->output(config_.number) = {microbatch.workspace, microbatch.size()};
    }
    if (!function(microbatch)) return false;
  }
  return true;
}

bool WorkerGroup::run(int member, const Work& work, const Phase& phase) {
  for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
    statistics_counters_[static_cast<std::size_t>(member)][static_cast<std::size_t>(r)] =
        statistics_->counter(r, work.list.count());
  }
  if (!for_each_microbatch(member, work, [&](const Microbatch& microbatch) {
        return run_microbatch(member, work, phase, microbatch);
      })) {
    return false;
  }
  if (!deferral_ || &phase != &plan_.phases().back()) return true;
  for (const Deferral::Kept& kept : deferral_->kept()) {
    LayerValues values = kept.values();
    values.context = context_of(work, work.list.range(work.grains));
    values.context.layer = kept.stage->layer;
    sum_weight_gradients(member, *kept.stage, work, values, work.grains,
                         tree::Counter(work.list.count()));
    if (Track* const track = work.track(member))
      track->record_stage(stage_number(plan_, *kept.stage));
  }
  return true;
}

// Runs the stages of a phase for one microbatch.
bool WorkerGroup::run_microbatch(int member, const Work& work, const Phase& phase,
                                 const Microbatch& microbatch) {
  if (phase.stages.begin == 0 && !fill(member, work, microbatch)) return false;
  bool with_metrics = false;
  for (Index number = phase.stages.begin; number < phase.stages.end; ++number) {
    const Stage& stage = plan_.stages()[static_cast<std::size_t>(number)];
    if (has_reduction(stage.kind)) {
      compute_statistics(member, stage, work, microbatch);
    } else if (stage.kind == StageKind::weight_gradient) {
      weight_gradient(member, stage, work, microbatch);
    } else if (stage.kind == StageKind::loss) {
      with_metrics = true;
      loss(member, work, microbatch, {}, true);
      if (!end_stage(member, work, stage, nullptr)) return false;
    } else if (!run_stage(member, stage, work, microbatch)) {
      return false;
    }
  }
  return arrive_and_wait(member, work, nullptr, [&] { push_grains(microbatch, with_metrics); });
}

bool WorkerGroup::evaluate(int member, const Work& work, const ScoreSink& sink) {
  return for_each_microbatch(member, work, [&](const Microbatch& microbatch) {
    if (!fill(member, work, microbatch)) return false;
    for (const Stage& stage : plan_.forward()) {
      if (!run_stage(member, stage, work, microbatch)) return false;
    }
    loss(member, work, microbatch, sink, false);
    return arrive_and_wait(member, work, nullptr, [&] { push_grains(microbatch, true); });
  });
}

}  // namespace convoy
