// SPDX-License-Identifier: Apache-2.0
#include "data/emnist.hpp"

#include <gtest/gtest.h>

#include <set>

#include "data/catalog.hpp"
#include "tests/data/files.hpp"

namespace convoy {
namespace {

using namespace testing;

const EmnistSplit& split_called(std::string_view name) {
  for (const EmnistSplit& split : kEmnistSplits)
    if (split.name == name) return split;
  throw std::runtime_error("there is no such split");
}

// 3 training images of 2 rows and 4 columns, in the file column by column, and one test image.
std::vector<fs::path> write_split(const fs::path& folder, const EmnistSplit& split,
                                  const Bytes& train_labels, const Bytes& pixels) {
  const std::vector<std::string> names = emnist_files(split);
  return {write_file(folder / names[0], idx(0x803, {3, 4, 2}, pixels)),
          write_file(folder / names[1], idx_labels(train_labels)),
          write_file(folder / (names[2] + ".gz"), gzip(idx_images(1, 4, 2, 5))),
          write_file(folder / names[3],
                     idx_labels({split.first_label == 0 ? std::uint8_t{0} : std::uint8_t{26}}))};
}

TEST(Emnist, TheSplitsHaveTheirPublishedClasses) {
  const std::vector<std::pair<std::string, std::size_t>> published{
      {"byclass", 62}, {"bymerge", 47}, {"balanced", 47},
      {"letters", 26}, {"digits", 10},  {"mnist", 10}};
  for (const auto& [name, classes] : published) {
    const std::vector<std::string> names = emnist_class_names(split_called(name));
    EXPECT_EQ(names.size(), classes);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), classes);
  }
  EXPECT_EQ(emnist_files(split_called("letters"))[3], "emnist-letters-test-labels-idx1-ubyte");
}

TEST(Emnist, ImagesAreTransposedAndLabelsBeginWithZero) {
  const TempFolder folder;
  const EmnistSplit& letters = split_called("letters");
  const Bytes pixels = random_bytes(24, 1);
  const auto files = write_split(folder.path(), letters, {1, 26, 13}, pixels);
  const Parts parts = read_emnist(letters, files);
  EXPECT_EQ(parts.train.image_shape(), (Shape{2, 4, 1}));
  for (std::size_t image = 0; image < 3; ++image)
    for (std::size_t y = 0; y < 2; ++y)
      for (std::size_t x = 0; x < 4; ++x)
        EXPECT_EQ(parts.train.image(static_cast<Index>(image))[y * 4 + x],
                  pixels[image * 8 + x * 2 + y]);
  EXPECT_EQ(Labels(parts.train.labels().begin(), parts.train.labels().end()), (Labels{0, 25, 12}));
  EXPECT_EQ(parts.test.label(0), 25);
  EXPECT_EQ(parts.train.classes(), 26);
  ASSERT_EQ(parts.notes.size(), 1U);
  EXPECT_NE(parts.notes[0].find("were transposed; its labels begin with 1"), std::string::npos);
}

TEST(Emnist, LabelsOfOtherSplitsStayAsTheyAre) {
  const TempFolder folder;
  const EmnistSplit& digits = split_called("digits");
  const auto files = write_split(folder.path(), digits, {0, 9, 5}, random_bytes(24, 1));
  const Parts parts = read_emnist(digits, files);
  EXPECT_EQ(Labels(parts.train.labels().begin(), parts.train.labels().end()), (Labels{0, 9, 5}));
  EXPECT_EQ(parts.notes[0].find("labels"), std::string::npos) << parts.notes[0];
}

// The keys of a model override what the names of the files imply.
TEST(Emnist, OptionsSayThatFilesWereChanged) {
  const TempFolder folder;
  const EmnistSplit& letters = split_called("letters");
  const Bytes pixels = random_bytes(24, 1);
  const auto files = write_split(folder.path(), letters, {1, 25, 13}, pixels);
  DataOptions options;
  options.transpose = false;
  const Parts parts = read_emnist(letters, files, options);
  EXPECT_EQ(parts.train.image_shape(), (Shape{4, 2, 1}));
  EXPECT_EQ(Bytes(parts.train.pixels().begin(), parts.train.pixels().end()), pixels);
  EXPECT_EQ(parts.train.label(1), 24);
  ASSERT_EQ(parts.notes.size(), 1U);
  EXPECT_EQ(parts.notes[0], "EMNIST's labels begin with 1 and were counted from 0");
  write_file(files[3], idx_labels({25}));
  options.first_label = 0;
  const Parts unchanged = read_emnist(letters, files, options);
  EXPECT_EQ(unchanged.train.label(1), 25);
  EXPECT_TRUE(unchanged.notes.empty());
}

TEST(Emnist, LabelsOutOfRangeAreRefused) {
  const TempFolder folder;
  const EmnistSplit& letters = split_called("letters");
  for (const Bytes& labels : {Bytes{1, 0, 2}, Bytes{1, 27, 2}}) {
    const auto files = write_split(folder.path(), letters, labels, random_bytes(24, 1));
    const auto [fault, message] = error_of([&] { read_emnist(letters, files); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find("emnist-letters-train-labels"), std::string::npos) << message;
    EXPECT_NE(message.find("of sample 1"), std::string::npos) << message;
  }
}

// The published archive unpacks all splits into one folder.
TEST(Emnist, SplitsShareAFolderWhereTheyHaveNames) {
  const TempFolder folder;
  const ScopedVariable data("CONVOY_DATA", folder.path().string());
  const fs::path all = folder / "emnist";
  write_split(all, split_called("letters"), {1, 26, 13}, random_bytes(24, 1));
  EXPECT_EQ(load_data(all.string()).test.class_names()[25], "Z");
  write_split(all, split_called("digits"), {0, 9, 5}, random_bytes(24, 2));
  EXPECT_EQ(load_data("emnist-letters").train.classes(), 26);
  EXPECT_EQ(load_data("emnist-digits").train.classes(), 10);
  EXPECT_EQ(lasting_name(load_data("emnist-digits")), "emnist-digits");
  const auto [fault, message] = error_of([&] { load_data(all.string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("EMNIST (letters) and EMNIST (digits)"), std::string::npos) << message;
  const auto [missing, words] = error_of([] { load_data("emnist-balanced"); });
  EXPECT_EQ(missing, Fault::not_found);
  EXPECT_NE(words.find("DIR/emnist"), std::string::npos) << words;
  EXPECT_NE(words.find("convoy fetch emnist-balanced"), std::string::npos) << words;
}

}  // namespace
}  // namespace convoy
