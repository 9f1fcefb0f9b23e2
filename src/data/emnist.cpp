// SPDX-License-Identifier: Apache-2.0
#include "data/emnist.hpp"

#include <fmt/format.h>

#include <utility>

#include "data/idx.hpp"

namespace convoy {
namespace {

// What was done to the files; empty where nothing was.
std::string note_about(const DataOptions& options) {
  std::string note;
  if (*options.transpose) note = "EMNIST's images are stored column by column and were transposed";
  if (*options.first_label > 0)
    note += fmt::format("{} labels begin with {} and were counted from 0",
                        note.empty() ? "EMNIST's" : "; its", *options.first_label);
  return note;
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

Parts read_emnist(const EmnistSplit& split, std::span<const std::filesystem::path> files,
                  DataOptions options) {
  if (!options.transpose) options.transpose = true;
  if (!options.first_label) options.first_label = split.first_label;
  Parts parts = read_idx({files[0], files[1]}, {files[2], files[3]},
                         static_cast<Index>(split.classes.size()), {}, options);
  if (std::string note = note_about(options); !note.empty()) parts.notes.push_back(std::move(note));
  return parts;
}

}  // namespace convoy
