// SPDX-License-Identifier: Apache-2.0
#include "data/npz.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/data_file.hpp"
#include "data/npy.hpp"
#include "data/zip.hpp"

namespace convoy {
namespace {

// The names of the arrays: the images of training, their labels, those of the test.
using Names = std::array<const char*, 4>;
constexpr Names kOfMedMnist = {"train_images", "train_labels", "test_images", "test_labels"};
constexpr Names kOfKeras = {"x_train", "y_train", "x_test", "y_test"};
constexpr const char *kValidationImages = "val_images", *kValidationLabels = "val_labels";

std::string member(const char* array) {
  return fmt::format("{}.npy", array);
}

// The arrays of `names` that the archive lacks.
std::vector<std::string> missing(const ZipArchive& archive, const Names& names) {
  std::vector<std::string> all;
  for (const char* array : names) {
    if (!archive.has(member(array))) all.emplace_back(array);
  }
  return all;
}

// The first members as a text, for a message about an archive of something else.
std::string contents(const ZipArchive& archive) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> names;
  for (const ZipEntry& entry : archive.entries()) {
    if (names.size() == kMost) break;
    names.push_back(entry.name);
  }
  if (names.empty()) return "nothing";
  const std::size_t more = archive.entries().size() - names.size();
  return fmt::format("{}{}", fmt::join(names, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : std::string());
}

[[noreturn]] void report_missing(const ZipArchive& archive) {
  const bool is_nested = std::ranges::any_of(archive.entries(), [](const ZipEntry& entry) {
    return entry.name.ends_with(".npz") || entry.name.ends_with(".zip");
  });
  const std::vector<std::string> all = missing(archive, kOfMedMnist);
  if (all.size() < kOfMedMnist.size())
    archive.refuse("is not complete", fmt::format("it lacks {}", fmt::join(all, ", ")),
                   "write all four arrays with np.savez_compressed");
  archive.refuse("holds no data set", fmt::format("it holds {}", contents(archive)),
                 is_nested ? "unpack the archive in it, and give that one"
                           : fmt::format("write the arrays {} with np.savez_compressed",
                                         fmt::join(kOfMedMnist, ", ")));
}

PartArrays arrays_of(Content& images, Content& labels) {
  LabelArray read = read_npy_labels(labels);
  return {read_npy_images(images), std::move(read), images.name(), labels.name()};
}

PartArrays arrays_of(const ZipArchive& archive, const char* images, const char* labels) {
  return arrays_of(*archive.open(member(images)), *archive.open(member(labels)));
}

// MedMNIST's validation images, if the archive has them.
std::optional<PartArrays> validation_of(const ZipArchive& archive) {
  const bool has_images = archive.has(member(kValidationImages));
  const bool has_labels = archive.has(member(kValidationLabels));
  if (!has_images && !has_labels) return std::nullopt;
  if (!has_images || !has_labels)
    archive.refuse(
        "is not complete",
        fmt::format("it has {} without {}", has_images ? kValidationImages : kValidationLabels,
                    has_images ? kValidationLabels : kValidationImages),
        "write both arrays, or none of them");
  return arrays_of(archive, kValidationImages, kValidationLabels);
}

}  // namespace

Parts read_npz(const std::filesystem::path& file, const DataOptions& options) {
  const ZipArchive archive(file);
  const bool is_of_keras = missing(archive, kOfKeras).empty();
  const bool is_of_medmnist = missing(archive, kOfMedMnist).empty();
  if (is_of_keras && is_of_medmnist)
    archive.refuse("holds two data sets",
                   fmt::format("{} and {} are both there", kOfMedMnist[0], kOfKeras[0]),
                   "write an archive of its own for each");
  if (!is_of_keras && !is_of_medmnist) report_missing(archive);
  const Names& names = is_of_keras ? kOfKeras : kOfMedMnist;
  SetArrays arrays{arrays_of(archive, names[0], names[1]), arrays_of(archive, names[2], names[3])};
  if (is_of_medmnist) arrays.validation = validation_of(archive);
  return make_parts(std::move(arrays), 0, {}, options);
}

Parts read_npy_files(std::span<const std::filesystem::path> files, Index classes,
                     const std::filesystem::path& names_file, const DataOptions& options) {
  const auto part = [&](std::size_t first) {
    DataFile images(files[first]), labels(files[first + 1]);
    return arrays_of(images, labels);
  };
  SetArrays arrays{part(0), part(2)};
  if (files.size() > 4) arrays.validation = part(4);
  Parts parts = make_parts(std::move(arrays), classes, names_file, options);
  parts.train.set_label_file(files[1]);
  parts.test.set_label_file(files[3]);
  return parts;
}

}  // namespace convoy
