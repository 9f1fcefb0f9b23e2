// SPDX-License-Identifier: Apache-2.0
// The average of the weights on a GPU: what evaluations read. "everything" has batch
// normalisations, so its net that evaluates is another than the one that trains.
#include <gtest/gtest.h>

#include "runtime/gpu/fiber_device.hpp"
#include "tests/runtime/cuda/on_gpu.hpp"
#include "tests/runtime/evaluated_copy.hpp"

namespace convoy::test {
namespace {

class FiberAverage : public testing::Test {
 protected:
  FiberAverage() { gpu::fiber_device().facts.shared_bytes = Index{1} << 20; }
  ~FiberAverage() override { gpu::fiber_device() = {}; }
};

TEST_F(FiberAverage, EvaluatesTheCopyThatIsNamed) {
  for (const char* name : {"ema", "lookahead", "everything"}) {
    expect_evaluates_the_named_copy(test::problem(name), {64, 16, 2}, on_gpu(Launching::automatic));
  }
}

}  // namespace
}  // namespace convoy::test
