// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/generations.hpp"

namespace convoy {

Generations::Generations(const Plan& plan, const Sgd& optimizer, const Backend& backend,
                         Communicator& communicator)
    : plan_(plan), optimizer_(optimizer), backend_(backend), communicator_(communicator) {
  for (Generation& generation : generations_) {
    generation.parameters = allocate<float>(communicator, plan.net().arena_size());
    generation.packed = allocate<float>(communicator, plan.packed_size());
    if (optimizer.momentum != 0) {
      generation.velocity = allocate<float>(communicator, plan.net().arena_size());
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
  const Layer& layer = plan_.net().layers()[static_cast<std::size_t>(block.layer)];
  const Range weights{rows.begin, std::min(rows.end, block.shape.taps)};
  const Range bias{std::max(rows.begin, block.shape.taps), rows.end};
  bool finite = true;
  if (!weights.empty()) {
    finite = update_elements(block, weights, gradient_sum, step, layer.weight_learning_rate_factor);
    pack(block, weights, next());
  }
  if (!bias.empty()) {
    const float* sum = gradient_sum + (bias.begin - rows.begin) * block.shape.columns;
    finite = update_elements(block, bias, sum, step, layer.bias_learning_rate_factor) && finite;
  }
  return finite;
}

bool Generations::update_elements(const ParameterBlock& block, Range rows,
                                  const float* gradient_sum, const Step& step,
                                  double factor) const {
  const Index begin = block.offset + rows.begin * block.shape.columns;
  UpdatePass<float> pass;
  pass.size = rows.size() * block.shape.columns;
  pass.gradient_sum = gradient_sum;
  pass.weights = now().parameters.get() + begin;
  pass.new_weights = next().parameters.get() + begin;
  if (optimizer_.momentum != 0) {
    pass.velocity = now().velocity.get() + begin;
    pass.new_velocity = next().velocity.get() + begin;
  }
  pass.scale = static_cast<float>(1.0 / static_cast<double>(step.samples));
  pass.rate = static_cast<float>(static_cast<double>(step.rate) * factor);
  return backend_.update(optimizer_, pass);
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
  if (optimizer_.momentum != 0) {
    state.velocity = Buffer<float>(size);
    std::copy_n(now().velocity.get(), size, state.velocity.data());
  }
  return state;
}

void Generations::set_state(const ModelState& state) {
  communicator_.barrier(SyncPoint::update);  // no rank reads the old state any more
  if (leads_domain(communicator_)) {
    const Index size = plan_.net().arena_size();
    std::copy_n(state.parameters.data(), size, now().parameters.get());
    if (optimizer_.momentum != 0) {
      if (state.velocity.size() > 0) {
        std::copy_n(state.velocity.data(), size, now().velocity.get());
      } else {
        std::fill_n(now().velocity.get(), size, 0.0F);
      }
    }
    for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
      pack(block, {0, block.shape.taps}, now());
    }
  }
  communicator_.barrier(SyncPoint::update);
}

}  // namespace convoy
