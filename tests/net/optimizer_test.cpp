// SPDX-License-Identifier: Apache-2.0
// Which settings each tensor of a net gets from the groups of its optimizer.
#include <gtest/gtest.h>

#include "net/model_file.hpp"
#include "net/train_settings.hpp"

namespace convoy {
namespace {

// Two layers with a weight and a bias each, and a factor of the learning rate.
ModelFile model_with(const std::vector<OptimizerGroup>& groups) {
  ModelFile model = parse_model_file(R"(
name = "two"
input = { height = 2, width = 2, channels = 1 }
[[layer]]
name = "first"
type = "dense"
units = 3
bias_learning_rate_factor = 0.5
[[layer]]
name = "second"
type = "dense"
units = 2
[loss]
type = "softmax_cross_entropy"
[optimizer]
type = "adamw"
)",
                                     "two.toml");
  model.train.optimizer_groups = groups;
  return model;
}

std::vector<BlockUpdate> updates(const std::vector<OptimizerGroup>& groups) {
  const ModelFile model = model_with(groups);
  return optimizer_of(model.net, model.train).blocks;
}

TEST(OptimizerGroups, WithoutThemTensorsHaveTheOptimizersSettings) {
  const std::vector<BlockUpdate> all = updates({});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].weight, (TensorUpdate{1, 0.01, false}));
  EXPECT_EQ(all[0].bias, (TensorUpdate{0.5, 0.01, false}));
  EXPECT_EQ(all[1].bias, (TensorUpdate{1, 0.01, false}));
}

TEST(OptimizerGroups, TheFirstThatMatchesDecides) {
  const std::vector<BlockUpdate> all =
      updates({{.match = "first*", .learning_rate_factor = 0.1},
               {.match = "*.bias", .weight_decay = 0.0, .frozen = true},
               {.match = "*", .weight_decay = 0.2}});
  EXPECT_EQ(all[0].weight, (TensorUpdate{0.1, 0.01, false}));
  EXPECT_EQ(all[0].bias, (TensorUpdate{0.5 * 0.1, 0.01, false}));  // of layer and group
  EXPECT_EQ(all[1].weight, (TensorUpdate{1, 0.2, false}));
  EXPECT_EQ(all[1].bias, (TensorUpdate{1, 0, true}));
}

TEST(OptimizerGroups, AStarStandsForAnyText) {
  struct Case {
    std::string pattern;
    std::vector<int> groups;  // of first.weight, first.bias, second.weight, second.bias
  };
  for (const Case& c :
       {Case{"*", {0, 0, 0, 0}}, Case{"**", {0, 0, 0, 0}}, Case{"first.weight", {0, -1, -1, -1}},
        Case{"first.weigh", {-1, -1, -1, -1}}, Case{"*.bias", {-1, 0, -1, 0}},
        Case{"*s*.bias*", {-1, 0, -1, 0}}, Case{"*d.*", {-1, -1, 0, 0}},
        Case{"f*t.w*t", {0, -1, -1, -1}}, Case{"*bias.bias", {-1, -1, -1, -1}},
        Case{"", {-1, -1, -1, -1}}, Case{"*e*g*", {0, -1, 0, -1}}}) {
    const ModelFile model = model_with({{.match = c.pattern}});
    EXPECT_EQ(groups_of_tensors(model.net, model.train), c.groups) << c.pattern;
  }
}

}  // namespace
}  // namespace convoy
