// SPDX-License-Identifier: Apache-2.0
// Which parts the loss has on a GPU (loss.cuh), for the host and for kernels.
#pragma once

#include "base/host_device.hpp"
#include "ops/loss.hpp"

namespace convoy::cuda {

// Whether one thread finds the largest score of a sample, and the sum of its exponentials, for all
// of its classes. With few classes each thread finds them itself, which costs less than a barrier;
// with N classes this takes N * N steps for each sample.
CONVOY_HOST_DEVICE constexpr bool finds_once(const Loss& op) {
  constexpr Index kFewClasses = 64;
  return has_softmax(op) && op.classes > kFewClasses;
}

}  // namespace convoy::cuda
