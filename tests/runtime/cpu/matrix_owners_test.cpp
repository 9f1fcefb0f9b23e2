// SPDX-License-Identifier: Apache-2.0
// Which weights are updated as whole matrices, and by whom.
#include "runtime/cpu/matrix_owners.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

// The columns of a subsampling have inputs of their own, so its weights are no matrix.
TEST(MatrixOwners, OnlyMatricesHaveAnOwner) {
  const Problem& problem = test::problem("muon_subsample");
  const MatrixOwners matrices(problem.net, problem.net_optimizer(), 1);
  const auto& blocks = problem.net.parameter_blocks();
  ASSERT_EQ(blocks.size(), 4U);
  const std::vector<bool> expected{true, false, false, true};
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const MatrixShape shape = matrix_of(blocks[b]);
    SCOPED_TRACE(problem.net.layers()[static_cast<std::size_t>(blocks[b].layer)].name);
    EXPECT_EQ(matrices.owners[b] >= 0, expected[b]);
    EXPECT_EQ(shape.is_matrix(), expected[b]);
  }
  EXPECT_GT(blocks[1].shape.taps, 1);
  EXPECT_GT(blocks[1].shape.columns, 1);
}

TEST(MatrixOwners, AnOptimizerWithoutMatricesHasNone) {
  const Problem& problem = test::problem("lars");
  const MatrixOwners matrices(problem.net, problem.net_optimizer(), 3);
  for (const int owner : matrices.owners) EXPECT_EQ(owner, -1);
}

}  // namespace
}  // namespace convoy::test
