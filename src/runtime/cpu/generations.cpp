// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/generations.hpp"

#include "optim/newton_schulz.hpp"

namespace convoy {

Generations::Generations(const Plan& plan, const NetOptimizer& optimizer, const Backend& backend,
                         Communicator& communicator)
    : plan_(plan), optimizer_(optimizer), backend_(backend), communicator_(communicator) {
  for (Generation& generation : generations_) {
    generation.parameters = allocate<float>(communicator, plan.net().arena_size());
    generation.packed = allocate<float>(communicator, plan.packed_size());
    for (std::size_t s = 0; s < optimizer.slot_count(); ++s) {
      generation.slots.push_back(allocate<float>(communicator, plan.net().arena_size()));
    }
  }
}

Range Generations::rows_in(const ParameterBlock& block, Range slice) {
  const auto row_of = [&](Index element) {
    if (element <= block.offset) return Index{0};
    if (element >= block.offset + block.shape.size()) return block.shape.rows();
    return (element - block.offset + block.shape.columns - 1) / block.shape.columns;
  };
  return {row_of(slice.begin), row_of(slice.end)};
}

bool Generations::update_rows(const ParameterBlock& block, Range rows, const float* gradient_sum,
                              const Step& step) const {
  const Range weights{rows.begin, std::min(rows.end, block.shape.taps)};
  const Range bias{std::max(rows.begin, block.shape.taps), rows.end};
  bool finite = true;
  if (!weights.empty()) {
    finite = update_elements(block, weights, gradient_sum, step);
    pack(block, weights, next());
  }
  if (!bias.empty()) {
    const float* sum = gradient_sum + (bias.begin - rows.begin) * block.shape.columns;
    finite = update_elements(block, bias, sum, step) && finite;
  }
  return finite;
}

const TensorUpdate& Generations::settings_of(const ParameterBlock& block, bool is_bias) const {
  const auto number = static_cast<std::size_t>(&block - plan_.net().parameter_blocks().data());
  return optimizer_.blocks[number].of(is_bias);
}

// Of rows that are all weights or all the bias.
UpdatePass<float> Generations::pass_of(const ParameterBlock& block, Range rows,
                                       const float* gradient_sum, const Step& step) const {
  const Index begin = block.offset + rows.begin * block.shape.columns;
  const bool is_bias = rows.begin >= block.shape.taps;
  TensorFactors factors;
  if (step.tensor_factors) {
    const Index number = &block - plan_.net().parameter_blocks().data();
    factors = step.tensor_factors[2 * number + (is_bias ? 1 : 0)];
  }
  UpdatePass<float> pass;
  pass.size = rows.size() * block.shape.columns;
  pass.gradient_sum = gradient_sum;
  pass.weights = now().parameters.get() + begin;
  pass.new_weights = next().parameters.get() + begin;
  for (std::size_t s = 0; s < optimizer_.slots().size(); ++s) {
    pass.slots[s] = now().slots[s].get() + begin;
    pass.new_slots[s] = next().slots[s].get() + begin;
  }
  pass.scale = scale_of<float>(step.samples, factors);
  pass.numbers = numbers_of(settings_of(block, is_bias), static_cast<double>(step.rate),
                            step.factors, factors);
  return pass;
}

bool Generations::update_elements(const ParameterBlock& block, Range rows,
                                  const float* gradient_sum, const Step& step) const {
  const Index begin = block.offset + rows.begin * block.shape.columns;
  const Index size = rows.size() * block.shape.columns;
  if (settings_of(block, rows.begin >= block.shape.taps).frozen) {
    copy_elements(begin, size);
    return true;
  }
  const bool finite =
      backend_.update(optimizer_.optimizer, pass_of(block, rows, gradient_sum, step));
  return average_elements(begin, size, step.factors.average) && finite;
}

bool Generations::update_matrix(const ParameterBlock& block, const float* gradient_sum,
                                const Step& step, float* scratch) const {
  const Range rows{0, block.shape.taps};
  bool finite = true;
  if (settings_of(block, false).frozen) {
    copy_elements(block.offset, block.shape.weights());
  } else {
    // The product of two matrices is a dense layer without bias.
    const auto product = [&](const float* a, const float* b, float* c, Index n, Index k, Index m) {
      const Op dense = Dense{{1, 1, k}, m, false};
      Forward<float> pass;
      pass.samples = n;
      pass.x = a;
      pass.parameters = b;
      pass.y = c;
      backend_.forward(dense, pass, {0, forward_units(dense, n)});
    };
    finite = convoy::update_matrix(std::get<Muon>(optimizer_.optimizer),
                                   {block.shape.taps, block.shape.columns, block.shape.is_map},
                                   pass_of(block, rows, gradient_sum, step), scratch, product);
    finite = average_elements(block.offset, block.shape.weights(), step.factors.average) && finite;
  }
  pack(block, rows, next());
  return finite;
}

bool Generations::average_elements(Index begin, Index size, const AverageStep& step) const {
  if (!exists(optimizer_.average)) return true;
  AveragePass<float> pass;
  pass.size = size;
  pass.new_weights = next().parameters.get() + begin;
  pass.average = now().slots.back().get() + begin;
  pass.new_average = next().slots.back().get() + begin;
  pass.step = step;
  return backend_.average(pass);
}

void Generations::copy_elements(Index begin, Index size) const {
  std::copy_n(now().parameters.get() + begin, size, next().parameters.get() + begin);
  for (std::size_t s = 0; s < now().slots.size(); ++s) {
    std::copy_n(now().slots[s].get() + begin, size, next().slots[s].get() + begin);
  }
}

void Generations::pack(const ParameterBlock& block, Range rows,
                       const Generation& generation) const {
  const Offset packed = plan_.packed(block.layer);
  if (packed == kNowhere) return;
  backend_.pack(plan_.op(block.layer), generation.parameters.get() + block.offset,
                generation.packed.get() + packed, rows);
}

ModelState Generations::state() const {
  const Index size = plan_.net().arena_size();
  ModelState state{Buffer<float>(size), {}};
  std::copy_n(now().parameters.get(), size, state.parameters.data());
  for (const std::shared_ptr<float[]>& slot : now().slots) {
    state.slots.emplace_back(size);
    std::copy_n(slot.get(), size, state.slots.back().data());
  }
  set_buffers_of_average(plan_.net(), optimizer_.average, state);
  return state;
}

void Generations::set_state(const ModelState& state) {
  communicator_.barrier(SyncPoint::update);  // no rank reads the old state any more
  if (leads_domain(communicator_)) {
    const Index size = plan_.net().arena_size();
    std::copy_n(state.parameters.data(), size, now().parameters.get());
    for (std::size_t s = 0; s < now().slots.size(); ++s) {
      if (const float* const from = slot_to_set(state, optimizer_, s)) {
        std::copy_n(from, size, now().slots[s].get());
      } else {
        std::fill_n(now().slots[s].get(), size, 0.0F);
      }
    }
    for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
      pack(block, {0, block.shape.taps}, now());
    }
  }
  communicator_.barrier(SyncPoint::update);
}

}  // namespace convoy
