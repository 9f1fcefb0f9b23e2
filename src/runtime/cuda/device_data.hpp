// SPDX-License-Identifier: Apache-2.0
// Data sets on a GPU: bytes as in the files, and what a byte becomes. They are copied once and
// stay: the last two that were asked for, as a training has one to train on and one to test.
#pragma once

#include <list>
#include <span>

#include "data/dataset.hpp"
#include "net/net.hpp"
#include "runtime/cuda/device_array.hpp"
#include "runtime/cuda/program.hpp"

namespace convoy::cuda {

class DeviceData {
 public:
  DeviceData(gpu::Gpu& gpu, const Net& net);

  // Of this data, which must not change as long as this lives.
  Images images(const Dataset& data);

 private:
  struct Copy {
    Dataset data;  // kept: nobody else's bytes can lie at the same address
    DeviceArray<std::uint8_t> pixels, labels;
  };

  gpu::Gpu& gpu_;
  const Index image_;
  Index table_rows_ = 1;
  DeviceArray<float> table_;
  std::list<Copy> copies_;  // the latest first
};

}  // namespace convoy::cuda
