// SPDX-License-Identifier: Apache-2.0
// Batch normalisations in model files and nets: keys and messages, tensors, and the net that
// evaluates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

#include "net/fit_batch.hpp"
#include "net/fit_layer.hpp"
#include "net/inference_net.hpp"
#include "net/model_file.hpp"
#include "ops/reference/conv2d.hpp"
#include "tests/net/failure.hpp"
#include "tests/plan/random_net.hpp"

namespace convoy::test {
namespace {

using testing::HasSubstr;

// A model whose second layer is a batch normalisation with these lines.
std::string model_text(const std::string& lines, const std::string& train = "") {
  return fmt::format(
      "name = \"bn\"\n[input]\nheight = 6\nwidth = 6\nchannels = 1\n"
      "[[layer]]\ntype = \"conv2d\"\nfilters = 3\nkernel = 3\n"
      "[[layer]]\ntype = \"batch_norm2d\"\n{}\n"
      "[[layer]]\ntype = \"dense\"\nunits = 4\n"
      "[loss]\ntype = \"softmax_cross_entropy\"\n[train]\n{}\n",
      lines, train);
}

BatchNorm2d norm_of(const ModelFile& model) {
  return std::get<BatchNorm2d>(model.net.layers()[1].op);
}

TEST(BatchNormModel, ReadsItsKeys) {
  const ModelFile usual = parse_model_file(model_text(""), "a");
  EXPECT_EQ(norm_of(usual), (BatchNorm2d{{4, 4, 3}}));
  EXPECT_EQ(usual.net.layers()[1].name, "batch_norm1");
  const ModelFile other = parse_model_file(
      model_text("momentum = 0.5\nepsilon = 0.01\nscale = false\ngroup = 8\nactivation = \"relu\""),
      "a");
  EXPECT_EQ(norm_of(other), (BatchNorm2d{{4, 4, 3}, 0.5, 0.01, false, 8}));
  EXPECT_EQ(other.net.layers()[2].name, "batch_norm1.relu");
  EXPECT_EQ(other.text, parse_model_file(other.text, "again").text);
}

TEST(BatchNormModel, TensorsAreWeightBiasAndRunningStatistics) {
  const ModelFile model = parse_model_file(model_text(""), "a");
  std::vector<std::string> names, trained;
  for (const ParameterTensor& tensor : model.net.tensors()) names.push_back(tensor.name);
  for (const ParameterTensor& tensor : model.net.parameter_tensors()) {
    trained.push_back(tensor.name);
    EXPECT_LE(tensor.offset + tensor.size, model.net.parameters_end());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"conv1.weight", "conv1.bias", "batch_norm1.weight",
                                      "batch_norm1.bias", "batch_norm1.running_mean",
                                      "batch_norm1.running_var", "dense1.weight", "dense1.bias"}));
  EXPECT_EQ(trained,
            (std::vector<std::string>{"conv1.weight", "conv1.bias", "batch_norm1.weight",
                                      "batch_norm1.bias", "dense1.weight", "dense1.bias"}));
  const Buffer<float> weights = initial_parameters(model.net, 1);
  for (const ParameterTensor& tensor : model.net.tensors()) {
    if (!tensor.name.starts_with("batch_norm1")) continue;
    EXPECT_EQ(tensor.shape, std::vector<Index>{3});
    const bool is_one = tensor.name == "batch_norm1.weight" || tensor.name.ends_with("_var");
    for (Index i = 0; i < 3; ++i) EXPECT_EQ(weights[tensor.offset + i], is_one ? 1 : 0);
  }
  const ModelFile bias_only = parse_model_file(model_text("scale = false"), "a");
  EXPECT_EQ(bias_only.net.parameter_count(), model.net.parameter_count() - 3);
}

TEST(BatchNormModel, RefusesWhatDoesNotFit) {
  const auto message = [](const std::string& lines, const std::string& train = "") {
    const Failure failure =
        failure_of([&] { parse_model_file(model_text(lines, train), "a.toml"); });
    EXPECT_EQ(failure.fault, Fault::bad_data);
    return failure.message;
  };
  EXPECT_EQ(message("group = 12"),
            "a.toml:12: layer 'batch_norm1' (batch_norm2d): groups of 12 samples with grains of 4 "
            "(a group is 1, 2, 4, 8 ... grains, so that it is a subtree of the batch): use a group "
            "of 16, or another grain");
  EXPECT_THAT(message("group = 6", "grain = 4"), HasSubstr("use a group of 8"));
  EXPECT_THAT(message("momentum = 1.5"), HasSubstr("a.toml:12"));
  EXPECT_THAT(message("epsilon = 0"), HasSubstr("a.toml:12"));
  EXPECT_THAT(message("weight_init = \"zeros\""), HasSubstr("unknown key 'weight_init'"));
  EXPECT_THAT(message("moment = 0.1"), HasSubstr("did you mean 'momentum'"));
}

TEST(BatchNormModel, ABatchWithOneValuePerChannelIsRefused) {
  const auto net = [](Index side, Index group) {
    return Net("net", {side, side, 2}, {},
               {make_layer("norm", BatchNorm2d{{}, 0.1, 1e-5, true, group}, {kNetInput}),
                make_layer("dense", Dense{{}, 2, true}, {0})},
               LossFunction::softmax_cross_entropy);
  };
  const auto message = [&](Index side, Index group, Index batch, Index last = 0) {
    return failure_of([&] { check_batches_fit(net(side, group), batch, last); }).message;
  };
  EXPECT_EQ(message(2, 0, 1), "");
  EXPECT_EQ(message(1, 0, 2), "");
  EXPECT_EQ(message(1, 8, 18), "");
  EXPECT_EQ(message(1, 8, 16), "");
  EXPECT_EQ(message(1, 8, 16, 12), "");
  EXPECT_EQ(message(1, 0, 0, 2), "");
  EXPECT_THAT(message(1, 0, 1), HasSubstr("a batch of 1 sample has one value per channel (one "
                                          "value has no variance): use a larger train.batch, or "
                                          "normalise an image of more than one pixel"));
  EXPECT_THAT(message(1, 8, 17), HasSubstr("a batch of 17 samples has a group with one value"));
  EXPECT_THAT(message(1, 8, 17), HasSubstr("use a group that divides the batch, or"));
  EXPECT_THAT(message(1, 0, 4, 1), HasSubstr("the last batch of an epoch of 1 sample has one"));
  EXPECT_THAT(message(1, 0, 4, 1), HasSubstr("use train.drop_last=true, or"));
  EXPECT_THAT(message(1, 4, 8, 5),
              HasSubstr("the last batch of an epoch of 5 samples has a group"));
  EXPECT_THAT(message(1, 4, 8, 5), HasSubstr("use train.drop_last=true, or"));
  EXPECT_THAT(message(1, 1, 16), HasSubstr("use a larger group, or normalise an image"));
}

// Every evaluation has this arithmetic: in double, rounded once.
TEST(InferenceNet, FoldsIntoAConvolutionThatNothingElseReads) {
  const Conv2d conv{{}, 3, {2, 2}, {1, 1}, {0, 0}, false};
  const Net net(
      "net", {4, 4, 2}, {},
      {make_layer("conv", conv, {kNetInput}), make_layer("norm", BatchNorm2d{}, {0}),
       make_layer("relu", Activation{}, {1}), make_layer("dense", Dense{{}, 2, true}, {2})},
      LossFunction::softmax_cross_entropy);
  ASSERT_TRUE(InferenceNet::differs(net));
  const InferenceNet inference(net);
  ASSERT_EQ(inference.net().layers().size(), 3U);
  EXPECT_EQ(inference.net().layers()[1].name, "relu");
  EXPECT_TRUE(std::get<Conv2d>(inference.net().layers()[0].op).bias);
  Random random(3);
  // Of two arenas one has the parameters, the other the buffers.
  Buffer<float> arena(net.arena_size()), buffers(net.arena_size());
  Buffer<float> folded(inference.net().arena_size());
  for (float& value : arena.span()) value = static_cast<float>(random.uniform(0.1, 1));
  for (float& value : buffers.span()) value = static_cast<float>(random.uniform(0.1, 1));
  inference.fold(arena.data(), buffers.data(), folded.data());
  const auto at = [&](const char* name, Index i) {
    const auto found = std::ranges::find(net.tensors(), name, &ParameterTensor::name);
    return static_cast<double>((found->is_buffer ? buffers : arena)[found->offset + i]);
  };
  for (Index f = 0; f < 3; ++f) {
    const double scale = at("norm.weight", f) * (1 / std::sqrt(at("norm.running_var", f) + 1e-5));
    for (Index tap = 0; tap < 8; ++tap) {
      EXPECT_EQ(folded[tap * 3 + f], static_cast<float>(at("conv.weight", tap * 3 + f) * scale));
    }
    EXPECT_EQ(folded[8 * 3 + f],
              static_cast<float>((0 - at("norm.running_mean", f)) * scale + at("norm.bias", f)));
  }
}

TEST(InferenceNet, KeepsWhatItCannotFold) {
  const Conv2d conv{{}, 2, {1, 1}, {1, 1}, {0, 0}, true};
  const Net net(
      "net", {3, 3, 2}, {},
      {make_layer("conv", conv, {kNetInput}), make_layer("norm", BatchNorm2d{}, {0}),
       make_layer("sum", Add{}, {0, 1}),
       make_layer("norm2", BatchNorm2d{{}, 0.1, 1e-5, false}, {2}),
       make_layer("dense", Dense{{}, 2, true}, {3}), make_layer("norm3", BatchNorm2d{}, {4})},
      LossFunction::softmax_cross_entropy);
  const InferenceNet inference(net);
  std::vector<std::string> names;
  for (const Layer& layer : inference.net().layers()) names.push_back(layer.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv", "norm", "sum", "norm2", "dense"}));
  Buffer<float> arena = initial_parameters(net, 1), folded(inference.net().arena_size());
  inference.fold(arena.data(), arena.data(), folded.data());
  const ParameterBlock& block = inference.net().parameter_blocks()[1];
  const auto scale = static_cast<float>(1 / std::sqrt(1 + 1e-5));
  for (Index c = 0; c < 2; ++c) {
    EXPECT_EQ(folded[block.offset + c], scale);
    EXPECT_EQ(folded[block.offset + 2 + c], 0);
  }
}

}  // namespace
}  // namespace convoy::test
