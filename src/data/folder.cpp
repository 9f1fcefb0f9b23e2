// SPDX-License-Identifier: Apache-2.0
#include "data/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "data/cifar.hpp"
#include "data/class_names.hpp"
#include "data/emnist.hpp"
#include "data/idx.hpp"
#include "data/npz.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCifarTrainFiles = 5;
// In the order of kEmnistSplits.
constexpr Format kEmnistFormats[] = {Format::emnist_byclass,  Format::emnist_bymerge,
                                     Format::emnist_balanced, Format::emnist_letters,
                                     Format::emnist_digits,   Format::emnist_mnist};

// Whether `path` exists. Sets `unreadable` where the system does not tell.
bool there(const fs::path& path, std::error_code& unreadable) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error) unreadable = error;
  return found;
}

// The names that are in use for one file, the usual one first: some archives have
// train-images.idx3-ubyte, the name of labels of several bytes says so, and so does that of images
// of several channels.
std::vector<std::string> spellings(const std::string& name) {
  const auto kind = name.find("-idx");
  if (kind == std::string::npos) return {name};
  constexpr std::string_view kLabels = "-labels-idx1-";
  const auto labels = name.find(kLabels);
  std::vector<std::string> all{name};
  if (const auto images = name.find("-images-idx3-"); images != std::string::npos) {
    all.push_back(name);
    all.back()[images + std::string_view("-images-idx").size()] = '4';
  }
  if (labels != std::string::npos) {
    for (const char* type : {"short", "int"})
      all.push_back(name.substr(0, labels) + std::string(kLabels) + type);
  }
  for (std::size_t i = 0, dashed = all.size(); i < dashed; ++i) {
    all.push_back(all[i]);
    all.back()[kind] = '.';
  }
  return all;
}

// The file of this name, or else that of this name and .gz; empty where neither is there.
fs::path plain_or_gzip(const fs::path& folder, const std::string& name,
                       std::error_code& unreadable) {
  for (const char* ending : {"", ".gz"})
    if (there(folder / (name + ending), unreadable)) return folder / (name + ending);
  return {};
}

// The names of the classes, and the file that holds them; empty where the caller gave the names.
struct ClassNames {
  std::vector<std::string> names;
  fs::path file;

  Index count() const { return static_cast<Index>(names.size()); }
};

Parts read_idx_files(std::span<const fs::path> files, const ClassNames& classes,
                     const DataOptions& options) {
  return read_idx({files[0], files[1]}, {files[2], files[3]}, classes.count(), classes.file,
                  options);
}

Parts read_cifar_files(std::span<const fs::path> files, const ClassNames& /*classes*/,
                       const DataOptions& options) {
  refuse_array_options(options, "CIFAR-10");
  return {read_cifar(files.first(kCifarTrainFiles)), read_cifar(files.subspan(kCifarTrainFiles))};
}

Parts read_qmnist_files(std::span<const fs::path> files, const ClassNames& classes,
                        const DataOptions& options) {
  return read_idx({files[0], files[1], kQmnistColumns}, {files[2], files[3], kQmnistColumns},
                  classes.count(), {}, options);
}

Parts read_npy_arrays(std::span<const fs::path> files, const ClassNames& classes,
                      const DataOptions& options) {
  const fs::path folder = files.front().parent_path();
  std::vector<fs::path> all(files.begin(), files.end());
  for (const char* name : {"val_images.npy", "val_labels.npy"}) {
    std::error_code ignored;  // the folder has been read
    if (fs::path file = plain_or_gzip(folder, name, ignored); !file.empty())
      all.push_back(std::move(file));
  }
  if (all.size() == files.size() + 1)
    throw UserError(Fault::bad_data, fmt::format("{} is not complete", folder.string()),
                    fmt::format("it has {} alone", all.back().filename().string()),
                    "write val_images.npy and val_labels.npy, or none of them");
  return read_npy_files(all, classes.count(), classes.file, options);
}

// Messages about folders list the common formats. A folder of a user's own is compared with these
// and with the rare ones.
enum class Listing { common, rare, by_name_alone };

struct FormatRow {
  Format format;
  std::string_view name;
  std::vector<std::string> files;  // the usual names; read() gets the paths in this order
  std::string_view names_file;     // names the classes of a user's set; may be empty
  Index classes;                   // 0: any number
  std::function<Parts(std::span<const fs::path> files, const ClassNames& classes,
                      const DataOptions& options)>
      read;
  Listing listing = Listing::common;
  std::vector<std::string> class_names = {};  // of this format; empty: those of the file
};

FormatRow row_of_emnist(Format format, const EmnistSplit& split) {
  return {format,
          split.title,
          emnist_files(split),
          "",
          static_cast<Index>(split.classes.size()),
          [&split](std::span<const fs::path> files, const ClassNames& /*classes*/,
                   const DataOptions& options) { return read_emnist(split, files, options); },
          Listing::rare,
          emnist_class_names(split)};
}

FormatRow row_of_cifar100(Format format, Cifar100Labels labels) {
  const bool is_fine = labels == Cifar100Labels::fine;
  return {format,
          "CIFAR-100",
          {"train.bin", "test.bin"},
          is_fine ? "fine_label_names.txt" : "coarse_label_names.txt",
          is_fine ? kCifar100FineClasses : kCifar100CoarseClasses,
          [labels](std::span<const fs::path> files, const ClassNames& /*classes*/,
                   const DataOptions& options) -> Parts {
            refuse_array_options(options, "CIFAR-100");
            return {read_cifar100(files[0], labels), read_cifar100(files[1], labels)};
          },
          is_fine ? Listing::common : Listing::by_name_alone};
}

// An incomplete folder is compared with the first of these formats of which it holds a file.
std::vector<FormatRow> make_rows() {
  std::vector<FormatRow> all = {
      {Format::idx,
       "MNIST (IDX)",
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte"},
       "class_names.txt",
       0,
       read_idx_files},
      {Format::qmnist,
       "QMNIST",
       {"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
        "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"},
       "",
       10,
       read_qmnist_files,
       Listing::rare,
       {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
      {Format::cifar,
       "CIFAR-10",
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
        "data_batch_5.bin", "test_batch.bin"},
       "batches.meta.txt",
       kCifarClasses,
       read_cifar_files},
      row_of_cifar100(Format::cifar100, Cifar100Labels::fine),
      row_of_cifar100(Format::cifar100_coarse, Cifar100Labels::coarse),
      {Format::npy,
       "NumPy (.npy)",
       {"train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy"},
       "class_names.txt",
       0,
       read_npy_arrays},
  };
  for (std::size_t i = 0; i < std::size(kEmnistSplits); ++i)
    all.push_back(row_of_emnist(kEmnistFormats[i], kEmnistSplits[i]));
  return all;
}

const std::vector<FormatRow>& rows() {
  static const std::vector<FormatRow> all = make_rows();
  return all;
}

const FormatRow& row_of(Format format) {
  const auto row = std::ranges::find(rows(), format, &FormatRow::format);
  CONVOY_ASSERT(row != rows().end());
  return *row;
}

}  // namespace

std::vector<Format> formats() {
  std::vector<Format> all;
  for (const FormatRow& row : rows())
    if (row.listing != Listing::by_name_alone) all.push_back(row.format);
  return all;
}

std::vector<Format> common_formats() {
  std::vector<Format> all;
  for (const FormatRow& row : rows())
    if (row.listing == Listing::common) all.push_back(row.format);
  return all;
}

std::string_view name_of(Format format) {
  return row_of(format).name;
}

std::vector<std::string> wanted_files(Format format) {
  return row_of(format).files;
}

bool is_wanted(std::string_view name, Format format) {
  for (const std::string_view ending : {".gz", ".xz"})
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  const std::vector<std::string> wanted = wanted_files(format);
  return std::ranges::any_of(wanted, [&](const std::string& usual) {
    const std::vector<std::string> all = spellings(usual);
    return std::ranges::find(all, name) != all.end();
  });
}

FolderFiles find_files(const fs::path& folder, Format format) {
  FolderFiles files;
  for (const std::string& name : wanted_files(format)) {
    fs::path found, packed;
    for (const std::string& spelling : spellings(name)) {
      const fs::path of_spelling = plain_or_gzip(folder, spelling, files.unreadable);
      if (found.empty()) {
        found = of_spelling;
      } else if (!of_spelling.empty() && files.doubled.empty()) {
        files.doubled = {found.filename().string(), of_spelling.filename().string()};
      }
      if (packed.empty() && there(folder / (spelling + ".xz"), files.unreadable))
        packed = spelling + ".xz";
    }
    if (found.empty()) files.missing.push_back(name);
    if (found.empty() && !packed.empty()) files.only_xz.push_back(packed.string());
    files.found.push_back(std::move(found));
  }
  return files;
}

Parts read_folder(const fs::path& folder, Format format, const FolderFiles& files,
                  std::vector<std::string> names, const DataOptions& options) {
  CONVOY_ASSERT(files.complete());
  if (!files.doubled.empty())
    throw UserError(Fault::bad_data, fmt::format("{} holds one file twice", folder.string()),
                    fmt::format("{} and {}", files.doubled[0], files.doubled[1]),
                    "keep the one that belongs to the others");
  const FormatRow& row = row_of(format);
  ClassNames classes{std::move(names), {}};
  if (classes.names.empty() && !row.names_file.empty()) {
    classes.file = folder / row.names_file;
    classes.names = names_in(classes.file);
  }
  if (classes.names.empty()) classes.names = row.class_names;
  if (row.classes != 0 && classes.count() != 0 && classes.count() != row.classes)
    throw UserError(Fault::bad_data,
                    fmt::format("{} does not fit {}", classes.file.string(), row.name),
                    fmt::format("{} names for {} classes", classes.count(), row.classes),
                    fmt::format("write {} names, one a line, or remove the file", row.classes));
  Parts parts = row.read(files.found, classes, options);
  parts.train.set_class_names(classes.names);
  parts.test.set_class_names(std::move(classes.names));
  return parts;
}

}  // namespace convoy
