// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/step_update.hpp"

#include <algorithm>

namespace convoy {
namespace {

constexpr Index kUpdateFloats = 1024;

// The most rows that are updated at once: at least one.
Index most_rows(const ParameterBlock& block) {
  return std::max<Index>(1, kUpdateFloats / block.shape.columns);
}

Index most_floats(const Net& net) {
  Index most = 0;
  for (const ParameterBlock& block : net.parameter_blocks()) {
    most = std::max(most, most_rows(block) * block.shape.columns);
  }
  return most;
}

}  // namespace

StepUpdate::StepUpdate(const Net& net, const Layout& layout, const GradientSum& gradient_sum,
                       const BatchStatistics& statistics, const Generations& generations)
    : net_(net),
      layout_(layout),
      gradient_sum_(gradient_sum),
      statistics_(statistics),
      generations_(generations) {
  for (int w = 0; w < layout.workers; ++w) {
    scratch_.emplace_back(GradientSum::scratch_rows() * most_floats(net));
  }
}

Range StepUpdate::slice_of(int worker) const {
  return split(net_.arena_size(), layout_.domain_workers, layout_.first_domain_worker + worker,
               kFloatsPerLine);
}

bool StepUpdate::update(int worker, const Generations::Step& numbers, Track* track) {
  const Range slice = slice_of(worker);
  float* scratch = scratch_[static_cast<std::size_t>(worker)].data();
  Track* const turns = gradient_sum_.exchanges() || !gradient_sum_.adds() ? nullptr : track;
  if (turns) turns->begin_turns();
  bool finite = true;
  for (const ParameterBlock& block : net_.parameter_blocks()) {
    const Range rows = Generations::rows_in(block, slice);
    for (Index begin = rows.begin; begin < rows.end; begin += most_rows(block)) {
      const Range some{begin, std::min(begin + most_rows(block), rows.end)};
      const float* sum = summed_gradient(block, some, scratch);
      if (turns) turns->turn(TimeKind::reduction);
      finite = generations_.update_rows(block, some, sum, numbers) && finite;
      if (turns) turns->turn(TimeKind::update);
    }
  }
  if (turns) {
    turns->end_turns();
  } else if (track) {
    track->record(TimeKind::update);
  }
  return finite;
}

const float* StepUpdate::summed_gradient(const ParameterBlock& block, Range rows,
                                         float* scratch) const {
  if (const float* const gradient = statistics_.gradient(block)) {
    return gradient + rows.begin * block.shape.columns;
  }
  const Range elements{block.offset + rows.begin * block.shape.columns,
                       block.offset + rows.end * block.shape.columns};
  return gradient_sum_.exchanges() ? gradient_sum_.root() + elements.begin
                                   : gradient_sum_.sum(elements, scratch);
}

}  // namespace convoy
