// SPDX-License-Identifier: Apache-2.0
// The program with data sets of other layouts than MNIST's: the weights follow from the pixels, and
// a reader's note is a warning.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/apps/program.hpp"
#include "tests/data/archives.hpp"

namespace convoy::test {
namespace {

using testing::Bytes;

constexpr std::uint32_t kTrain = 96, kTest = 20, kPixels = 28 * 28;

Bytes labels_of(std::uint32_t count) {
  Bytes labels(count);
  for (std::uint32_t i = 0; i < count; ++i) labels[i] = static_cast<std::uint8_t>(i * 7 % 10);
  return labels;
}

// The same images and labels in every layout.
class DataFormats : public ::testing::Test {
 protected:
  DataFormats()
      : train_(testing::random_bytes(std::size_t{kTrain} * kPixels, 1)),
        test_(testing::random_bytes(std::size_t{kTest} * kPixels, 2)) {}

  std::string idx_folder() {
    const std::filesystem::path folder = folder_.path / "idx";
    testing::write_file(folder / "train-images-idx3-ubyte",
                        testing::idx(0x803, {kTrain, 28, 28}, train_));
    testing::write_file(folder / "train-labels-idx1-ubyte", testing::idx_labels(labels_of(kTrain)));
    testing::write_file(folder / "t10k-images-idx3-ubyte",
                        testing::idx(0x803, {kTest, 28, 28}, test_));
    testing::write_file(folder / "t10k-labels-idx1-ubyte", testing::idx_labels(labels_of(kTest)));
    return folder.string();
  }

  std::string npz_file(bool is_deflated) {
    const auto array = [&](const std::string& name, const std::string& shape, const Bytes& bytes) {
      return testing::Member{name + ".npy", testing::npy("|u1", shape, bytes), is_deflated};
    };
    const std::string train = std::to_string(kTrain), test = std::to_string(kTest);
    return testing::write_file(
               folder_.path / (is_deflated ? "deflated.npz" : "stored.npz"),
               testing::zip({array("train_images", "(" + train + ", 28, 28)", train_),
                             array("train_labels", "(" + train + ", 1)", labels_of(kTrain)),
                             array("val_images", "(1, 28, 28)", Bytes(kPixels)),
                             array("test_images", "(" + test + ", 28, 28)", test_),
                             array("test_labels", "(" + test + ", 1)", labels_of(kTest))}))
        .string();
  }

  Ended train(const std::string& data, const Arguments& more = {}) {
    Arguments arguments{"train",  "tiny-relu", "--data",        data, "--epochs", "2",
                        "--json", "--set",     "train.batch=16"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, folder_);
  }

  Bytes train_, test_;
  ScratchFolder folder_;
};

TEST_F(DataFormats, AnNpzTrainsTheWeightsOfTheSamePixelsInIdx) {
  const nlohmann::json idx = document(train(idx_folder()));
  const std::string stored = npz_file(false);
  for (const std::string& data : {stored, npz_file(true)}) {
    EXPECT_EQ(document(train(data))["weights_sha256"], idx["weights_sha256"]);
  }
  EXPECT_EQ(document(train(stored, {"--threads", "2"}))["weights_sha256"], idx["weights_sha256"]);
}

TEST_F(DataFormats, ANoteOfAReaderIsAWarning) {
  const Ended ended = train(npz_file(true));
  EXPECT_NE(ended.err.find("its 1 image of val_images is not used"), std::string::npos)
      << ended.err;
}

// A run's data is found again from another folder.
TEST_F(DataFormats, ARunRemembersItsFile) {
  npz_file(true);
  const Ended trained = run(
      {"train", "tiny-relu", "--data", "deflated.npz", "--epochs", "1", "--out", "run", "--quiet"},
      folder_);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const ScratchFolder elsewhere;
  const Ended ended = run({"eval", folder_ / "run", "--json"}, elsewhere);
  EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST_F(DataFormats, ADamagedArchiveIsOneMessage) {
  const std::string file = npz_file(true);
  std::filesystem::resize_file(file, 1000);
  const Ended ended = train(file);
  EXPECT_EQ(ended.code, 65);
  EXPECT_TRUE(is_message(ended, "is not a whole zip archive"));
}

TEST_F(DataFormats, InfoHasTheFactsOfASet) {
  const Ended ended = run({"info", "kmnist"}, folder_);
  EXPECT_EQ(ended.code, 0) << ended.err;
  for (const char* word :
       {"60000 + 10000", "train-images-idx3-ubyte", "CC BY-SA 4.0", "1812.01718"})
    EXPECT_NE(ended.out.find(word), std::string::npos) << ended.out;
  const nlohmann::json info = document(run({"info", "--json"}, folder_));
  const auto emnist = std::ranges::find_if(
      info["data"], [](const nlohmann::json& set) { return set["name"] == "emnist-letters"; });
  ASSERT_NE(emnist, info["data"].end());
  EXPECT_EQ((*emnist)["can_be_fetched"], false);
  EXPECT_EQ((*emnist)["files"].size(), 4U);
}

}  // namespace
}  // namespace convoy::test
