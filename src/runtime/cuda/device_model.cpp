// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/device_model.hpp"

#include <vector>

#include "ops/cuda/packing.hpp"

namespace convoy::cuda {
namespace {

std::vector<float> packed_weights(const Plan& plan, const float* parameters) {
  std::vector<float> packed(static_cast<std::size_t>(plan.packed_size()));
  for (const ParameterBlock& block : plan.net().parameter_blocks()) {
    const Offset offset = plan.packed(block.layer);
    if (offset == kNowhere) continue;
    const Packing packing = packing_of(plan.op(block.layer));
    const float* weight = parameters + block.offset;
    for (int row = 0; row < block.shape.taps; ++row) {
      for (int column = 0; column < block.shape.columns; ++column) {
        packed[static_cast<std::size_t>(offset + packed_index(packing, row, column))] = *weight++;
      }
    }
  }
  return packed;
}

}  // namespace

DeviceModel::DeviceModel(gpu::Gpu& gpu, const Plan& plan, const NetOptimizer& optimizer)
    : gpu_(gpu), plan_(plan), optimizer_(optimizer) {
  const Index arena = plan.net().arena_size();
  for (Arrays& arrays : generations_) {
    arrays.parameters = {gpu, arena, "the weights"};
    arrays.packed = {gpu, plan.packed_size(), "the weights"};
    for (std::size_t s = 0; s < optimizer.slot_count(); ++s) {
      arrays.slots.emplace_back(gpu, arena, "the optimizer's state");
    }
    // This also clears the gaps between parameter blocks, which no step writes.
    clear(arrays.parameters);
    clear(arrays.packed);
    for (const DeviceArray<float>& slot : arrays.slots) clear(slot);
  }
}

void DeviceModel::clear(const DeviceArray<float>& array) {
  gpu_.clear(reinterpret_cast<std::byte*>(array.data()), array.size() * Index{sizeof(float)});
}

Generation DeviceModel::generation(int number) const {
  const Arrays& arrays = generations_[number];
  Generation generation{arrays.parameters.data(), arrays.packed.data(), {}};
  for (std::size_t s = 0; s < optimizer_.slots().size(); ++s) {
    generation.slots[s] = arrays.slots[s].data();
  }
  if (exists(optimizer_.average)) generation.average = arrays.slots.back().data();
  return generation;
}

Generation DeviceModel::evaluated(int number) const {
  Generation generation = this->generation(number);
  if (optimizer_.evaluates_average()) generation.parameters = generation.average;
  return generation;
}

ModelState DeviceModel::state() const {
  const Arrays& now = generations_[current_];
  const Index size = now.parameters.size();
  ModelState state{Buffer<float>(size), {}};
  now.parameters.read(gpu_, state.parameters.data(), size);
  for (const DeviceArray<float>& slot : now.slots) {
    state.slots.emplace_back(size);
    slot.read(gpu_, state.slots.back().data(), size);
  }
  gpu_.wait();
  set_buffers_of_average(plan_.net(), optimizer_.average, state);
  return state;
}

void DeviceModel::read_parameters(float* to) const {
  const DeviceArray<float>& parameters = generations_[current_].parameters;
  parameters.read(gpu_, to, parameters.size());
}

void DeviceModel::read_evaluated(float* to) const {
  read_parameters(to);
  if (!optimizer_.evaluates_average()) return;
  generations_[current_].slots.back().read(gpu_, to, plan_.net().parameters_end());
}

void DeviceModel::write_next_buffers(const float* arena) {
  DeviceArray<float>& parameters = generations_[1 - current_].parameters;
  const Index begin = plan_.net().parameters_end(), size = parameters.size() - begin;
  if (size > 0) parameters.write_to(gpu_, begin, arena + begin, size);
}

void DeviceModel::set_state(const ModelState& state) {
  Arrays& now = generations_[current_];
  const std::vector<float> packed = packed_weights(plan_, state.parameters.data());
  now.parameters.write(gpu_, state.parameters.data(), now.parameters.size());
  now.packed.write(gpu_, packed.data(), now.packed.size());
  for (std::size_t s = 0; s < now.slots.size(); ++s) {
    if (const float* const from = slot_to_set(state, optimizer_, s)) {
      now.slots[s].write(gpu_, from, now.slots[s].size());
    } else {
      clear(now.slots[s]);
    }
  }
  gpu_.wait();
}

}  // namespace convoy::cuda
