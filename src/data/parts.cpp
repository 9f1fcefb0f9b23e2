// SPDX-License-Identifier: Apache-2.0
#include "data/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "base/check.hpp"
#include "base/memory.hpp"
#include "data/labels.hpp"

namespace convoy {
namespace {

void check_count(const PartArrays& part) {
  if (part.images.count == static_cast<Index>(part.labels.labels.size())) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("{} and {} do not belong together", part.images_name, part.labels_name),
      fmt::format("{} images and {} labels", part.images.count, part.labels.labels.size()),
      "put files of the same set side by side");
}

void check_shapes(const PartArrays& a, const PartArrays& b) {
  if (a.images.shape == b.images.shape) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("{} and {} do not belong together", a.images_name, b.images_name),
      fmt::format("images of {} and of {}", to_string(a.images.shape), to_string(b.images.shape)),
      "put files of the same set side by side");
}

std::size_t place_of(const LabelArray& read, std::size_t sample) {
  return read.header + sample * read.bytes;
}

// Counts labels from `first`, which is that of the first class in the file.
void count_from(Label first, PartArrays& part) {
  if (first == 0) return;
  std::vector<Label>& labels = part.labels.labels;
  const auto wrong = std::ranges::find_if(labels, [&](Label label) { return label < first; });
  if (wrong != labels.end()) {
    const auto sample = static_cast<std::size_t>(wrong - labels.begin());
    throw UserError(
        Fault::bad_data, fmt::format("{} holds a label that is out of range", part.labels_name),
        fmt::format("label {} of sample {}, at byte {}; the first class has the label {}", *wrong,
                    sample, place_of(part.labels, sample), first),
        "set input.first_label to the label of the first class, or put an intact copy "
        "of the file in its place");
  }
  for (Label& label : labels) label = static_cast<Label>(label - first);
}

void check_labels(const PartArrays& part, Index classes, Label first,
                  const std::filesystem::path& names_file) {
  const std::vector<Label>& labels = part.labels.labels;
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong == labels.end()) return;
  const auto sample = static_cast<std::size_t>(wrong - labels.begin());
  const std::string doubt = doubts_about_labels(labels);
  const bool begins_with_one = doubt.starts_with("label 0 never");
  throw UserError(
      Fault::bad_data, fmt::format("{} holds a label that is out of range", part.labels_name),
      fmt::format("label {} of sample {}, at byte {}; {} {} class{}{}{}", *wrong + first, sample,
                  place_of(part.labels, sample),
                  names_file.empty() ? "there are" : names_file.filename().string() + " names",
                  classes, classes == 1 ? "" : "es", begins_with_one ? "; " : "",
                  begins_with_one ? doubt : ""),
      names_file.empty()
          ? "number the classes from 0, or put an intact copy of the file in its place"
          : fmt::format("number the classes from 0 and name each in {}", names_file.string()));
}

Index classes_shown(const PartArrays& part) {
  return Index{*std::ranges::max_element(part.labels.labels)} + 1;  // a file has a label
}

template <class T>
void transpose(const Shape& shape, std::vector<T>& pixels) {
  const auto height = static_cast<std::size_t>(shape.height);
  const auto width = static_cast<std::size_t>(shape.width);
  const auto channels = static_cast<std::size_t>(shape.channels);
  std::vector<T> image(height * width * channels);
  for (std::size_t begin = 0; begin < pixels.size(); begin += image.size()) {
    T* out = image.data();
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t y = 0; y < height; ++y)
        for (std::size_t c = 0; c < channels; ++c)
          *out++ = pixels[begin + (y * width + x) * channels + c];
    std::ranges::copy(image, pixels.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// Bytes have the same values as floats.
void make_floats(ImageArray& images) {
  if (!images.floats.empty()) return;
  images.floats.assign(images.pixels.begin(), images.pixels.end());
  images.pixels = {};
}

// Puts the samples of `more` behind those of `part`.
void append(PartArrays& part, PartArrays more) {
  const bool is_float = !part.images.floats.empty() || !more.images.floats.empty();
  const Index numbers = (part.images.count + more.images.count) * part.images.shape.size();
  check_room(static_cast<std::size_t>(numbers) * (is_float ? sizeof(float) : 1),
             fmt::format("the images of {}", part.images_name));
  if (is_float) make_floats(part.images);
  if (is_float) make_floats(more.images);
  append(part.images.pixels, more.images.pixels);
  append(part.images.floats, more.images.floats);
  append(part.labels.labels, more.labels.labels);
  part.images.count += more.images.count;
}

Dataset dataset_of(PartArrays& part, Index classes) {
  ImageArray& images = part.images;
  if (images.floats.empty())
    return {images.shape, std::move(images.pixels), std::move(part.labels.labels), classes};
  const auto owner = std::make_shared<const std::vector<float>>(std::move(images.floats));
  return {Source{PixelType::f32, images.shape, images.count, owner->data(), owner},
          {},
          std::move(part.labels.labels),
          classes};
}

void refuse_two_fractions(const PartArrays& validation, double fraction) {
  if (fraction == 0) return;
  throw UserError(Fault::usage,
                  fmt::format("the validation {} cannot be held out of these data", fraction),
                  fmt::format("the set has {} validation images of its own in {}",
                              validation.images.count, validation.images_name),
                  "leave --validation out");
}

// The sentence about images that a model with this factor cannot tell from black; may be empty.
std::string note_about_scale(const PartArrays& train, double scale) {
  constexpr double kOfBytes = 1.0 / 255;
  if (!train.images.is_dim || scale > kOfBytes) return "";
  return fmt::format(
      "{}: no number is above 1, so the images were probably divided by 255, and the model does it "
      "again: set input.scale=1",
      train.images_name);
}

}  // namespace

void transpose(ImageArray& images) {
  transpose(images.shape, images.pixels);
  transpose(images.shape, images.floats);
  std::swap(images.shape.height, images.shape.width);
}

Parts make_parts(SetArrays arrays, Index classes, const std::filesystem::path& names_file,
                 const DataOptions& options) {
  const auto first = static_cast<Label>(options.first_label.value_or(0));
  std::vector<PartArrays*> all{&arrays.train, &arrays.test};
  if (arrays.validation) {
    refuse_two_fractions(*arrays.validation, options.validation);
    all.push_back(&*arrays.validation);
  }
  for (PartArrays* part : all) {
    check_count(*part);
    check_shapes(arrays.train, *part);
  }
  for (PartArrays* part : all) {
    if (options.transpose.value_or(false)) transpose(part->images);
    count_from(first, *part);
  }
  if (classes == 0) {
    classes = 2;
    for (const PartArrays* part : all) classes = std::max(classes, classes_shown(*part));
  }
  for (const PartArrays* part : all) check_labels(*part, classes, first, names_file);
  Parts parts;
  if (std::string note = note_about_scale(arrays.train, options.scale); !note.empty())
    parts.notes.push_back(std::move(note));
  const auto samples = static_cast<std::uint32_t>(arrays.train.images.count);
  if (arrays.validation) {
    append(arrays.train, *std::exchange(arrays.validation, std::nullopt));
    parts.validation.resize(static_cast<std::size_t>(arrays.train.images.count) - samples);
    std::iota(parts.validation.begin(), parts.validation.end(), samples);
  }
  parts.train = dataset_of(arrays.train, classes);
  parts.test = dataset_of(arrays.test, classes);
  return parts;
}

void refuse_array_options(const DataOptions& options, std::string_view format) {
  if (!options.transpose && !options.first_label) return;
  const std::string_view key = options.transpose ? "input.transpose" : "input.first_label";
  throw UserError(Fault::usage, fmt::format("{} is set for data of {}", key, format),
                  "it concerns IDX files and arrays alone", "leave the key out");
}

void refuse_test_fraction(const DataOptions& options, std::string_view name) {
  if (options.test_fraction == 0) return;
  throw UserError(
      Fault::usage,
      fmt::format("the test fraction {} cannot be taken of {}", options.test_fraction, name),
      "only class folders and lists of pictures are split; other data state their test images",
      "leave --test-fraction out");
}

}  // namespace convoy
