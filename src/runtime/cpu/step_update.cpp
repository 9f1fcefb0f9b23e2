// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/step_update.hpp"

#include <algorithm>

namespace convoy {
namespace {

// The sum of so many gradients, with the weights and slots that it updates, stays in the cache of a
// core.
constexpr Index kUpdateFloats = 1024;

// The most rows that are summed or updated at once: at least one.
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

Index count_rows(const Net& net) {
  Index rows = 0;
  for (const ParameterBlock& block : net.parameter_blocks()) rows += block.shape.rows();
  return rows;
}

}  // namespace

StepUpdate::StepUpdate(const Net& net, const NetOptimizer& optimizer, const Layout& layout,
                       const GradientSum& gradient_sum, const BatchStatistics& statistics,
                       const Generations& generations, Communicator& communicator)
    : net_(net),
      optimizer_(optimizer),
      norms_(optimizer.norm_settings()),
      layout_(layout),
      gradient_sum_(gradient_sum),
      statistics_(statistics),
      generations_(generations),
      matrices_(net, optimizer, layout.domain_workers) {
  for (int w = 0; w < layout.workers; ++w) {
    scratch_.emplace_back(GradientSum::scratch_rows() * most_floats(net));
    const auto worker = static_cast<std::size_t>(layout.first_domain_worker + w);
    matrix_scratch_.emplace_back(matrices_.scratch[worker]);
  }
  if (!gathers()) return;
  gradient_ = allocate<float>(communicator, net.arena_size());
  row_squares_ = allocate<Squares>(communicator, count_rows(net));
  Index rows = 0;
  for (const ParameterBlock& block : net.parameter_blocks()) {
    first_rows_.push_back(rows);
    rows += block.shape.rows();
  }
  tensor_squares_.resize(2 * net.parameter_blocks().size());
  tensor_factors_.resize(tensor_squares_.size());
}

Index StepUpdate::gathered_bytes(const Net& net, const NetOptimizer& optimizer,
                                 int domain_workers) {
  if (!optimizer.needs_whole_gradient()) return 0;
  Index floats = net.arena_size();
  for (const Index scratch : MatrixOwners(net, optimizer, domain_workers).scratch) {
    floats += scratch;
  }
  return floats * Index{sizeof(float)} + count_rows(net) * Index{sizeof(Squares)};
}

Range StepUpdate::slice_of(int worker) const {
  return split(net_.arena_size(), layout_.domain_workers, layout_.first_domain_worker + worker,
               kFloatsPerLine);
}

// Calls work(some) for consecutive parts of the rows, each small enough for the cache.
template <class Rows>
void StepUpdate::for_rows(const ParameterBlock& block, Range rows, const Rows& work) const {
  for (Index begin = rows.begin; begin < rows.end; begin += most_rows(block)) {
    work(Range{begin, std::min(begin + most_rows(block), rows.end)});
  }
}

void StepUpdate::gather(int worker, Track* track) {
  const Range slice = slice_of(worker);
  float* const scratch = scratch_[static_cast<std::size_t>(worker)].data();
  const float* const weights = generations_.weights().parameters;
  for (std::size_t b = 0; b < first_rows_.size(); ++b) {
    const ParameterBlock& block = net_.parameter_blocks()[b];
    const Index columns = block.shape.columns;
    for_rows(block, Generations::rows_in(block, slice), [&](Range rows) {
      const float* const sum = summed_gradient(block, rows, scratch);
      std::copy_n(sum, rows.size() * columns,
                  gradient_.get() + block.offset + rows.begin * columns);
      if (!optimizer_.needs_norms()) return;
      for (Index row = rows.begin; row < rows.end; ++row) {
        Squares& squares = row_squares_[first_rows_[b] + row];
        squares.gradient_sum = sum_of_squares(sum + (row - rows.begin) * columns, columns);
        if (norms_.has_local_rates()) {
          squares.weights = sum_of_squares(weights + block.offset + row * columns, columns);
        }
      }
    });
  }
  if (track) track->record(TimeKind::reduction);
}

void StepUpdate::combine(Index samples) {
  if (!optimizer_.needs_norms()) return;
  Squares all;
  for (std::size_t t = 0; t < tensor_squares_.size(); ++t) {
    const ParameterBlock& block = net_.parameter_blocks()[t / 2];
    const bool is_bias = t % 2 == 1;
    const Squares* const rows = row_squares_.get() + first_rows_[t / 2];
    const Range mine =
        is_bias ? Range{block.shape.taps, block.shape.rows()} : Range{0, block.shape.taps};
    tensor_squares_[t] = {};
    if (!optimizer_.blocks[t / 2].of(is_bias).frozen) {
      tensor_squares_[t] = sum_of_rows(rows + mine.begin, mine.size());
    }
    all.add(tensor_squares_[t]);
  }
  for (std::size_t t = 0; t < tensor_squares_.size(); ++t) {
    tensor_factors_[t] = norms_.factors_of(optimizer_.blocks[t / 2].of(t % 2 == 1),
                                           tensor_squares_[t], all.gradient_sum, samples);
  }
}

bool StepUpdate::update(int worker, Generations::Step numbers, Track* track) {
  const Range slice = slice_of(worker);
  float* const scratch = scratch_[static_cast<std::size_t>(worker)].data();
  const bool sums = !gathers() && !gradient_sum_.exchanges() && gradient_sum_.adds();
  Track* const turns = sums ? track : nullptr;
  if (turns) turns->begin_turns();
  if (gathers()) numbers.tensor_factors = tensor_factors_.data();
  bool finite = true;
  const auto& blocks = net_.parameter_blocks();
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const ParameterBlock& block = blocks[b];
    Range rows = Generations::rows_in(block, slice);
    if (matrices_.owners[b] >= 0) rows.begin = std::max(rows.begin, block.shape.taps);
    for_rows(block, rows, [&](Range some) {
      const float* const sum =
          gathers() ? gradient_.get() + block.offset + some.begin * block.shape.columns
                    : summed_gradient(block, some, scratch);
      if (turns) turns->turn(TimeKind::reduction);
      finite = generations_.update_rows(block, some, sum, numbers) && finite;
      if (turns) turns->turn(TimeKind::update);
    });
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (matrices_.owners[b] != layout_.first_domain_worker + worker) continue;
    finite = generations_.update_matrix(blocks[b], gradient_.get() + blocks[b].offset, numbers,
                                        matrix_scratch_[static_cast<std::size_t>(worker)].data()) &&
             finite;
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
