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
                                              Index samples, Communicator& communicator) {
  const Index bytes = Workspace::bytes(plan, samples);
  return config.tensor_ranks != nullptr ? communicator.allocate(bytes) : alone()->allocate(bytes);
}

}  // namespace

WorkerGroup::WorkerGroup(const Plan& plan, const GroupConfig& config, const GroupShare& share,
                         float* slots, Communicator& communicator)
    : plan_(plan),
      config_(config),
      share_(share),
      communicator_(communicator),
      barrier_(config.members.local, config.spins),
      memory_(workspace_memory(plan, config, share.microbatch_grains * share.grain, communicator)),
      workspace_(plan, share.microbatch_grains * share.grain, memory_.get()),
      slots_(slots),
      partial_metrics_(
          static_cast<std::size_t>(std::max<Index>(slots_of(share), kEvaluationDepth))),
      grain_metrics_(static_cast<std::size_t>(share.microbatch_grains)) {
  for (int i = 0; i < config.members.local; ++i) scratch_.emplace_back(plan.scratch_floats());
  if (config.members.all == 1 && share.grains > share.microbatch_grains) {
    deferral_.emplace(plan, share.grain, share.grains * share.grain);
  }
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

bool WorkerGroup::run(int member, const Stage& stage, const Work& work, Index samples) {
  const Range units = config_.members.part(stage_units(plan_, stage, samples), member);
  run_stage(plan_, stage, work.backend, work.weights, workspace_, samples,
            scratch_[static_cast<std::size_t>(member)].data(), units);
  return end_stage(member, work, stage, &stage);
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

// Fills the input and runs all forward stages.
bool WorkerGroup::forward(int member, const Work& work, const Microbatch& microbatch) {
  if (member == 0 && config_.tensor_ranks) {
    config_.tensor_ranks->output(config_.number) = {&workspace_, microbatch.size()};
  }
  const Range mine = config_.members.part_per_memory(microbatch.size(), member);
  const auto samples =
      work.list.samples.subspan(static_cast<std::size_t>(microbatch.samples.begin + mine.begin),
                                static_cast<std::size_t>(mine.size()));
  const Index image = plan_.net().input().size();
  work.normalizer.fill(*work.list.data, samples, workspace_.at(plan_.input()) + mine.begin * image,
                       workspace_.labels + mine.begin);
  if (Track* const track = work.track(member)) track->record(TimeKind::input);
  if (!arrive_and_wait(member, work)) return false;
  for (const Stage& stage : plan_.forward()) {
    if (!run(member, stage, work, microbatch.size())) return false;
  }
  return true;
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
    pass.logits = workspace_.at(plan_.loss().x) + first * classes;
    pass.labels = workspace_.labels + first;
    if (with_gradient && writes) {
      pass.dlogits = workspace_.at(plan_.loss().dx) + first * classes;
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
  const bool waits = deferral_ && deferral_->keep(stage, workspace_, first, microbatch.size());
  if (!waits) {
    sum_weight_gradients(member, stage, work, layer_values(plan_, stage, workspace_),
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

// Pushes the microbatch's grains and their partial metrics; their gradients have been merged
// already.
void WorkerGroup::push_metrics(const Microbatch& microbatch) {
  for (Index g = microbatch.grains.begin; g < microbatch.grains.end; ++g) {
    partial_metrics_[static_cast<std::size_t>(counter_.depth())] =
        grain_metrics_[static_cast<std::size_t>(g - microbatch.grains.begin)];
    counter_.push({g, g + 1}, [&](Index i) {
      partial_metrics_[static_cast<std::size_t>(i)].add(
          partial_metrics_[static_cast<std::size_t>(i + 1)]);
    });
  }
  if (config_.number == 0) communicator_.heartbeat();
}

Index WorkerGroup::microbatches_of(Index grains) const {
  return (grains + share_.microbatch_grains - 1) / share_.microbatch_grains;
}

WorkerGroup::Microbatch WorkerGroup::microbatch(const Work& work, Index number) const {
  const Index begin =
      std::min(work.grains.begin + number * share_.microbatch_grains, work.grains.end);
  const Range grains{begin, std::min(begin + share_.microbatch_grains, work.grains.end)};
  return {grains, grains.empty() ? Range{} : work.list.range(grains)};
}

bool WorkerGroup::compute_gradients(int member, const Work& work) {
  if (!arrive_and_wait(member, work, nullptr, [&] { counter_ = tree::Counter(work.list.count()); }))
    return false;
  for (Index m = 0; m < work.microbatches; ++m) {
    const Microbatch microbatch = this->microbatch(work, m);
    if (!forward(member, work, microbatch)) return false;
    loss(member, work, microbatch, {}, true);
    if (!end_stage(member, work, plan_.loss(), nullptr)) return false;
    for (const Stage& stage : plan_.backward()) {
      if (stage.kind == StageKind::weight_gradient) {
        weight_gradient(member, stage, work, microbatch);
      } else if (!run(member, stage, work, microbatch.size())) {
        return false;
      }
    }
    if (!arrive_and_wait(member, work, nullptr, [&] { push_metrics(microbatch); })) return false;
  }
  if (deferral_) {
    for (const Deferral::Kept& kept : deferral_->kept()) {
      sum_weight_gradients(member, *kept.stage, work, kept.values(), work.grains,
                           tree::Counter(work.list.count()));
      if (Track* const track = work.track(member))
        track->record_stage(stage_number(plan_, *kept.stage));
    }
  }
  return true;
}

bool WorkerGroup::evaluate(int member, const Work& work, const ScoreSink& sink) {
  if (!arrive_and_wait(member, work, nullptr, [&] { counter_ = tree::Counter(work.list.count()); }))
    return false;
  for (Index m = 0; m < work.microbatches; ++m) {
    const Microbatch microbatch = this->microbatch(work, m);
    if (!forward(member, work, microbatch)) return false;
    loss(member, work, microbatch, sink, false);
    if (!arrive_and_wait(member, work, nullptr, [&] { push_metrics(microbatch); })) return false;
  }
  return true;
}

}  // namespace convoy
