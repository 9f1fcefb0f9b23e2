// SPDX-License-Identifier: Apache-2.0
// The contract on a GPU that fibers play: the digests of the CPU, whatever the way of launching and
// whatever order threads run in.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "convoy/gpu/fiber_device.hpp"
#include "convoy/gpu/fibers.hpp"
#include "tests/engine/runs.hpp"

namespace convoy::test {
namespace {

using Order = fibers::Schedule::Order;

class FiberDigest : public testing::TestWithParam<std::string> {
 protected:
  ~FiberDigest() override { fibers::schedule() = {}; }

  const Problem& problem_ = problem(GetParam());
};

RunLayout on_gpu(Launching launching, Index steps_per_launch = 0) {
  RunLayout layout;
  layout.device = Device::cuda;
  layout.launching = launching;
  layout.steps_per_launch = steps_per_launch;
  return layout;
}

TEST_P(FiberDigest, IsThatOfTheCpu) {
  const Sizes sizes{23, 10, 3};
  const std::string wanted = train(problem_, sizes, RunLayout{});
  for (const Launching launching :
       {Launching::stages, Launching::graph, Launching::persistent}) {
    SCOPED_TRACE(fmt::format("launching {}", static_cast<int>(launching)));
    EXPECT_EQ(train(problem_, sizes, on_gpu(launching)), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, FiberDigest, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const Problem& problem : problems()) names.push_back(problem.name);
                           return names;
                         }()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace convoy::test
