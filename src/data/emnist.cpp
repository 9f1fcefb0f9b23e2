// SPDX-License-Identifier: Apache-2.0
#include "data/emnist.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/memory.hpp"
#include "data/idx.hpp"

namespace convoy {
namespace {

// Exchanges rows and columns of every image.
void transpose(ImageArray& images) {
  const auto height = static_cast<std::size_t>(images.shape.height);
  const auto width = static_cast<std::size_t>(images.shape.width);
  const auto channels = static_cast<std::size_t>(images.shape.channels);
  std::vector<std::uint8_t> image(height * width * channels);
  for (std::size_t begin = 0; begin < images.pixels.size(); begin += image.size()) {
    std::uint8_t* out = image.data();
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t y = 0; y < height; ++y)
        for (std::size_t c = 0; c < channels; ++c)
          *out++ = images.pixels[begin + (y * width + x) * channels + c];
    std::ranges::copy(image, images.pixels.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  std::swap(images.shape.height, images.shape.width);
}

PartArrays read_part(const EmnistSplit& split, const std::filesystem::path& images,
                     const std::filesystem::path& labels) {
  LabelArray read = read_idx_labels(labels);
  const auto wrong =
      std::ranges::find_if(read.labels, [&](Label label) { return label < split.first_label; });
  if (wrong != read.labels.end())
    throw UserError(
        Fault::bad_data, fmt::format("{} holds a label that is out of range", labels.string()),
        fmt::format("label {} of sample {}; those of EMNIST's {} begin with {}", *wrong,
                    wrong - read.labels.begin(), split.name, split.first_label),
        "put an intact copy of the file in its place, or give changed files the names of MNIST's");
  for (Label& label : read.labels) label = static_cast<Label>(label - split.first_label);
  ImageArray pictures = read_idx_images(images);
  transpose(pictures);
  return {std::move(pictures), std::move(read), images.string(), labels.string()};
}

}  // namespace

std::vector<std::string> emnist_files(const EmnistSplit& split) {
  std::vector<std::string> files;
  for (const char* part : {"train", "test"})
    for (const char* kind : {"images-idx3", "labels-idx1"})
      files.push_back(fmt::format("emnist-{}-{}-{}-ubyte", split.name, part, kind));
  return files;
}

std::vector<std::string> emnist_class_names(const EmnistSplit& split) {
  std::vector<std::string> names;
  for (const char name : split.classes) names.emplace_back(1, name);
  return names;
}

Parts read_emnist(const EmnistSplit& split, std::span<const std::filesystem::path> files) {
  PartArrays train = read_part(split, files[0], files[1]);
  Parts parts = make_parts(std::move(train), read_part(split, files[2], files[3]),
                           static_cast<Index>(split.classes.size()), {});
  parts.train.set_label_file(files[1]);
  parts.test.set_label_file(files[3]);
  parts.notes.push_back(fmt::format(
      "EMNIST's images are stored column by column and were transposed{}",
      split.first_label == 0
          ? std::string()
          : fmt::format("; its labels begin with {} and were counted from 0", split.first_label)));
  return parts;
}

}  // namespace convoy
