// SPDX-License-Identifier: Apache-2.0
#include "data/idx.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "base/machine.hpp"
#include "tests/data/files.hpp"

namespace convoy {
namespace {

using namespace testing;
using fs::path;

constexpr std::uint32_t kImages = 0x803, kLabels = 0x801;

class Idx : public ::testing::Test {
 protected:
  path put(const std::string& name, const Bytes& bytes) {
    return write_file(folder_ / name, bytes);
  }

  // Checks that the message names the file and contains `word`, and that the exit code is that of
  // bad data.
  void expect_refused(const Bytes& bytes, const std::string& word, bool labels = false) {
    const path file = put("data", bytes);
    const auto [fault, message] = error_of([&] {
      if (labels) read_idx_labels(file);
      if (!labels) read_idx_images(file);
    });
    EXPECT_EQ(fault, Fault::bad_data) << message;
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }

  TempFolder folder_;
};

TEST_F(Idx, PlainAndGzipReadAlikeWhateverTheNameSays) {
  std::mt19937 generator(1);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t count = 1 + random() % 300, rows = 1 + random() % 40,
                        columns = 1 + random() % 40;
    const Bytes body =
        random_bytes(std::size_t{count} * rows * columns, random(), 1 + random() % 256);
    const Bytes file = idx(kImages, {count, rows, columns}, body);
    for (const path& name : {put("plain.gz", file), put("packed", gzip(file))}) {
      const ImageArray images = read_idx_images(name);
      EXPECT_EQ(images.count, count);
      EXPECT_EQ(images.shape, (Shape{rows, columns, 1}));
      EXPECT_EQ(images.pixels, body);
    }
    const Labels labels(body.begin(), body.end());
    EXPECT_EQ(read_idx_labels(put("l", idx_labels(body))).labels, labels);
    EXPECT_EQ(read_idx_labels(put("l", gzip(idx_labels(body)))).labels, labels);
  }
}

// Streams that follow each other are one content (RFC 1952, 2.2), cut anywhere.
TEST_F(Idx, GzipOfSeveralStreamsIsOneFile) {
  const Bytes file = idx_images(50, 9, 7);
  for (const Index cut : {0, 3, 16, 1000, 3166}) {
    Bytes packed = gzip(Bytes(file.begin(), file.begin() + cut));
    const Bytes rest = gzip(Bytes(file.begin() + cut, file.end()));
    packed.insert(packed.end(), rest.begin(), rest.end());
    const ImageArray images = read_idx_images(put("packed", packed));
    EXPECT_TRUE(std::equal(images.pixels.begin(), images.pixels.end(), file.begin() + 16));
  }
}

TEST_F(Idx, EveryTruncationIsRefused) {
  const Bytes images = idx_images(3, 4, 5), labels = idx_labels(random_bytes(20, 1, 10));
  for (std::size_t size = 1; size < images.size(); ++size)
    expect_refused(Bytes(images.begin(), images.begin() + static_cast<Index>(size)), "truncated");
  for (std::size_t size = 1; size < labels.size(); ++size)
    expect_refused(Bytes(labels.begin(), labels.begin() + static_cast<Index>(size)), "truncated",
                   true);
  const Bytes packed = gzip(images);
  for (std::size_t size = 2; size < packed.size(); ++size)
    expect_refused(Bytes(packed.begin(), packed.begin() + static_cast<Index>(size)), "truncated");
  // A whole gzip stream around a part of the content.
  for (std::size_t size = 1; size < images.size(); ++size)
    expect_refused(gzip(Bytes(images.begin(), images.begin() + static_cast<Index>(size))),
                   "truncated");
}

TEST_F(Idx, TrailingBytesAreRefused) {
  for (const std::size_t more : {std::size_t{1}, std::size_t{100000}}) {
    Bytes images = idx_images(3, 4, 5);
    images.resize(images.size() + more);
    expect_refused(images, "too long");
    expect_refused(gzip(images), "too long");
  }
  Bytes packed = gzip(idx_images(3, 4, 5));
  packed.push_back('x');  // after the end of the gzip stream
  expect_refused(packed, "gzip");
  packed.resize(packed.size() + 1000, 'x');
  expect_refused(packed, "gzip");
}

TEST_F(Idx, SwappedAndForeignFilesAreRefused) {
  expect_refused(idx_labels({1, 2, 3}), "holds labels instead of images");
  expect_refused(idx_images(3, 4, 5), "holds images instead of labels", true);
  expect_refused(gzip(idx_labels({1, 2, 3})), "holds labels instead of images");
  expect_refused(idx(0x805, {1, 2, 3, 4, 1}, Bytes(24)), "0x00000805");
  expect_refused(idx(0xC02, {3, 8}, Bytes(96)), "keep the names of QMNIST's four files", true);
  const std::string page = "<!DOCTYPE html><html><body>404</body></html>";
  expect_refused(Bytes(page.begin(), page.end()), "something else");
  expect_refused({0xFD, '7', 'z', 'X', 'Z', 0, 1, 2, 3}, "xz -dc");
}

TEST_F(Idx, ALyingHeaderAllocatesNothing) {
  const std::uint64_t before = peak_memory_bytes();
  constexpr std::uint32_t kHuge = 0xFFFFFFFF;
  for (const auto& sizes : std::vector<std::vector<std::uint32_t>>{{kHuge, 1, 1},
                                                                   {1, kHuge, 1},
                                                                   {kHuge, kHuge, 1},
                                                                   {kHuge, kHuge, kHuge},
                                                                   {1U << 31, 1U << 31, 4},
                                                                   {1U << 16, 1U << 16, 1U << 16},
                                                                   {1U << 22, 28, 28}}) {
    for (const Bytes& body : {Bytes(), random_bytes(100, 1)}) {
      const Bytes file = idx(kImages, sizes, body);
      const char* word =
          sizes[0] == kHuge && sizes[1] == kHuge && sizes[2] == kHuge ? "impossible" : "header";
      expect_refused(file, word);
      expect_refused(gzip(file), word);
      // The size in the gzip trailer agrees with the false size in the header, modulo 2^32.
      Bytes forged = gzip(file);
      const std::uint64_t stated = 16 + std::uint64_t{sizes[0]} * sizes[1] * sizes[2];
      for (std::size_t i = 0; i < 4; ++i)
        forged[forged.size() - 4 + i] = static_cast<std::uint8_t>(stated >> (8 * i));
      const auto error = error_of([&] { read_idx_images(put("forged", forged)); });
      EXPECT_EQ(error.first, Fault::bad_data);
    }
  }
  expect_refused(idx(kLabels, {kHuge}, {1, 2}), "truncated", true);
  EXPECT_LT(peak_memory_bytes(), before + (std::uint64_t{16} << 20));
}

TEST_F(Idx, LabelsMayHaveSeveralBytes) {
  for (const int bits : {16, 32}) {
    const Index beyond = bits == 16 ? 32768 : 65536;
    std::vector<std::int64_t> wanted;
    for (Index i = 0; i < 10000; ++i) wanted.push_back(i * 13 % beyond);
    wanted.back() = beyond - 1;
    const Bytes file = idx_labels_of(bits, wanted);
    for (const path& name : {put("plain", file), put("packed", gzip(file))}) {
      const LabelArray read = read_idx_labels(name);
      EXPECT_EQ(read.labels, Labels(wanted.begin(), wanted.end()));
      EXPECT_EQ(read.bytes, static_cast<std::size_t>(bits / 8));
    }
    expect_refused(file, "holds labels instead of images");
    expect_refused(Bytes(file.begin(), file.end() - 1), "truncated", true);
    // One beyond the range, behind the first part that is read at once.
    const std::string place = std::to_string(8 + 5000 * bits / 8);
    for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{65536}}) {
      if (bits == 16 && wrong > 0) continue;
      std::vector<std::int64_t> labels = wanted;
      labels[5000] = wrong;
      expect_refused(idx_labels_of(bits, labels),
                     "label " + std::to_string(wrong) + " of sample 5000, at byte " + place +
                         "; labels are from 0 to 65535",
                     true);
    }
  }
  expect_refused(idx(0x901, {3}, {1, 2, 3}), "signed bytes of 1 dimension", true);
  expect_refused(idx(0xD01, {1}, {1, 2, 3, 4}), "16-bit or 32-bit integers", true);
  expect_refused(idx(0xC02, {1, 1}, {1, 2, 3, 4}), "32-bit integers of 2 dimensions", true);
}

TEST_F(Idx, ImagesMayHaveSeveralChannels) {
  const Bytes pixels = random_bytes(std::size_t{7} * 3 * 4 * 5, 2);
  const Bytes file = idx(0x804, {7, 3, 4, 5}, pixels);
  for (const path& name : {put("plain", file), put("packed", gzip(file))}) {
    const ImageArray images = read_idx_images(name);
    EXPECT_EQ(images.count, 7);
    EXPECT_EQ(images.shape, (Shape{3, 4, 5}));
    EXPECT_EQ(images.pixels, pixels);
  }
  for (std::size_t size = 1; size < file.size(); ++size)
    expect_refused(Bytes(file.begin(), file.begin() + static_cast<Index>(size)), "truncated");
  expect_refused(idx(0x804, {7, 3, 4, 0}, {}), "number of channels at byte 16 is 0");
  for (const std::uint32_t channels : {1U << 31, 0xFFFFFFFF, 1U << 16}) {
    expect_refused(idx(0x804, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, channels}, pixels), "header");
    expect_refused(idx(0x804, {1, 1U << 16, 1U << 16, channels}, pixels), "header");
  }
}

TEST_F(Idx, TheFirstOfEightColumnsIsTheClass) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < 5000; ++i)
    for (std::int64_t column = 0; column < 8; ++column)
      rows.push_back(column == 0 ? i % 10 : -1 - i * column);
  Bytes file = idx(0xC02, {5000, 8}, {});
  const Bytes body = idx_labels_of(32, rows);
  file.insert(file.end(), body.begin() + 8, body.end());
  for (const path& name : {put("plain", file), put("packed", gzip(file))}) {
    const LabelArray read = read_idx_labels(name, kQmnistColumns);
    ASSERT_EQ(read.labels.size(), 5000U);
    for (std::size_t i = 0; i < 5000; ++i) ASSERT_EQ(read.labels[i], i % 10);
    EXPECT_EQ(read.header + 3 * read.bytes, 12U + 3 * 32);
  }
  const auto refused = [&](const Bytes& bytes, const std::string& word) {
    const path name = put("wrong", bytes);
    const auto [fault, message] = error_of([&] { read_idx_labels(name, kQmnistColumns); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  refused(Bytes(file.begin(), file.end() - 1), "truncated");
  refused(idx(0xC02, {8, 5}, Bytes(160)), "5 columns, and QMNIST has 8");
  refused(idx_labels({1, 2}), "holds labels instead of extended labels");
  refused(idx(0xC02, {0xFFFFFFFF, 8}, Bytes(32)), "truncated");
  file[12 + 32] = 1;  // the class of sample 1 is beyond all labels
  refused(file, "label 16777217 of sample 1, at byte 44");
}

TEST_F(Idx, HoldingNothingIsRefused) {
  expect_refused(idx(kImages, {0, 28, 28}, {}), "number of images at byte 4 is 0");
  expect_refused(idx(kImages, {5, 0, 28}, {}), "number of rows at byte 8 is 0");
  expect_refused(idx(kImages, {5, 28, 0}, {}), "number of columns at byte 12 is 0");
  expect_refused(idx(kLabels, {0}, {}), "number of labels at byte 4 is 0", true);
  expect_refused({}, "is empty");
  expect_refused(gzip({}), "truncated");
}

// One bit flipped anywhere in a gzip file is noticed, wherever it lies and whatever it hits; a few
// bits of the header carry nothing (time, system, file name), and there the content stays the same.
TEST_F(Idx, DamagedGzipNeverGivesOtherPixels) {
  const Bytes packed = gzip(idx_images(5, 4, 4));
  const Bytes pixels = read_idx_images(put("whole", packed)).pixels;
  int refused = 0;
  for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
    Bytes damaged = packed;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    try {
      EXPECT_EQ(read_idx_images(put("damaged", damaged)).pixels, pixels) << bit;
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data);
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(packed.size() * 8) - 80);  // the header has ten bytes
}

TEST_F(Idx, WhatIsNoFileIsRefused) {
  const auto refused = [](const path& file, const std::string& word,
                          Fault wanted = Fault::bad_data) {
    const auto [fault, message] = error_of([&] { read_idx_images(file); });
    EXPECT_EQ(fault, wanted);
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  refused(folder_.path(), "folder");
  refused(folder_ / "absent", "does not exist: check the path", Fault::not_found);
  const path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  refused(pipe, "regular file");
  refused("/dev/zero", "regular file");

  const path locked = put("locked", idx_images(1, 2, 3));
  ASSERT_EQ(::chmod(locked.c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const uid_t self = ::geteuid();
  constexpr uid_t kNoRank = 65534;
  if (self == 0) {
    ASSERT_EQ(::seteuid(kNoRank), 0);
  }
  refused(locked, "Permission denied", Fault::io);
  ASSERT_EQ(::seteuid(self), 0);
}

class IdxPairs : public Idx {
 protected:
  IdxFiles part(const std::string& name, const Bytes& labels, std::uint32_t images,
                std::uint32_t rows = 4) {
    return {put(name + "-images", idx_images(images, rows, 4)),
            put(name + "-labels", idx_labels(labels))};
  }
};

TEST_F(IdxPairs, ClassesAreCountedOverBothParts) {
  const auto classes = [&](const Bytes& train, const Bytes& test) {
    const Parts parts = read_idx(part("a", train, static_cast<std::uint32_t>(train.size())),
                                 part("b", test, static_cast<std::uint32_t>(test.size())), 0, {});
    EXPECT_EQ(parts.train.classes(), parts.test.classes());
    return parts.train.classes();
  };
  EXPECT_EQ(classes({0}, {0, 0}), 2);
  EXPECT_EQ(classes({0, 1, 2}, {1}), 3);
  EXPECT_EQ(classes({0, 1, 2}, {6}), 7);
  EXPECT_EQ(classes({255}, {0}), 256);
}

TEST_F(IdxPairs, ALabelOutOfRangeIsNamedWithItsPlace) {
  for (const bool in_train : {true, false}) {
    Bytes good(20, 9), bad(20, 9);
    bad[13] = 10;
    const IdxFiles train = part("a", in_train ? bad : good, 20);
    const IdxFiles test = part("b", in_train ? good : bad, 20);
    const auto [fault, message] = error_of([&] { read_idx(train, test, 10, {}); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find((in_train ? train : test).labels.string()), std::string::npos)
        << message;
    EXPECT_NE(message.find("label 10 of sample 13, at byte 21"), std::string::npos) << message;
  }
}

TEST_F(IdxPairs, MoreThan256ClassesAreReadFromWiderLabels) {
  const IdxFiles train{put("images", idx_images(3, 4, 4)),
                       put("labels", idx_labels_of(16, {0, 299, 256}))};
  const IdxFiles test = part("b", {7}, 1);
  const Parts parts = read_idx(train, test, 0, {});
  EXPECT_EQ(parts.train.classes(), 300);
  EXPECT_EQ(parts.test.classes(), 300);
  EXPECT_EQ(parts.train.label(1), 299);
  const auto [fault, message] = error_of([&] { read_idx(train, test, 280, {}); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("label 299 of sample 1, at byte 10"), std::string::npos) << message;
}

TEST_F(IdxPairs, OptionsTransposeImagesAndCountLabelsFromTheFirst) {
  const Bytes pixels = random_bytes(2 * 12, 1);  // 2 images of 3 rows and 4 columns
  const IdxFiles train{put("images", idx(0x803, {2, 3, 4}, pixels)),
                       put("labels", idx_labels({3, 7}))};
  const IdxFiles test{put("test-images", idx(0x803, {1, 3, 4}, random_bytes(12, 2))),
                      put("test-labels", idx_labels({5}))};
  DataOptions options;
  options.transpose = true;
  options.first_label = 3;
  const Parts parts = read_idx(train, test, 0, {}, options);
  EXPECT_EQ(parts.train.image_shape(), (Shape{4, 3, 1}));
  for (std::size_t image = 0; image < 2; ++image)
    for (std::size_t y = 0; y < 4; ++y)
      for (std::size_t x = 0; x < 3; ++x)
        EXPECT_EQ(parts.train.image(static_cast<Index>(image))[y * 3 + x],
                  pixels[image * 12 + x * 4 + y]);
  EXPECT_EQ(Labels(parts.train.labels().begin(), parts.train.labels().end()), (Labels{0, 4}));
  EXPECT_EQ(parts.test.label(0), 2);
  EXPECT_EQ(parts.train.classes(), 5);
  options.first_label = 6;
  const auto [fault, message] = error_of([&] { read_idx(train, test, 0, {}, options); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("label 3 of sample 0, at byte 8; the first class has the label 6"),
            std::string::npos)
      << message;
  options.first_label = 3;  // messages have the label of the file
  const std::string words = error_of([&] { read_idx(train, test, 4, {}, options); }).second;
  EXPECT_NE(words.find("label 7 of sample 1, at byte 9"), std::string::npos) << words;
}

TEST_F(IdxPairs, FilesOfDifferentSetsDoNotPair) {
  const IdxFiles good = part("a", {0, 1, 2}, 3);
  for (const std::uint32_t images : {2U, 4U}) {
    const IdxFiles bad = part("b", {0, 1, 2}, images);
    const auto [fault, message] = error_of([&] { read_idx(good, bad, 10, {}); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(std::to_string(images) + " images and 3 labels"), std::string::npos)
        << message;
  }
  const auto [fault, message] = error_of([&] { read_idx(good, part("c", {0}, 1, 5), 10, {}); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("4 x 4 x 1 and of 5 x 4 x 1"), std::string::npos) << message;
}

}  // namespace
}  // namespace convoy
