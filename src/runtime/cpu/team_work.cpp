// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/team_work.hpp"

#include <cmath>

#include "plan/stage_names.hpp"
#include "runtime/cpu/weight_gradients.hpp"

namespace convoy {
namespace {

// Enough for the tallies of any evaluation, whose gradients take no slots.
constexpr Index kEvaluationDepth = tree::max_depth(Index{1} << 32);

std::shared_ptr<std::byte[]> workspace_memory(const Plan& plan, const TeamSeat& seat, Index samples,
                                              Communicator& communicator) {
  const Index bytes = Workspace::bytes(plan, samples);
  return seat.ranks != nullptr ? communicator.allocate(bytes) : alone()->allocate(bytes);
}

}  // namespace

Team::Team(const Plan& plan, const TeamSeat& seat, const TeamShare& share, float* slots,
           Communicator& communicator)
    : plan_(plan),
      seat_(seat),
      share_(share),
      communicator_(communicator),
      barrier_(seat.crew.local, seat.spins),
      memory_(workspace_memory(plan, seat, share.slab_grains * share.grain, communicator)),
      workspace_(plan, share.slab_grains * share.grain, memory_.get()),
      slots_(slots),
      tallies_(static_cast<std::size_t>(std::max<Index>(slots_of(share), kEvaluationDepth))),
      grain_tallies_(static_cast<std::size_t>(share.slab_grains)) {
  for (int i = 0; i < seat.crew.local; ++i) scratch_.emplace_back(plan.scratch_floats());
  if (seat.crew.all == 1 && share.grains > share.slab_grains) {
    deferral_.emplace(plan, share.grain, share.grains * share.grain);
  }
}

// After a stage (null: after something that other ranks have no part in unless they share the
// workspace). The completion runs once for the team, when its members on this rank are here.
template <class Completion>
bool Team::meet(int member, const Work& work, const Stage* stage, const Completion& completion) {
  Lane* const lane = seat_.crew.all > 1 ? work.lane(member) : nullptr;
  bool all_came = true;
  if (seat_.ranks == nullptr) {
    all_came = barrier_.meet(member, completion);
  } else if (seat_.crew.local > 1) {
    // All workers of the rank meet, of all teams: with several, each has one member.
    all_came = seat_.ranks->meet(member, stage, lane, completion);
  } else {
    completion();
    all_came = seat_.ranks->meet(seat_.number, stage, lane, [] {});
  }
  if (lane) lane->lap(TimeKind::waiting);
  return all_came;
}

bool Team::meet(int member, const Work& work, const Stage* stage) {
  return meet(member, work, stage, [] {});
}

bool Team::run(int member, const Stage& stage, const Work& work, Index samples) {
  const Range units = seat_.crew.part(stage_units(plan_, stage, samples), member);
  run_stage(plan_, stage, work.backend, work.weights, workspace_, samples,
            scratch_[static_cast<std::size_t>(member)].data(), units);
  return end_stage(member, work, stage, &stage);
}

// The stage is done on this member's part, and they meet; `output`: as meet()'s stage.
bool Team::end_stage(int member, const Work& work, const Stage& stage, const Stage* output) {
  Lane* const lane = work.lane(member);
  if (lane) lane->lap_stage(stage_number(plan_, stage));
  if (!meet(member, work, output)) return false;
  if (lane) lane->met_after_stage();
  return true;
}

// Fills the input and goes forward through all layers.
bool Team::forward(int member, const Work& work, const Slab& slab) {
  if (member == 0 && seat_.ranks) {
    seat_.ranks->output(seat_.number) = {&workspace_, slab.size()};
  }
  const Range mine = seat_.crew.near_part(slab.size(), member);
  const auto samples =
      work.list.samples.subspan(static_cast<std::size_t>(slab.samples.begin + mine.begin),
                                static_cast<std::size_t>(mine.size()));
  const Index image = plan_.net().input().size();
  work.normalizer.fill(*work.list.data, samples, workspace_.at(plan_.input()) + mine.begin * image,
                       workspace_.labels + mine.begin);
  if (Lane* const lane = work.lane(member)) lane->lap(TimeKind::input);
  if (!meet(member, work)) return false;
  for (const Stage& stage : plan_.forward()) {
    if (!run(member, stage, work, slab.size())) return false;
  }
  return true;
}

// Loss and counts of the slab's grains, which the members take in turn: on every rank all grains,
// since they are few numbers that every rank needs. The gradient of a shared workspace is the first
// rank's to write.
void Team::loss(int member, const Work& work, const Slab& slab, const ScoreSink& sink,
                bool with_gradient) {
  const Index classes = plan_.net().loss().classes;
  const bool writes = !seat_.ranks || !seat_.crew.one_memory || seat_.crew.first == 0;
  for (Index g = slab.grains.begin + member; g < slab.grains.end; g += seat_.crew.local) {
    const Range samples = work.list.range({g, g + 1});
    const Index first = samples.begin - slab.samples.begin;
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
    Tally& tally = grain_tallies_[static_cast<std::size_t>(g - slab.grains.begin)];
    tally = {sum.loss, sum.correct, samples.size(), 0};
    if (!std::isfinite(sum.loss)) tally.flags |= Tally::not_finite;
  }
}

// At once, or kept for later.
void Team::weight_gradient(int member, const Stage& stage, const Work& work, const Slab& slab) {
  const Index first = slab.samples.begin - work.list.range(work.grains).begin;
  const bool waits = deferral_ && deferral_->keep(stage, workspace_, first, slab.size());
  if (!waits) {
    add_up(member, stage, work, layer_values(plan_, stage, workspace_), slab.grains, counter_);
  }
  if (Lane* const lane = work.lane(member)) lane->lap_stage(stage_number(plan_, stage));
}

// `values`: of the samples of `grains`. `before`: the counter before these grains. Of this member's
// rows alone, so that no other member has to be waited for.
void Team::add_up(int member, const Stage& stage, const Work& work, const LayerValues& values,
                  Range grains, const tree::Counter& before) {
  const Index first = work.list.range(grains).begin;
  const GradientPart part{values, grains,
                          before, seat_.crew.part(stage_units(plan_, stage, 0), member),
                          slots_, scratch_[static_cast<std::size_t>(member)].data()};
  add_weight_gradients(plan_, stage, work.backend, part, [&](Index g) {
    const Range samples = work.list.range({g, g + 1});
    return Range{samples.begin - first, samples.end - first};
  });
}

// Pushes the slab's grains and their tallies; their gradients have been merged already.
void Team::count(const Slab& slab) {
  for (Index g = slab.grains.begin; g < slab.grains.end; ++g) {
    tallies_[static_cast<std::size_t>(counter_.depth())] =
        grain_tallies_[static_cast<std::size_t>(g - slab.grains.begin)];
    counter_.push({g, g + 1}, [&](Index i) {
      tallies_[static_cast<std::size_t>(i)].add(tallies_[static_cast<std::size_t>(i + 1)]);
    });
  }
  if (seat_.number == 0) communicator_.pulse();
}

Index Team::rounds(Index grains) const {
  return (grains + share_.slab_grains - 1) / share_.slab_grains;
}

Team::Slab Team::slab(const Work& work, Index round) const {
  const Index begin = std::min(work.grains.begin + round * share_.slab_grains, work.grains.end);
  const Range grains{begin, std::min(begin + share_.slab_grains, work.grains.end)};
  return {grains, grains.empty() ? Range{} : work.list.range(grains)};
}

bool Team::add_gradients(int member, const Work& work) {
  if (!meet(member, work, nullptr, [&] { counter_ = tree::Counter(work.list.count()); }))
    return false;
  for (Index round = 0; round < work.rounds; ++round) {
    const Slab slab = this->slab(work, round);
    if (!forward(member, work, slab)) return false;
    loss(member, work, slab, {}, true);
    if (!end_stage(member, work, plan_.loss(), nullptr)) return false;
    for (const Stage& stage : plan_.backward()) {
      if (stage.kind == StageKind::weight_gradient) {
        weight_gradient(member, stage, work, slab);
      } else if (!run(member, stage, work, slab.size())) {
        return false;
      }
    }
    if (!meet(member, work, nullptr, [&] { count(slab); })) return false;
  }
  if (deferral_) {
    for (const Deferral::Kept& kept : deferral_->kept()) {
      add_up(member, *kept.stage, work, kept.values(), work.grains,
             tree::Counter(work.list.count()));
      if (Lane* const lane = work.lane(member)) lane->lap_stage(stage_number(plan_, *kept.stage));
    }
  }
  return true;
}

bool Team::evaluate(int member, const Work& work, const ScoreSink& sink) {
  if (!meet(member, work, nullptr, [&] { counter_ = tree::Counter(work.list.count()); }))
    return false;
  for (Index round = 0; round < work.rounds; ++round) {
    const Slab slab = this->slab(work, round);
    if (!forward(member, work, slab)) return false;
    loss(member, work, slab, sink, false);
    if (!meet(member, work, nullptr, [&] { count(slab); })) return false;
  }
  return true;
}

}  // namespace convoy
