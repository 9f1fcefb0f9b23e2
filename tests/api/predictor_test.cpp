// SPDX-License-Identifier: Apache-2.0
// Predictor: many images at once, loading from memory, and the same results as the program.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "convoy/convoy.hpp"
#include "tests/api/support.hpp"

namespace api_tests {
namespace {

// A run whose checkpoint the predictors load.
class ApiPredictor : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    file_ = convoy::train(small_model(), few_clothes(), {.folder = *folder_ / "run"}).checkpoint;
  }
  static void TearDownTestSuite() { delete folder_; }

  // More images than are computed at once.
  static const convoy::Dataset& images() {
    static const convoy::Dataset data = few_clothes().train.first(601);
    return data;
  }

  static ScratchFolder* folder_;
  static fs::path file_;
};
ScratchFolder* ApiPredictor::folder_ = nullptr;
fs::path ApiPredictor::file_;

struct Predicted {
  std::vector<Index> labels;
  std::vector<float> probabilities;
};

Predicted predict_all(convoy::Predictor& predictor, const convoy::Dataset& images) {
  const auto count = static_cast<std::size_t>(images.size());
  Predicted all{std::vector<Index>(count),
                std::vector<float>(count * static_cast<std::size_t>(predictor.outputs()))};
  predictor.predict(images.pixels(), all.labels, all.probabilities);
  return all;
}

TEST_F(ApiPredictor, ManyAtOnceAreTheSameAsOneByOne) {
  convoy::Predictor one(file_);
  const auto outputs = static_cast<std::size_t>(one.outputs());
  for (const int threads : {1, 2}) {
    convoy::Predictor many(*folder_ / "run", threads);
    const Predicted all = predict_all(many, images());
    for (Index i = 0; i < images().size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const convoy::Prediction single = one.predict(images().image(i));
      ASSERT_EQ(single.label, all.labels[at]) << i;
      const std::vector<float> scores(all.probabilities.begin() + i * one.outputs(),
                                      all.probabilities.begin() + (i + 1) * one.outputs());
      ASSERT_EQ(single.probabilities, scores) << i;
      ASSERT_EQ(scores.size(), outputs);
      ASSERT_EQ(scores[static_cast<std::size_t>(single.label)], *std::ranges::max_element(scores));
    }
  }
}

TEST_F(ApiPredictor, FloatsThatAreBytesGiveTheSame) {
  convoy::Predictor predictor(*folder_ / "run", 2);
  const convoy::Dataset few = images().first(20);
  const std::vector<float> floats(few.pixels().begin(), few.pixels().end());
  std::vector<convoy::Index> labels(20);
  std::vector<float> probabilities(200);
  predictor.predict_f32(floats, labels, probabilities);
  const Predicted wanted = predict_all(predictor, few);
  EXPECT_EQ(labels, wanted.labels);
  EXPECT_EQ(probabilities, wanted.probabilities);
  EXPECT_EQ(predictor.threads(), convoy::Predictor(*folder_ / "run", 2).threads());
  expect_thrown(convoy::Fault::bad_data, "not a whole number of images",
                [&] { predictor.predict_f32(std::span(floats).first(783), {}); });
}

TEST_F(ApiPredictor, PredictsAsTheProgram) {
  // IDX: the magic number of images of bytes, and three sizes.
  const convoy::Dataset few = images().first(20);
  std::string idx{0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 28, 0, 0, 0, 28};
  idx.append(few.pixels().begin(), few.pixels().end());
  std::ofstream(*folder_ / "images", std::ios::binary) << idx;
  const auto json = document({"predict", "run", "images", "--json"}, *folder_);
  convoy::Predictor predictor(*folder_ / "run");
  const Predicted all = predict_all(predictor, few);
  ASSERT_EQ(json["images"].size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(json["images"][i]["class"], all.labels[i]);
    for (std::size_t c = 0; c < 10; ++c) {
      EXPECT_EQ(json["images"][i]["probabilities"][c].get<float>(), all.probabilities[10 * i + c]);
    }
  }
  EXPECT_EQ(json["class_names"].get<std::vector<std::string>>(), predictor.class_names());
}

TEST_F(ApiPredictor, LoadsFromMemory) {
  const std::vector<std::byte> bytes = bytes_of(file_);
  convoy::Predictor memory = [&] {
    const std::vector<std::byte> gone_after_the_call = bytes;
    return convoy::Predictor::from_memory(gone_after_the_call);
  }();
  convoy::Predictor file(file_);
  EXPECT_EQ(memory.model_name(), "tiny-relu");
  EXPECT_EQ(memory.image_shape(), file.image_shape());
  EXPECT_EQ(predict_all(memory, images()).probabilities, predict_all(file, images()).probabilities);

  std::vector<std::byte> damaged = bytes;
  damaged[damaged.size() - 5] ^= std::byte{1};
  const auto load = [](std::span<const std::byte> all) {
    convoy::Predictor::from_memory(all, 1, "the bytes");
  };
  expect_thrown(convoy::Fault::bad_data, "the bytes", [&] { load(damaged); });
  expect_thrown(convoy::Fault::bad_data, "the bytes",
                [&] { load(std::span(bytes).first(bytes.size() - 1)); });
  expect_thrown(convoy::Fault::bad_data, "the bytes", [&] { load({}); });
}

// The groups of a batch normalisation concern batches of training alone: a predictor takes images
// one by one, also where a group is no power of two.
TEST(ApiGroups, PredictsWithTheRunningStatistics) {
  const convoy::Model model = convoy::parse_model(R"(
name = "grouped"
input = { height = 28, width = 28, channels = 1 }
layer = [{ type = "batch_norm2d", group = 12 }, { type = "dense", units = 10 }]
loss = { type = "softmax_cross_entropy" }
train = { batch = 24, grain = 3, epochs = 1 }
)");
  const ScratchFolder folder;
  const convoy::TrainResult result =
      convoy::train(model, few_clothes(), {.folder = folder / "run"});
  for (const int threads : {1, 2}) {
    convoy::Predictor predictor(folder / "run", threads);
    const convoy::Dataset& test = few_clothes().test;
    const Predicted all = predict_all(predictor, test);
    Index correct = 0;
    for (Index i = 0; i < test.size(); ++i) {
      correct += all.labels[static_cast<std::size_t>(i)] == Index{test.label(i)} ? 1 : 0;
    }
    EXPECT_EQ(static_cast<double>(correct) / static_cast<double>(test.size()),
              result.epochs.back().test_accuracy);
  }
}

// An average has other weights, which predict unless the trained ones are asked for.
TEST(ApiAverage, PredictsUnlessTheTrainedWeightsAreAskedFor) {
  using convoy::WeightsCopy;
  const ScratchFolder folder;
  const convoy::Model model = small_model({"average.type=ema", "average.decay=0.9"});
  convoy::Trainer trainer(model, few_clothes(), {.folder = folder / "a"});
  const convoy::TrainResult result = trainer.run();
  EXPECT_EQ(result.average_sha256.size(), 64u);
  EXPECT_NE(result.average_sha256, result.weights_sha256);
  EXPECT_EQ(result.weights_sha256, weights_of()) << "training does not depend on the average";
  EXPECT_NE(trainer.weights(WeightsCopy::average)[0].values, trainer.weights()[0].values);

  const convoy::Dataset some = few_clothes().train.first(50);
  convoy::Predictor named(folder / "a"), average(folder / "a", 1, WeightsCopy::average);
  convoy::Predictor trained(folder / "a", 1, WeightsCopy::trained);
  const Predicted expected = predict_all(average, some);
  EXPECT_EQ(predict_all(named, some).probabilities, expected.probabilities);
  EXPECT_NE(predict_all(trained, some).probabilities, expected.probabilities);
  convoy::Predictor memory =
      convoy::Predictor::from_memory(bytes_of(result.checkpoint), 1, "m", WeightsCopy::trained);
  EXPECT_EQ(predict_all(memory, some).probabilities, predict_all(trained, some).probabilities);

  // The trained weights are those of a run without an average, which has none to predict with.
  convoy::train(small_model(), few_clothes(), {.folder = folder / "b"});
  convoy::Predictor plain(folder / "b");
  EXPECT_EQ(predict_all(plain, some).probabilities, predict_all(trained, some).probabilities);
  expect_thrown(convoy::Fault::usage, "has no average",
                [&] { convoy::Predictor(folder / "b", 1, WeightsCopy::average); });
}

TEST_F(ApiPredictor, LeavesOutWhatIsNotWantedAndRefusesOtherSizes) {
  convoy::Predictor predictor(file_);
  const Predicted all = predict_all(predictor, images());
  std::vector<Index> labels(all.labels.size());
  predictor.predict(images().pixels(), labels);
  EXPECT_EQ(labels, all.labels);
  std::vector<float> probabilities(all.probabilities.size());
  predictor.predict(images().pixels(), {}, probabilities);
  EXPECT_EQ(probabilities, all.probabilities);
  predictor.predict({}, {}, {});

  const auto pixels = images().pixels();
  expect_thrown(convoy::Fault::bad_data, "not a whole number of images",
                [&] { predictor.predict(pixels.subspan(1), labels); });
  expect_thrown(convoy::Fault::usage, "room for 600 labels",
                [&] { predictor.predict(pixels, std::span(labels).first(600)); });
  expect_thrown(convoy::Fault::usage, "probabilities",
                [&] { predictor.predict(pixels, labels, std::span(probabilities).first(601)); });
  expect_thrown(convoy::Fault::bad_data, "28 x 28 x 1",
                [&] { predictor.predict(pixels.first(100)); });
}

}  // namespace
}  // namespace api_tests
