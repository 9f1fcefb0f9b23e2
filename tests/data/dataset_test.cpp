// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "base/digest.hpp"
#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::Labels;
using testing::random_bytes;
using testing::random_labels;

constexpr Shape kImage{3, 2, 2};
constexpr Index kClasses = 5;

Dataset sample_set(std::size_t samples) {
  return {kImage, random_bytes(samples * 12, 1), random_labels(samples, 2, kClasses), kClasses};
}

TEST(Dataset, GivesBackTheImagesThatItWasMadeOf) {
  const Bytes pixels = random_bytes(7 * 12, 3);
  const Labels labels = random_labels(7, 4, kClasses);
  const Dataset borrowed(kImage, std::span(pixels), std::span(labels), kClasses);
  const Dataset owned(kImage, Bytes(pixels), Labels(labels), kClasses);
  EXPECT_EQ(borrowed.pixels().data(), pixels.data());  // no copy
  for (const Dataset& data : {borrowed, owned}) {
    ASSERT_EQ(data.size(), 7);
    for (Index i = 0; i < 7; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_EQ(data.label(i), labels[at]);
      EXPECT_TRUE(std::ranges::equal(data.image(i), std::span(pixels).subspan(at * 12, 12)));
    }
  }
  EXPECT_EQ(borrowed.sha256(), owned.sha256());
}

TEST(Dataset, CopiesShareTheMemoryAndOutliveTheirSource) {
  Dataset copy, part;
  const std::uint8_t* memory = nullptr;
  {
    const Dataset source = sample_set(9);
    memory = source.pixels().data();
    copy = source;
    part = source.first(4);
  }
  EXPECT_EQ(copy.pixels().data(), memory);
  EXPECT_EQ(part.pixels().data(), memory);
  EXPECT_EQ(copy.sha256(), sample_set(9).sha256());
}

TEST(Dataset, FirstIsTheDataSetOfThoseSamples) {
  const Dataset whole = sample_set(9);
  for (const Index limit : {0, 1, 5, 9, 100}) {
    const Dataset part = whole.first(limit);
    const auto n = static_cast<std::size_t>(std::min<Index>(limit, 9));
    ASSERT_EQ(part.size(), static_cast<Index>(n));
    const Dataset same(kImage, whole.pixels().first(n * 12), whole.labels().first(n), kClasses);
    EXPECT_EQ(part.sha256(), same.sha256());
  }
  EXPECT_EQ(Dataset().first(3).size(), 0);
}

// A source of floats with 4 images, of which samples are a choice in another order.
struct Floats {
  std::vector<float> pixels;
  Source source;

  Floats() : pixels(4 * 12) {
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = 0.25F * static_cast<float>(i) - 3;
    source = {PixelType::f32, kImage, 4, pixels.data()};
  }
};

TEST(Dataset, SamplesAreImagesOfASource) {
  const Floats floats;
  const Bytes bytes = random_bytes(4 * 12, 1);
  const std::vector<std::uint32_t> samples{3, 0, 3};
  const Dataset of_floats(floats.source, samples, {1, 2, 3}, kClasses);
  const Dataset of_bytes({PixelType::u8, kImage, 4, bytes.data()}, samples, {1, 2, 3}, kClasses);
  EXPECT_EQ(of_floats.pixel_type(), PixelType::f32);
  ASSERT_EQ(of_floats.size(), 3);
  for (Index i = 0; i < 3; ++i) {
    const std::size_t at = samples[static_cast<std::size_t>(i)] * 12;
    EXPECT_EQ(of_bytes.image(i).data(), bytes.data() + at);
    EXPECT_EQ(of_floats.image_f32(i).data(), floats.pixels.data() + at);
    EXPECT_EQ(of_bytes.label(i), i + 1);
  }
  EXPECT_EQ(of_bytes.first(2).samples().size(), 2U);
  EXPECT_EQ(of_bytes.first(2).image(1).data(), bytes.data());
  Bytes chosen;
  for (const std::uint32_t sample : samples)
    chosen.insert(chosen.end(), bytes.begin() + sample * 12, bytes.begin() + sample * 12 + 12);
  EXPECT_EQ(of_bytes.sha256(), Dataset(kImage, chosen, Labels{1, 2, 3}, kClasses).sha256());
}

TEST(Dataset, DigestOfFloatsIsThatOfTheDocumentedBytes) {
  const Floats floats;
  Bytes bytes;
  for (const char c : std::string("convoy.dataset/2"))
    bytes.push_back(static_cast<std::uint8_t>(c));
  for (const int value : {2, 3, 2, 2, 5}) {
    bytes.push_back(static_cast<std::uint8_t>(value));
    bytes.resize(bytes.size() + 7);
  }
  for (const std::size_t image : {2U, 1U}) {
    const auto part = std::as_bytes(std::span(floats.pixels).subspan(image * 12, 12));
    for (const std::byte byte : part) bytes.push_back(static_cast<std::uint8_t>(byte));
  }
  bytes.insert(bytes.end(), {4, 0});
  EXPECT_EQ(Dataset(floats.source, {2, 1}, {4, 0}, 5).sha256(),
            sha256(std::as_bytes(std::span(bytes))));
}

TEST(Dataset, RefusesSamplesThatDoNotFitTheirSource) {
  const Floats floats;
  const auto refused = [](const Source& source, std::vector<std::uint32_t> samples, Labels labels,
                          const std::string& word) {
    const auto [fault, message] =
        error_of([&] { Dataset(source, std::move(samples), std::move(labels), kClasses); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(word), std::string::npos) << message;
  };
  refused(floats.source, {0, 4}, {0, 1}, "sample 1 is image 4 of 4");
  refused(floats.source, {0, 1}, {0}, "1 labels for 2 images");
  refused(floats.source, {}, {0, 1}, "2 labels for 4 images");
  refused(floats.source, {0}, {5}, "label 5 of sample 0");
  Source shifted = floats.source;
  shifted.data = reinterpret_cast<const char*>(floats.pixels.data()) + 2;
  refused(shifted, {0}, {0}, "not aligned");
  EXPECT_EQ(Dataset(floats.source, {}, {0, 1, 2, 3}, kClasses).size(), 4);
}

// The bytes as docs/formats.md gives them, put together by hand: a label has one byte with up to
// 256 classes, as in releases whose labels were bytes, and two with more.
TEST(Dataset, DigestIsThatOfTheDocumentedBytes) {
  const Bytes pixels = random_bytes(2 * 12, 5);
  const auto digest = [&](std::uint32_t classes, const Bytes& labels) {
    Bytes bytes;
    for (const char c : std::string("convoy.dataset/1"))
      bytes.push_back(static_cast<std::uint8_t>(c));
    for (const std::uint32_t value : {2U, 3U, 2U, 2U, classes}) {
      for (int shift = 0; shift < 64; shift += 8)
        bytes.push_back(static_cast<std::uint8_t>(shift < 32 ? value >> shift : 0));
    }
    bytes.insert(bytes.end(), pixels.begin(), pixels.end());
    bytes.insert(bytes.end(), labels.begin(), labels.end());
    return sha256(std::as_bytes(std::span(bytes)));
  };
  EXPECT_EQ(Dataset(kImage, pixels, Labels{4, 0}, 5).sha256(), digest(5, {4, 0}));
  EXPECT_EQ(Dataset(kImage, pixels, Labels{255, 1}, 256).sha256(), digest(256, {255, 1}));
  EXPECT_EQ(Dataset(kImage, pixels, Labels{255, 1}, 257).sha256(), digest(257, {255, 0, 1, 0}));
  EXPECT_EQ(Dataset(kImage, pixels, Labels{65535, 258}, kMostClasses).sha256(),
            digest(65536, {255, 255, 2, 1}));
}

TEST(Dataset, DigestSeesEverythingButTheNames) {
  const Bytes pixels = random_bytes(4 * 12, 6);
  const Labels labels = {0, 1, 2, 3};
  const std::string digest = Dataset(kImage, pixels, labels, kClasses).sha256();
  EXPECT_NE(digest, Dataset({2, 3, 2}, pixels, labels, kClasses).sha256());
  EXPECT_NE(digest, Dataset(kImage, pixels, labels, kClasses + 1).sha256());
  EXPECT_NE(digest, Dataset(kImage, pixels, Labels{0, 1, 2, 2}, kClasses).sha256());
  Bytes other = pixels;
  other.back() ^= 1;
  EXPECT_NE(digest, Dataset(kImage, other, labels, kClasses).sha256());
  Dataset named(kImage, pixels, labels, kClasses);
  named.set_class_names({"a", "b", "c", "d", "e"});
  EXPECT_EQ(digest, named.sha256());
}

TEST(Dataset, RefusesWhatDoesNotFit) {
  const Bytes pixels(24);
  const Labels labels(2);
  const auto refused = [](Shape image, Bytes p, Labels l, Index classes) {
    const auto [fault, message] =
        error_of([&] { Dataset(image, std::move(p), std::move(l), classes); });
    EXPECT_EQ(fault, Fault::bad_data) << message;
  };
  refused(kImage, Bytes(23), labels, kClasses);
  refused(kImage, Bytes(25), labels, kClasses);
  refused(kImage, pixels, Labels(3), kClasses);
  refused(kImage, pixels, Labels{0, 5}, kClasses);
  refused(kImage, pixels, labels, 0);
  refused(kImage, pixels, labels, 65537);
  refused({0, 2, 2}, {}, {}, kClasses);
  refused({-3, -2, 2}, pixels, labels, kClasses);
  refused({Index{1} << 40, Index{1} << 40, 1}, pixels, labels, kClasses);
}

TEST(Dataset, ClassNamesAreOneForEachClassOrNone) {
  Dataset data = sample_set(2);
  const auto [fault, message] = error_of([&] { data.set_class_names({"a", "b"}); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("2 names for 5 classes"), std::string::npos) << message;
  EXPECT_TRUE(data.class_names().empty());
  data.set_class_names({"a", "b", "c", "d", "e"});
  EXPECT_EQ(data.first(1).class_names().size(), 5U);
  data.set_class_names({});
  EXPECT_TRUE(data.class_names().empty());
}

}  // namespace
}  // namespace convoy
