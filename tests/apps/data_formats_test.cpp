// SPDX-License-Identifier: Apache-2.0
// The program with data sets of other layouts than MNIST's: the weights follow from the pixels, and
// a reader's note is a warning.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

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
                             array("test_images", "(" + test + ", 28, 28)", test_),
                             array("test_labels", "(" + test + ", 1)", labels_of(kTest))}))
        .string();
  }

  // Some of the images are those of validation.
  std::string archive(const std::string& type, const Bytes& numbers, bool has_validation) {
    constexpr std::uint32_t kHeldOut = 32;
    const std::uint32_t count = has_validation ? kTrain - kHeldOut : kTrain;
    const auto cut = [](const Bytes& bytes, std::size_t from, std::size_t to) {
      return Bytes(bytes.begin() + static_cast<Index>(from),
                   bytes.begin() + static_cast<Index>(to));
    };
    const auto shape = [](std::uint32_t n) { return "(" + std::to_string(n) + ", 28, 28)"; };
    const auto column = [](std::uint32_t n) { return "(" + std::to_string(n) + ", 1)"; };
    const std::size_t end = numbers.size() / kTrain * count;
    std::vector<testing::Member> members{
        {"train_images.npy", testing::npy(type, shape(count), cut(numbers, 0, end))},
        {"train_labels.npy", testing::npy("|u1", column(count), cut(labels_of(kTrain), 0, count))},
        {"test_images.npy", testing::npy("|u1", shape(kTest), test_)},
        {"test_labels.npy", testing::npy("|u1", column(kTest), labels_of(kTest))}};
    if (has_validation) {
      members.push_back({"val_images.npy",
                         testing::npy(type, shape(kHeldOut), cut(numbers, end, numbers.size()))});
      members.push_back({"val_labels.npy", testing::npy("|u1", column(kHeldOut),
                                                        cut(labels_of(kTrain), count, kTrain))});
    }
    return testing::write_file(folder_.path / "archive.npz", testing::zip(members)).string();
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

// As in MedMNIST: the images are held out, the run says which they are, and no fraction may be.
TEST_F(DataFormats, ValidationImagesOfAnArchiveAreHeldOut) {
  const std::string file = archive("|u1", train_, true);
  const Ended refused = train(file, {"--validation", "0.1"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(is_message(refused, "32 validation images of its own"));
  const nlohmann::json wanted = document(train(file, {"--out", folder_ / "run"}));
  EXPECT_EQ(wanted["samples"], kTrain - 32);
  ASSERT_TRUE(wanted["best"].is_object()) << wanted;
  EXPECT_NE(test::read_file(folder_ / "run/config.toml").find("validation_sha256 = \""),
            std::string::npos);
  EXPECT_EQ(document(train(file, {"--threads", "2"}))["weights_sha256"], wanted["weights_sha256"]);
  EXPECT_EQ(document(run({"eval", folder_ / "run", "--json"}, folder_))["samples"], kTest);
  const Ended longer = run({"train", "--resume", folder_ / "run", "--epochs", "3"}, folder_);
  EXPECT_EQ(longer.code, 0) << longer.err;
}

// Pixels from 0 to 1, as Keras' tutorials divide them.
TEST_F(DataFormats, FloatsTrainAndANoteOfAReaderIsAWarning) {
  Bytes numbers;
  for (const std::uint8_t byte : train_) {
    const float pixel = static_cast<float>(byte) / 255;
    testing::append(numbers, std::bit_cast<std::uint32_t>(pixel), 4);
  }
  const std::string file = archive("<f4", numbers, false);
  const Ended ended = train(file);
  EXPECT_NE(ended.err.find("set input.scale=1"), std::string::npos) << ended.err;
  for (const char* command : {"info", "new"}) {  // there is no model yet
    const Ended shown = run({command, "--data", file}, folder_);
    EXPECT_EQ(shown.code, 0);
    EXPECT_EQ(shown.err, "");
  }
  const Ended scaled = train(file, {"--set", "input.scale=1", "--out", folder_ / "run"});
  EXPECT_EQ(scaled.err.find("input.scale"), std::string::npos) << scaled.err;
  const nlohmann::json wanted = document(scaled);
  EXPECT_NE(document(ended)["weights_sha256"], wanted["weights_sha256"]);
  EXPECT_EQ(document(train(file, {"--set", "input.scale=1", "--threads", "2"}))["weights_sha256"],
            wanted["weights_sha256"]);
  EXPECT_EQ(run({"report", folder_ / "run", "--out", folder_ / "report.html"}, folder_).code, 0);
}

// Transposed twice, the images are those of the other folder.
TEST_F(DataFormats, KeysOfTheModelSayHowArraysAreStored) {
  const nlohmann::json wanted = document(train(idx_folder()));
  const auto turned = [](const Bytes& images) {
    Bytes out;
    for (std::size_t begin = 0; begin < images.size(); begin += kPixels)
      for (std::size_t x = 0; x < 28; ++x)
        for (std::size_t y = 0; y < 28; ++y) out.push_back(images[begin + y * 28 + x]);
    return out;
  };
  train_ = turned(train_);
  test_ = turned(test_);
  const std::string data = idx_folder();
  EXPECT_NE(document(train(data))["weights_sha256"], wanted["weights_sha256"]);
  const Ended ended = train(data, {"--set", "input.transpose=true", "--out", folder_ / "run"});
  EXPECT_EQ(document(ended)["weights_sha256"], wanted["weights_sha256"]);
  // An evaluation reads as the run did.
  const nlohmann::json tested = document(run({"eval", folder_ / "run", "--json"}, folder_));
  EXPECT_EQ(tested["accuracy"], wanted["epochs"].back()["test_accuracy"]) << wanted;
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
  for (const char* word : {"60000 + 10000", "train-images-idx3-ubyte", "CC BY-SA 4.0", "1812.01718",
                           "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4  "
                           "train-images-idx3-ubyte.gz, 18,165,135 bytes"})
    EXPECT_NE(ended.out.find(word), std::string::npos) << ended.out;
  const nlohmann::json info = document(run({"info", "--json"}, folder_));
  const auto emnist = std::ranges::find_if(
      info["data"], [](const nlohmann::json& set) { return set["name"] == "emnist-letters"; });
  ASSERT_NE(emnist, info["data"].end());
  EXPECT_EQ((*emnist)["can_be_fetched"], true);
  EXPECT_EQ((*emnist)["files"].size(), 4U);
  EXPECT_EQ((*emnist)["checksums"].size(), 1U);
  EXPECT_EQ((*emnist)["checksums"][0]["name"], "gzip.zip");
  EXPECT_EQ((*emnist)["checksums"][0]["bytes"], 561753746);
}

}  // namespace
}  // namespace convoy::test
