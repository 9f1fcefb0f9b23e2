// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/digest.hpp"

namespace convoy {
namespace {

// The most classes whose labels are digested as a byte each.
constexpr Index kMostClassesOfByte = 256;

[[noreturn]] void refuse(const std::string& why, const std::string& remedy) {
  throw UserError(Fault::bad_data, "the data set cannot be used", why, remedy);
}

std::size_t bytes_of(PixelType type) {
  return type == PixelType::u8 ? sizeof(std::uint8_t) : sizeof(float);
}

void check_shape(const Shape& image) {
  if (image.height < 1 || image.width < 1 || image.channels < 1)
    refuse(fmt::format("its images are {}", to_string(image)),
           "give a height, width and channels of at least 1");
}

void check_labels(std::span<const Label> labels, Index classes) {
  if (classes < 1 || classes > kMostClasses)
    refuse(fmt::format("it states {} classes", classes),
           fmt::format("give 1 to {} classes", kMostClasses));
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong != labels.end())
    refuse(fmt::format("label {} of sample {} is not below the number of classes, {}", *wrong,
                       wrong - labels.begin(), classes),
           "number the classes from 0");
}

void check_bytes(const Shape& image, std::span<const std::uint8_t> pixels,
                 std::span<const Label> labels) {
  check_shape(image);
  Index bytes = 0;  // multiplied step by step, since a product that overflows is invalid too
  if (__builtin_mul_overflow(image.height, image.width, &bytes) ||
      __builtin_mul_overflow(bytes, image.channels, &bytes) ||
      __builtin_mul_overflow(bytes, static_cast<Index>(labels.size()), &bytes) ||
      bytes != static_cast<Index>(pixels.size()))
    refuse(fmt::format("it has {} labels and {} bytes of pixels, for images of {}", labels.size(),
                       pixels.size(), to_string(image)),
           "give one label and height * width * channels bytes for each image");
}

void check_source(const Source& source, std::span<const std::uint32_t> samples,
                  std::size_t labels) {
  check_shape(source.image);
  const std::size_t wanted =
      samples.empty() ? static_cast<std::size_t>(source.images) : samples.size();
  if (source.images < 0 || labels != wanted)
    refuse(fmt::format("it has {} labels for {} images", labels, wanted), "give a label for each");
  const auto wrong =
      std::ranges::find_if(samples, [&](std::uint32_t image) { return image >= source.images; });
  if (wrong != samples.end())
    refuse(
        fmt::format("sample {} is image {} of {}", wrong - samples.begin(), *wrong, source.images),
        "number the images from 0");
  if (reinterpret_cast<std::uintptr_t>(source.data) % bytes_of(source.type) != 0)
    refuse("its floats are not aligned",
           fmt::format("begin them at a multiple of {} bytes", sizeof(float)));
}

Source source_of(Shape image, std::span<const std::uint8_t> pixels, std::size_t images) {
  return {PixelType::u8, image, static_cast<Index>(images), pixels.data(), nullptr};
}

}  // namespace

Dataset::Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
                 Index classes)
    : source_(source_of(image, pixels, labels.size())), labels_(labels), classes_(classes) {
  check_bytes(image, pixels, labels);
  check_labels(labels, classes);
}

Dataset::Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
                 Index classes, std::shared_ptr<const void> owner)
    : Dataset(image, pixels, labels, classes) {
  source_.owner = owner;
  owner_ = std::move(owner);
}

Dataset::Dataset(Shape image, std::vector<std::uint8_t> pixels, std::vector<Label> labels,
                 Index classes) {
  struct Owned {
    std::vector<std::uint8_t> pixels;
    std::vector<Label> labels;
  };
  const auto owned = std::make_shared<const Owned>(Owned{std::move(pixels), std::move(labels)});
  *this = Dataset(image, owned->pixels, owned->labels, classes, owned);
}

Dataset::Dataset(Source source, std::vector<std::uint32_t> samples, std::vector<Label> labels,
                 Index classes)
    : source_(std::move(source)), classes_(classes) {
  struct Owned {
    std::vector<std::uint32_t> samples;
    std::vector<Label> labels;
  };
  const auto owned = std::make_shared<const Owned>(Owned{std::move(samples), std::move(labels)});
  samples_ = owned->samples;
  labels_ = owned->labels;
  owner_ = owned;
  check_source(source_, samples_, labels_.size());
  check_labels(labels_, classes_);
}

Dataset::Dataset(Source source, std::span<const Label> labels, Index classes,
                 std::shared_ptr<const void> owner)
    : source_(std::move(source)), labels_(labels), classes_(classes), owner_(std::move(owner)) {
  check_source(source_, {}, labels_.size());
  check_labels(labels_, classes_);
}

std::span<const std::uint8_t> Dataset::image(Index sample) const {
  CONVOY_ASSERT(sample >= 0 && sample < size() && source_.type == PixelType::u8);
  const auto each = static_cast<std::size_t>(source_.image.size());
  return {static_cast<const std::uint8_t*>(source_.data) + position(sample) * each, each};
}

std::span<const float> Dataset::image_f32(Index sample) const {
  CONVOY_ASSERT(sample >= 0 && sample < size() && source_.type == PixelType::f32);
  const auto each = static_cast<std::size_t>(source_.image.size());
  return {static_cast<const float*>(source_.data) + position(sample) * each, each};
}

std::span<const std::uint8_t> Dataset::pixels() const {
  CONVOY_ASSERT(source_.type == PixelType::u8 && samples_.empty());
  const auto bytes = labels_.size() * static_cast<std::size_t>(source_.image.size());
  return {static_cast<const std::uint8_t*>(source_.data), bytes};
}

void Dataset::set_class_names(std::vector<std::string> names) {
  if (!names.empty() && static_cast<Index>(names.size()) != classes_) {
    throw UserError(Fault::bad_data, "the data set cannot have these class names",
                    fmt::format("{} names for {} classes", names.size(), classes_),
                    "give a name for each class, or none");
  }
  class_names_ = std::move(names);
}

Dataset Dataset::first(Index limit) const {
  CONVOY_ASSERT(limit >= 0);
  const auto samples = static_cast<std::size_t>(std::min(limit, size()));
  Dataset part = *this;
  part.labels_ = labels_.first(samples);
  if (!samples_.empty()) part.samples_ = samples_.first(samples);
  return part;
}

// The digest covers these bytes, in this order:
//   16  the text "convoy.dataset/1", or "convoy.dataset/2" where pixels are floats
//   40  five unsigned 64-bit integers, little-endian: samples, height, width, channels, classes
//    .  the pixels, [sample][row][column][channel], a byte or a little-endian float each
//    .  the labels: a byte each with up to 256 classes, otherwise two, little-endian
// The number of classes comes before the labels, so no two data sets have the same bytes. Class
// names are not included, since they change no weight.
std::string Dataset::sha256() const {
  const bool is_bytes = source_.type == PixelType::u8;
  const std::string_view schema = is_bytes ? "convoy.dataset/1" : "convoy.dataset/2";
  Sha256 digest;
  digest.update(std::span<const char>(schema));
  for (const Index number :
       {size(), source_.image.height, source_.image.width, source_.image.channels, classes_}) {
    digest.update_number(number);
  }
  if (is_bytes && samples_.empty()) {
    digest.update(pixels());
  } else {
    for (Index sample = 0; sample < size(); ++sample)
      is_bytes ? digest.update(image(sample)) : digest.update(image_f32(sample));
  }
  if (classes_ <= kMostClassesOfByte) {
    std::vector<std::uint8_t> bytes(labels_.size());
    std::ranges::transform(labels_, bytes.begin(), [](Label l) { return std::uint8_t(l); });
    digest.update(std::span<const std::uint8_t>(bytes));
  } else {
    digest.update(labels_);
  }
  return digest.hex();
}

}  // namespace convoy
