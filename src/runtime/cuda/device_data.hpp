// SPDX-License-Identifier: Apache-2.0
// Data sets on a GPU: the pixels of the samples, a table with the value of each byte, and the
// formula for pixels that are floats. A data set is copied once. The two that were used last stay,
// as a run has one for training and one for tests.
#pragma once

#include <list>
#include <span>

#include "data/dataset.hpp"
#include "net/net.hpp"
#include "ops/normalize.hpp"
#include "runtime/cuda/device_array.hpp"
#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

class DeviceData {
 public:
  DeviceData(gpu::Gpu& gpu, const Net& net);

  // The images of `data`, which must not change as long as this object lives.
  Images images(const Dataset& data);

 private:
  struct Copy {
    Dataset data;                     // kept, so that no other data set can have the same address
    DeviceArray<std::uint8_t> bytes;  // of one of these two is the size 0
    DeviceArray<float> floats;
    DeviceArray<Label> labels;
  };

  gpu::Gpu& gpu_;
  const Index image_;
  Index formulas_ = 1;
  DeviceArray<float> table_;
  DeviceArray<Affine> affine_;
  std::list<Copy> copies_;  // the last used first
};

}  // namespace convoy::cuda
