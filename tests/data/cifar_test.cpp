// SPDX-License-Identifier: Apache-2.0
#include "data/cifar.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::gzip;
using testing::random_bytes;
using testing::TempFolder;
using testing::write_file;
using testing::fs::path;

constexpr std::size_t kRecord = 3073;

Bytes records(std::size_t count, unsigned seed) {
  Bytes bytes = random_bytes(count * kRecord, seed);
  for (std::size_t r = 0; r < count; ++r) bytes[r * kRecord] %= 10;
  return bytes;
}

Dataset read(const std::vector<path>& files) {
  return read_cifar(files);
}

TEST(Cifar, PlanesBecomePixels) {
  const TempFolder folder;
  const Bytes a = records(3, 1), b = records(70, 2);
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  const Dataset data = read({write_file(folder / "a", a), write_file(folder / "b", gzip(b))});
  ASSERT_EQ(data.size(), 73);
  ASSERT_EQ(data.image_shape(), (Shape{32, 32, 3}));
  ASSERT_EQ(data.classes(), 10);
  for (std::size_t r = 0; r < 73; ++r) {
    const auto image = data.image(static_cast<Index>(r));
    ASSERT_EQ(data.label(static_cast<Index>(r)), all[r * kRecord]);
    for (std::size_t y = 0; y < 32; ++y)
      for (std::size_t x = 0; x < 32; ++x)
        for (std::size_t c = 0; c < 3; ++c)
          ASSERT_EQ(image[(y * 32 + x) * 3 + c], all[r * kRecord + 1 + c * 1024 + y * 32 + x]);
  }
}

TEST(Cifar, WhatIsNotMadeOfRecordsIsRefused) {
  const TempFolder folder;
  const path good = write_file(folder / "good", records(2, 1));
  const auto refused = [&](const Bytes& bytes, const std::string& word) {
    const path bad = write_file(folder / "bad", bytes);
    const auto [fault, message] = error_of([&] { read({good, bad}); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(bad.string()), std::string::npos) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  };
  const Bytes whole = records(2, 3);
  for (const std::size_t size : {1U, 3072U, 3074U, 6145U}) {
    Bytes part = whole;
    part.resize(size);
    refused(part, "truncated");
    refused(gzip(part), "truncated");
  }
  Bytes longer = whole;
  longer.push_back(0);
  refused(longer, "1 bytes more");
  refused({}, "empty");
  refused(gzip({}), "empty");
  Bytes label = whole;
  label[kRecord] = 10;
  refused(label, "label 10 of record 1, at byte 3073");
  refused(gzip(label), "label 10 of record 1, at byte 3073");
  Bytes packed = gzip(whole);
  packed[packed.size() / 2] ^= 1;
  refused(packed, "gzip");
  packed = gzip(whole);
  packed.resize(packed.size() - 5);
  refused(packed, "truncated");
}

// Of the two labels of a record of CIFAR-100, one is the class.
TEST(Cifar100, FineOrCoarseLabelsAreTheClasses) {
  const TempFolder folder;
  constexpr std::size_t kBytes = 3074;
  Bytes bytes = random_bytes(40 * kBytes, 4);
  for (std::size_t r = 0; r < 40; ++r) {
    bytes[r * kBytes] %= 20;
    bytes[r * kBytes + 1] %= 100;
  }
  const path file = write_file(folder / "train.bin", gzip(bytes));
  const Dataset fine = read_cifar100(file, Cifar100Labels::fine);
  const Dataset coarse = read_cifar100(file, Cifar100Labels::coarse);
  ASSERT_EQ(fine.size(), 40);
  EXPECT_EQ(fine.classes(), 100);
  EXPECT_EQ(coarse.classes(), 20);
  EXPECT_TRUE(std::ranges::equal(fine.pixels(), coarse.pixels()));
  for (std::size_t r = 0; r < 40; ++r) {
    EXPECT_EQ(coarse.label(static_cast<Index>(r)), bytes[r * kBytes]);
    EXPECT_EQ(fine.label(static_cast<Index>(r)), bytes[r * kBytes + 1]);
    EXPECT_EQ(fine.image(static_cast<Index>(r))[5 * 3 + 2], bytes[r * kBytes + 2 + 2048 + 5]);
  }
  const auto refused = [&](const Bytes& wrong, const std::string& word) {
    const path bad = write_file(folder / "bad", wrong);
    const auto [fault, message] = error_of([&] { read_cifar100(bad, Cifar100Labels::fine); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  Bytes wrong = bytes;
  wrong[kBytes] = 20;  // coarse labels are checked where fine ones are used
  refused(wrong, "label 20 of record 1, at byte 3074; there are 20 classes");
  wrong = bytes;
  wrong[kBytes + 1] = 100;
  refused(wrong, "label 100 of record 1, at byte 3075; there are 100 classes");
  refused(records(2, 1), "is not a CIFAR-100 file");
  refused(Bytes(bytes.begin(), bytes.end() - 1), "truncated");
}

}  // namespace
}  // namespace convoy
