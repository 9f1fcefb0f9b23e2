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

void check(const Shape& image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
           Index classes) {
  const auto refuse = [](const std::string& why, const std::string& remedy) {
    throw UserError(Fault::bad_data, "the data set cannot be used", why, remedy);
  };
  if (image.height < 1 || image.width < 1 || image.channels < 1)
    refuse(fmt::format("its images are {}", to_string(image)),
           "give a height, width and channels of at least 1");
  if (classes < 1 || classes > kMostClasses)
    refuse(fmt::format("it states {} classes", classes),
           fmt::format("give 1 to {} classes", kMostClasses));
  Index bytes = 0;  // multiplied step by step, since a product that overflows is invalid too
  if (__builtin_mul_overflow(image.height, image.width, &bytes) ||
      __builtin_mul_overflow(bytes, image.channels, &bytes) ||
      __builtin_mul_overflow(bytes, static_cast<Index>(labels.size()), &bytes) ||
      bytes != static_cast<Index>(pixels.size()))
    refuse(fmt::format("it has {} labels and {} bytes of pixels, for images of {}", labels.size(),
                       pixels.size(), to_string(image)),
           "give one label and height * width * channels bytes for each image");
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong != labels.end())
    refuse(fmt::format("label {} of sample {} is not below the number of classes, {}", *wrong,
                       wrong - labels.begin(), classes),
           "number the classes from 0");
}

}  // namespace

Dataset::Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
                 Index classes)
    : image_(image), classes_(classes), pixels_(pixels), labels_(labels) {
  check(image_, pixels_, labels_, classes_);
}

Dataset::Dataset(Shape image, std::span<const std::uint8_t> pixels, std::span<const Label> labels,
                 Index classes, std::shared_ptr<const void> owner)
    : Dataset(image, pixels, labels, classes) {
  owner_ = std::move(owner);
}

Dataset::Dataset(Shape image, std::vector<std::uint8_t> pixels, std::vector<Label> labels,
                 Index classes)
    : image_(image), classes_(classes) {
  struct Owned {
    std::vector<std::uint8_t> pixels;
    std::vector<Label> labels;
  };
  const auto owned = std::make_shared<const Owned>(Owned{std::move(pixels), std::move(labels)});
  pixels_ = owned->pixels;
  labels_ = owned->labels;
  owner_ = owned;
  check(image_, pixels_, labels_, classes_);
}

std::span<const std::uint8_t> Dataset::image(Index sample) const {
  CONVOY_ASSERT(sample >= 0 && sample < size());
  const auto bytes = static_cast<std::size_t>(image_.size());
  return pixels_.subspan(static_cast<std::size_t>(sample) * bytes, bytes);
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
  part.pixels_ = pixels_.first(samples * static_cast<std::size_t>(image_.size()));
  return part;
}

// The digest covers these bytes, in this order:
//   16  the text "convoy.dataset/1"
//   40  five unsigned 64-bit integers, little-endian: samples, height, width, channels, classes
//    .  the pixels, [sample][row][column][channel], a byte each
//    .  the labels: a byte each with up to 256 classes, otherwise two, little-endian
// The number of classes comes before the labels, so no two data sets have the same bytes. Class
// names are not included, since they change no weight.
std::string Dataset::sha256() const {
  Sha256 digest;
  constexpr std::string_view kSchema = "convoy.dataset/1";
  digest.update(std::span<const char>(kSchema));
  for (const Index number : {size(), image_.height, image_.width, image_.channels, classes_}) {
    digest.update_number(number);
  }
  digest.update(pixels_);
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
