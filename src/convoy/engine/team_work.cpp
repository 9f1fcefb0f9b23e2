// SPDX-License-Identifier: Apache-2.0
#include "convoy/engine/team_work.hpp"

#include <cmath>

namespace convoy {
namespace {

// Enough for the tallies of any evaluation, whose gradients take no slots.
constexpr Index kEvaluationDepth = tree::max_depth(Index{1} << 32);

}  // namespace

Team::Team(const Plan& plan, int members, Index slab_samples, Index slots,
           Communicator& communicator)
    : plan_(plan),
      members_(members),
      barrier_(members),
      workspace_(plan, slab_samples),
      slot_count_(slots),
      slots_(communicator.allocate(slots * plan.net().arena_size())),
      tallies_(static_cast<std::size_t>(std::max<Index>(slots, kEvaluationDepth))),
      grain_tallies_(static_cast<std::size_t>(slab_samples)) {
  for (int i = 0; i < members; ++i) scratch_.emplace_back(plan.scratch_floats());
}

Piece Team::piece(Index i) {
  return {counter_.nodes()[static_cast<std::size_t>(i)], i < slot_count_ ? slot(i) : nullptr,
          &tallies_[static_cast<std::size_t>(i)]};
}

bool Team::run(int member, const Stage& stage, const Backend& backend, const Weights& weights,
               Index samples) {
  const Range units = split(stage_units(plan_, stage, samples), members_, member);
  run_stage(plan_, stage, backend, weights, workspace_, samples,
            scratch_[static_cast<std::size_t>(member)].data(), units);
  return barrier_.meet(member);
}

// Fills the input and goes forward through all layers.
bool Team::forward(int member, const Backend& backend, const Weights& weights,
                   const Normalizer& normalizer, const GrainList& list, const Slab& slab) {
  const Range mine = split(slab.size(), members_, member);
  const auto samples =
      list.samples.subspan(static_cast<std::size_t>(slab.samples.begin + mine.begin),
                           static_cast<std::size_t>(mine.size()));
  const Index image = plan_.net().input().size();
  normalizer.fill(*list.data, samples, workspace_.at(plan_.input()) + mine.begin * image,
                  workspace_.labels.data() + mine.begin);
  if (!barrier_.meet(member)) return false;
  for (const Stage& stage : plan_.forward()) {
    if (!run(member, stage, backend, weights, slab.size())) return false;
  }
  return true;
}

// Loss and counts of the slab's grains, which the members take in turn.
void Team::loss(int member, const Backend& backend, const GrainList& list, const Slab& slab,
                const ScoreSink& sink, bool with_gradient) {
  const Index classes = plan_.net().loss().classes;
  for (Index g = slab.grains.begin + member; g < slab.grains.end; g += members_) {
    const Range samples = list.range({g, g + 1});
    const Index first = samples.begin - slab.samples.begin;
    LossPass<float> pass;
    pass.samples = samples.size();
    pass.logits = workspace_.at(plan_.loss().x) + first * classes;
    pass.labels = workspace_.labels.data() + first;
    if (with_gradient) pass.dlogits = workspace_.at(plan_.loss().dx) + first * classes;
    if (sink.predictions) pass.predictions = sink.predictions + samples.begin;
    if (sink.probabilities) pass.probabilities = sink.probabilities + samples.begin * classes;
    const LossSum sum = backend.loss(plan_.net().loss(), pass);
    Tally& tally = grain_tallies_[static_cast<std::size_t>(g - slab.grains.begin)];
    tally = {sum.loss, sum.correct, samples.size(), 0};
    if (!std::isfinite(sum.loss)) tally.flags |= Tally::not_finite;
  }
}

// Each grain's gradient goes to the counter's next slot, and is merged with its siblings at once;
// all of it for this layer and this member's rows alone, so that no other member has to be waited
// for.
void Team::weight_gradient(int member, const Stage& stage, const Backend& backend,
                           const GrainList& list, const Slab& slab) {
  const ParameterBlock& block = *plan_.block(stage.layer);
  const Range units = split(stage_units(plan_, stage, slab.size()), members_, member);
  const Index begin = block.offset + units.begin * block.shape.columns;
  const Index size = units.size() * block.shape.columns;
  tree::Counter counter = counter_;
  for (Index g = slab.grains.begin; g < slab.grains.end; ++g) {
    const Range samples = list.range({g, g + 1});
    run_weight_gradient(plan_, stage, backend, workspace_,
                        {samples.begin - slab.samples.begin, samples.end - slab.samples.begin},
                        slot(counter.depth()), scratch_[static_cast<std::size_t>(member)].data(),
                        units);
    counter.push({g, g + 1},
                 [&](Index i) { backend.add(size, slot(i) + begin, slot(i + 1) + begin); });
  }
}

// Pushes the slab's grains and their tallies; their gradients have been merged already.
void Team::count(const Slab& slab, Index list_grains) {
  if (slab.grains.empty()) counter_ = tree::Counter(list_grains);
  for (Index g = slab.grains.begin; g < slab.grains.end; ++g) {
    tallies_[static_cast<std::size_t>(counter_.depth())] =
        grain_tallies_[static_cast<std::size_t>(g - slab.grains.begin)];
    counter_.push({g, g + 1}, [&](Index i) {
      tallies_[static_cast<std::size_t>(i)].add(tallies_[static_cast<std::size_t>(i + 1)]);
    });
  }
}

bool Team::add_gradients(int member, const Backend& backend, const Weights& weights,
                         const Normalizer& normalizer, const GrainList& list, Range grains) {
  if (!barrier_.meet(member, [&] { count({}, list.count()); })) return false;
  const Index step = workspace_.capacity / list.grain;
  for (Index g = grains.begin; g < grains.end; g += step) {
    const Range part{g, std::min(g + step, grains.end)};
    const Slab slab{part, list.range(part)};
    if (!forward(member, backend, weights, normalizer, list, slab)) return false;
    loss(member, backend, list, slab, {}, true);
    if (!barrier_.meet(member)) return false;
    for (const Stage& stage : plan_.backward()) {
      if (stage.kind == StageKind::weight_gradient) {
        weight_gradient(member, stage, backend, list, slab);
      } else if (!run(member, stage, backend, weights, slab.size())) {
        return false;
      }
    }
    if (!barrier_.meet(member, [&] { count(slab, list.count()); })) return false;
  }
  return true;
}

bool Team::evaluate(int member, const Backend& backend, const Weights& weights,
                    const Normalizer& normalizer, const GrainList& list, Range grains,
                    const ScoreSink& sink) {
  if (!barrier_.meet(member, [&] { count({}, list.count()); })) return false;
  const Index step = workspace_.capacity / list.grain;
  for (Index g = grains.begin; g < grains.end; g += step) {
    const Range part{g, std::min(g + step, grains.end)};
    const Slab slab{part, list.range(part)};
    if (!forward(member, backend, weights, normalizer, list, slab)) return false;
    loss(member, backend, list, slab, sink, false);
    if (!barrier_.meet(member, [&] { count(slab, list.count()); })) return false;
  }
  return true;
}

}  // namespace convoy
