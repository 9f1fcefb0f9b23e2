// SPDX-License-Identifier: Apache-2.0
#include "data/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "data/labels.hpp"

namespace convoy {
namespace {

void check_counts(const PartArrays& part) {
  if (part.images.count == static_cast<Index>(part.labels.labels.size())) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("{} and {} do not belong together", part.images_name, part.labels_name),
      fmt::format("{} images and {} labels", part.images.count, part.labels.labels.size()),
      "put files of the same set side by side");
}

void check_labels(const PartArrays& part, Index classes, const std::filesystem::path& names_file) {
  const std::vector<Label>& labels = part.labels.labels;
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong == labels.end()) return;
  const auto sample = static_cast<std::size_t>(wrong - labels.begin());
  const std::string doubt = doubts_about_labels(labels);
  const bool begins_with_one = doubt.starts_with("label 0 never");
  throw UserError(
      Fault::bad_data, fmt::format("{} holds a label that is out of range", part.labels_name),
      fmt::format("label {} of sample {}, at byte {}; {} {} class{}{}{}", *wrong, sample,
                  part.labels.header + sample * part.labels.bytes,
                  names_file.empty() ? "there are" : names_file.filename().string() + " names",
                  classes, classes == 1 ? "" : "es", begins_with_one ? "; " : "",
                  begins_with_one ? doubt : ""),
      names_file.empty()
          ? "number the classes from 0, or put an intact copy of the file in its place"
          : fmt::format("number the classes from 0 and name each in {}", names_file.string()));
}

Index classes_shown(const LabelArray& read) {
  return Index{*std::ranges::max_element(read.labels)} + 1;  // a file has at least one label
}

Dataset dataset_of(PartArrays& part, Index classes) {
  return {part.images.shape, std::move(part.images.pixels), std::move(part.labels.labels), classes};
}

}  // namespace

Parts make_parts(PartArrays train, PartArrays test, Index classes,
                 const std::filesystem::path& names_file) {
  check_counts(train);
  check_counts(test);
  if (train.images.shape != test.images.shape)
    throw UserError(
        Fault::bad_data,
        fmt::format("{} and {} do not belong together", train.images_name, test.images_name),
        fmt::format("images of {} and of {}", to_string(train.images.shape),
                    to_string(test.images.shape)),
        "put files of the same set side by side");
  if (classes == 0)
    classes = std::max({Index{2}, classes_shown(train.labels), classes_shown(test.labels)});
  check_labels(train, classes, names_file);
  check_labels(test, classes, names_file);
  return {dataset_of(train, classes), dataset_of(test, classes)};
}

}  // namespace convoy
