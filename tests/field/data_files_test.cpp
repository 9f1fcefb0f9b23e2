// SPDX-License-Identifier: Apache-2.0
// Data files as they occur in the field: padded, unreadable, of another kind, or with wrong labels.
// The message names the file and the sample, and its remedy helps.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "data/catalog.hpp"
#include "data/idx.hpp"
#include "data/labels.hpp"
#include "net/model_file.hpp"
#include "parallel/communicator.hpp"
#include "tests/base/unprivileged_user.hpp"
#include "tests/data/files.hpp"
#include "train/checkpoint.hpp"
#include "train/data_fit.hpp"

namespace convoy {
namespace {

using namespace testing;

// 6 x 6 images with these labels; one test image for each of `test`.
void write_set(const fs::path& folder, const Bytes& train, const Bytes& test) {
  write_file(folder / "train-images-idx3-ubyte",
             idx_images(static_cast<std::uint32_t>(train.size()), 6, 6));
  write_file(folder / "train-labels-idx1-ubyte", idx_labels(train));
  write_file(folder / "t10k-images-idx3-ubyte",
             idx_images(static_cast<std::uint32_t>(test.size()), 6, 6));
  write_file(folder / "t10k-labels-idx1-ubyte", idx_labels(test));
}

Bytes in_turn(std::size_t samples, unsigned first, unsigned classes) {
  Bytes labels(samples);
  for (std::size_t i = 0; i < samples; ++i)
    labels[i] = static_cast<std::uint8_t>(first + i % classes);
  return labels;
}

Net net_of(int outputs) {
  return parse_model_file(
             "name = \"net6\"\ninput = { height = 6, width = 6, channels = 1 }\n[[layer]]\n"
             "type = \"dense\"\nunits = " +
                 std::to_string(outputs) + "\n[loss]\ntype = \"softmax_cross_entropy\"\n",
             "net6.toml")
      .net;
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
}

class DataFiles : public ::testing::Test {
 protected:
  // The message that says why `net` cannot be trained on the set in `folder_`.
  std::string misfit(const Net& net) {
    const auto [fault, message] = error_of([&] {
      const TrainAndTest data = load_data(folder_.path().string());
      check_fit(net, data.train, data.test, data.name);
    });
    EXPECT_EQ(fault, Fault::bad_data) << message;
    return message;
  }

  TempFolder folder_;
};

TEST_F(DataFiles, ZeroPaddingBehindAGzipMemberIsPassedOver) {
  const Bytes file = idx_images(3, 4, 5);
  const Bytes pixels(file.begin() + 16, file.end());
  for (const std::size_t zeros : {1U, 3U, 512U, 200'000U}) {
    Bytes padded = gzip(file);
    padded.resize(padded.size() + zeros, 0);
    EXPECT_EQ(read_idx_images(write_file(folder_ / "padded", padded)).pixels, pixels) << zeros;
    // Programs that read gzip disagree on the bytes after such zeros.
    for (const Bytes& more : {gzip({}), gzip({1}), Bytes{'x'}}) {
      Bytes longer = padded;
      longer.insert(longer.end(), more.begin(), more.end());
      const auto [fault, message] =
          error_of([&] { read_idx_images(write_file(folder_ / "longer", longer)); });
      EXPECT_EQ(fault, Fault::bad_data);
      expect_words(message, {"gzip"});
    }
  }
}

TEST_F(DataFiles, ADamagedLabelIsNamedWithFileAndSample) {
  Bytes labels = in_turn(60, 0, 10);
  labels[33] = 255;
  write_set(folder_.path(), labels, in_turn(20, 0, 10));
  const std::string message = misfit(net_of(10));
  expect_words(message,
               {(folder_ / "train-labels-idx1-ubyte").string(), "training labels",
                "sample 33 has label 255", "no other label is above 9", "correct that label"});
}

TEST_F(DataFiles, TheTestLabelsAreToldFromTheTrainingLabels) {
  Bytes labels = in_turn(20, 0, 10);
  labels[7] = 200;
  write_set(folder_.path(), in_turn(60, 0, 10), labels);
  const std::string message = misfit(net_of(10));
  expect_words(message, {(folder_ / "t10k-labels-idx1-ubyte").string(), "test labels",
                         "sample 7 has label 200"});
  EXPECT_EQ(message.find("training labels"), std::string::npos) << message;
}

TEST_F(DataFiles, LabelsThatBeginWithOneAreSaidToDoSo) {
  write_set(folder_.path(), in_turn(60, 1, 10), in_turn(20, 1, 10));
  expect_words(misfit(net_of(10)),
               {"sample 9 has label 10", "label 0 never occurs: do the labels begin with 1?",
                "number the classes from 0"});
  // The same holds where names give the number of classes.
  write_file(folder_ / "class_names.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  const auto [fault, message] = error_of([&] { load_data(folder_.path().string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  expect_words(message, {"label 10 of sample 9, at byte 17", "class_names.txt names 10 classes",
                         "do the labels begin with 1?"});
  EXPECT_EQ(message.find("intact"), std::string::npos) << message;
}

TEST_F(DataFiles, DoubtsAboutLabelsAreWords) {
  const std::vector<std::pair<testing::Labels, std::string>> cases{
      {{0, 1, 2, 0}, ""},
      {{1, 0}, ""},
      {{3, 3, 3}, "all labels are 3"},
      {{0}, "all labels are 0"},
      {{2, 1, 3, 2},
       "label 0 never occurs: do the labels begin with 1? Then set input.first_label=1"},
      {{0, 2}, "label 1 never occurs"},
      {{0, 4, 1}, "labels 2 to 3 never occur"},
      {{1, 2, 4}, "labels 0 and 3 never occur"},
      {{0, 2, 4, 8}, "labels 1, 3 and 5 to 7 never occur"},
      {{0, 255}, "labels 1 to 254 never occur"},
      {{65535, 0, 40000}, "labels 1 to 39999 and 40001 to 65534 never occur"},
      {{1, 3, 5, 7, 9, 11, 13}, "labels 0, 2, 4, 6 and 3 more ranges never occur"},
  };
  for (const auto& [labels, words] : cases) EXPECT_EQ(doubts_about_labels(labels), words);
}

TEST_F(DataFiles, DoubtfulLabelsThatFitAreWarnedOf) {
  const auto warnings = [&](const Bytes& train, const Bytes& test) {
    write_set(folder_.path(), train, test);
    std::string all;
    for (const std::string& text : label_warnings(load_data(folder_.path().string())))
      all += text + "\n";
    return all;
  };
  EXPECT_EQ(warnings(in_turn(60, 0, 10), in_turn(20, 0, 10)), "");
  EXPECT_EQ(warnings(in_turn(60, 0, 10), {4, 4}), "");  // a small test set lacks classes
  expect_words(warnings(in_turn(60, 1, 9), in_turn(20, 1, 9)), {"do the labels begin with 1?"});
  expect_words(warnings(Bytes(60, 5), {5}), {"all labels are 5", "train-labels-idx1-ubyte"});
  expect_words(warnings({0, 1, 3}, {2, 3, 4}), {"label 2 never occurs", "t10k-labels-idx1-ubyte",
                                                "labels 2, 4", "no training sample"});
}

TEST_F(DataFiles, NoRemedyAsksForAnIntactCopyOfAnIntactFile) {
  struct Case {
    Bytes file;
    std::string named, remedy;
  };
  const std::string page = "<!DOCTYPE html><html><body>404</body></html>";
  const Case images[] = {
      {idx(0x805, {1, 1, 2, 3, 3}, Bytes(18)), "5 dimensions", "3 dimensions"},
      {idx(0xD03, {1, 1, 1}, Bytes(4)), "32-bit floating-point", "unsigned bytes"},
      {idx_labels({1, 2, 3}), "holds labels instead of images", "exchanged"},
      {Bytes(page.begin(), page.end()), "something else", "put a file of images"},
      {{'P', 'K', 3, 4, 0, 0, 0, 0}, "zip archive", "unzip -p"},
      {{0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0}, "zstd", "zstd -dc"},
  };
  for (const Case& c : images) {
    const auto [fault, message] =
        error_of([&] { read_idx_images(write_file(folder_ / "images", c.file)); });
    EXPECT_EQ(fault, Fault::bad_data);
    expect_words(message, {c.named, c.remedy});
    EXPECT_EQ(message.find("intact"), std::string::npos) << message;
  }
  write_set(folder_.path(), {0, 1}, {0, 1});
  constexpr const char* kUtf16 = "\xFF\xFE\x61";
  constexpr const char* kLatin1 = "a\nK\xE4se\n";
  for (const std::string names : {"a\n\nb\n", kUtf16, kLatin1}) {
    write_file(folder_ / "class_names.txt", names);
    const auto [fault, message] = error_of([&] { load_data(folder_.path().string()); });
    EXPECT_EQ(fault, Fault::bad_data);
    expect_words(message, {"is not a list of class names", "one name per line"});
    EXPECT_EQ(message.find("intact"), std::string::npos) << message;
  }
}

TEST_F(DataFiles, AByteOrderMarkIsNoPartOfAClassName) {
  write_set(folder_.path(), {0, 1}, {0, 1});
  write_file(folder_ / "class_names.txt", "\xEF\xBB\xBFzero\r\none\r\n");
  EXPECT_EQ(load_data(folder_.path().string()).train.class_names(),
            (std::vector<std::string>{"zero", "one"}));
}

TEST_F(DataFiles, AnOverlongClassNameIsRefusedWithItsLine) {
  write_set(folder_.path(), {0, 1}, {0, 1});
  write_file(folder_ / "class_names.txt", "a\n" + std::string(1000, 'x') + "\n");
  const auto [fault, message] = error_of([&] { load_data(folder_.path().string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  expect_words(message, {"line 2 has 1000 bytes"});
}

TEST_F(DataFiles, AFileInPlaceOfADataSetIsSaidToBeThere) {
  const fs::path archive = write_file(folder_ / "x.tar", "ustar");
  const fs::path here = fs::current_path();
  fs::current_path(folder_.path());
  for (const std::string& name : {std::string("x.tar"), archive.string()}) {
    const auto [fault, message] = error_of([&] { load_data(name); });
    EXPECT_EQ(fault, Fault::not_found);
    expect_words(message, {"x.tar is a file", "unpack it with `tar -xf"});
    EXPECT_EQ(message.find("unknown"), std::string::npos) << message;
  }
  fs::current_path(here);
  write_set(folder_ / "digits", {0, 1}, {0, 1});
  const auto [fault, message] =
      error_of([&] { load_data((folder_ / "digits/train-images-idx3-ubyte").string()); });
  EXPECT_EQ(fault, Fault::not_found);
  expect_words(message, {"one file of a data set", "--data " + (folder_ / "digits").string()});
}

// Every reader of the library gets a folder that it may not enter and a file that it may not read.
TEST_F(DataFiles, WhatMayNotBeReadIsAFaultOfReading) {
  const fs::path open = folder_ / "open", shut = folder_ / "shut";
  for (const fs::path& folder : {open, shut}) {
    write_set(folder / "set", {0, 1}, {0, 1});
    write_file(folder / "model.toml", "name = \"x\"\n");
    write_file(folder / "checkpoint.safetensors", "x");
    fs::create_directories(folder / "run/checkpoints");
  }
  for (const char* name : {"set/train-labels-idx1-ubyte", "model.toml", "checkpoint.safetensors"})
    ASSERT_EQ(::chmod((open / name).c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(shut.c_str(), 0), 0);
  {
    const test::UnprivilegedUser unprivileged;
    for (const fs::path& folder : {open, shut}) {
      const auto io = [&](auto action) {
        const auto [fault, message] = error_of(action);
        EXPECT_EQ(fault, Fault::io) << message;
        expect_words(message, {"Permission denied", folder.string()});
      };
      io([&] { load_data((folder / "set").string()); });
      io([&] { load_model_file((folder / "model.toml").string()); });
      io([&] { read_config_file(folder / "model.toml", "study"); });
      io([&] { load_checkpoint(folder / "checkpoint.safetensors"); });
    }
    const auto [fault, message] = error_of([&] { load_checkpoint(shut / "run"); });
    EXPECT_EQ(fault, Fault::io) << message;
  }
  ASSERT_EQ(::chmod(shut.c_str(), 0700), 0);
}

// The library looks for a name in several folders; a folder that it may not enter differs from an
// absent one.
TEST_F(DataFiles, AKnownSetInAFolderThatMayNotBeEntered) {
  write_set(folder_ / "data/mnist", {0, 1}, {0, 1});
  const testing::ScopedVariable data("CONVOY_DATA", (folder_ / "data").string());
  const testing::ScopedVariable share("XDG_DATA_HOME", (folder_ / "share").string());
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder_ / "data/mnist").c_str(), 0), 0);
  {
    const test::UnprivilegedUser unprivileged;
    const auto [fault, message] = error_of([] { load_data("mnist"); });
    EXPECT_EQ(fault, Fault::io);
    expect_words(message, {"Permission denied", (folder_ / "data/mnist").string()});
  }
  ASSERT_EQ(::chmod((folder_ / "data/mnist").c_str(), 0700), 0);
}

TEST_F(DataFiles, ANormalisationThatLeavesNothingIsRefused) {
  const auto refused = [](const std::string& override, const std::string& word) {
    const std::vector<Override> overrides{override};
    const std::string text =
        "name = \"n\"\ninput = { height = 6, width = 6, channels = 1 }\n[[layer]]\n"
        "type = \"dense\"\nunits = 2\n[loss]\ntype = \"softmax_cross_entropy\"\n";
    const auto [fault, message] = error_of([&] { parse_model_file(text, "m.toml", overrides); });
    EXPECT_EQ(fault, Fault::usage) << message;
    expect_words(message, {override, word});
  };
  refused("input.scale=1e300", "single precision");
  refused("input.std=1e-300", "single precision");
  refused("input.mean=1e300", "single precision");
  refused("input.scale=1e-300", "no pixel");
  refused("input.mean=1e12", "no pixel");
  refused("optimizer.learning_rate=1e39", "at most");
  refused("optimizer.weight_decay=1e300", "at most");
}

}  // namespace
}  // namespace convoy
