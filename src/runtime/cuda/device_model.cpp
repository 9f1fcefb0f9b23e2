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

DeviceModel::DeviceModel(gpu::Gpu& gpu, const Plan& plan, const Sgd& optimizer)
    : gpu_(gpu), plan_(plan), has_velocity_(optimizer.momentum != 0) {
  const Index arena = plan.net().arena_size();
  for (Arrays& arrays : generations_) {
    arrays.parameters = {gpu, arena, "the weights"};
    arrays.packed = {gpu, plan.packed_size(), "the weights"};
    if (has_velocity_) arrays.velocity = {gpu, arena, "the velocities"};
    // This also clears the gaps between parameter blocks, which no step writes.
    for (const auto* array : {&arrays.parameters, &arrays.packed, &arrays.velocity}) {
      gpu.clear(reinterpret_cast<std::byte*>(array->data()), array->size() * Index{sizeof(float)});
    }
  }
}

Generation DeviceModel::generation(int number) const {
  const Arrays& arrays = generations_[number];
  return {arrays.parameters.data(), arrays.packed.data(), arrays.velocity.data()};
}

ModelState DeviceModel::state() const {
  const Arrays& now = generations_[current_];
  ModelState state{Buffer<float>(now.parameters.size()), Buffer<float>(now.velocity.size())};
  now.parameters.read(gpu_, state.parameters.data(), now.parameters.size());
  now.velocity.read(gpu_, state.velocity.data(), now.velocity.size());
  gpu_.wait();
  return state;
}

void DeviceModel::set_state(const ModelState& state) {
  Arrays& now = generations_[current_];
  const std::vector<float> packed = packed_weights(plan_, state.parameters.data());
  now.parameters.write(gpu_, state.parameters.data(), now.parameters.size());
  now.packed.write(gpu_, packed.data(), now.packed.size());
  if (has_velocity_ && state.velocity.size() > 0) {
    now.velocity.write(gpu_, state.velocity.data(), now.velocity.size());
  } else if (has_velocity_) {
    gpu_.clear(reinterpret_cast<std::byte*>(now.velocity.data()),
               now.velocity.size() * Index{sizeof(float)});
  }
  gpu_.wait();
}

}  // namespace convoy::cuda
