// SPDX-License-Identifier: Apache-2.0
#include "convoy/data/folder.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "convoy/base/check.hpp"
#include "convoy/data/cifar.hpp"
#include "convoy/data/data_file.hpp"
#include "convoy/data/idx.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCifarTrainFiles = 5;

bool there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The names that go around for one file, the usual one first.
std::vector<std::string> spellings(const std::string& name) {
  const auto kind = name.find("-idx");
  if (kind == std::string::npos) return {name};
  std::string dotted = name;  // train-images.idx3-ubyte: how some archives unpack
  dotted[kind] = '.';
  return {name, dotted};
}

// One name a line. A short file by nature; a long one is something else.
std::vector<std::string> read_names(const fs::path& path) {
  constexpr std::uint64_t kMost = 64 * 1024;
  DataFile file(path);
  const std::uint64_t bytes = file.size();
  if (bytes > kMost) file.refuse("is not a list of class names", fmt::format("{} bytes", bytes));
  std::string text(bytes, '\0');
  file.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, "the names");
  std::vector<std::string> names;
  for (std::size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const auto end = std::min(text.find('\n', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    if (!name.empty() && name.back() == '\r') name.pop_back();
    begin = end + 1;
    const bool blank = name.find_first_not_of(" \t") == std::string::npos;
    if (blank && text.find_first_not_of(" \t\r\n", std::min(end, text.size())) != std::string::npos)
      file.refuse("is not a list of class names", fmt::format("line {} is blank", line));
    if (!blank) names.push_back(std::move(name));
  }
  constexpr std::size_t kMostClasses = 256;
  if (names.empty() || names.size() > kMostClasses)
    file.refuse("is not a list of class names",
                fmt::format("{} names, where 1 to {} are wanted", names.size(), kMostClasses));
  return names;
}

Parts read_idx_folder(const fs::path& folder, const std::vector<fs::path>& files,
                      std::vector<std::string> names) {
  const fs::path list = folder / "class_names.txt";
  if (names.empty() && there(list)) names = read_names(list);
  auto [train, test] =
      read_idx({files[0], files[1]}, {files[2], files[3]}, static_cast<Index>(names.size()), names);
  return {std::move(train), std::move(test)};
}

Parts read_cifar_folder(const fs::path& folder, std::span<const fs::path> files,
                        std::vector<std::string> names) {
  const fs::path list = folder / "batches.meta.txt";
  if (names.empty() && there(list)) names = read_names(list);
  if (!names.empty() && static_cast<Index>(names.size()) != kCifarClasses)
    throw UserError(Fault::bad_data, fmt::format("{} does not fit CIFAR-10", list.string()),
                    fmt::format("{} names for {} classes", names.size(), kCifarClasses),
                    "put an intact copy of the file in its place, or remove it");
  Parts parts{read_cifar(files.first(kCifarTrainFiles)),
              read_cifar(files.subspan(kCifarTrainFiles))};
  parts.train.set_class_names(names);
  parts.test.set_class_names(std::move(names));
  return parts;
}

}  // namespace

std::vector<std::string> wanted_files(Format format) {
  if (format == Format::idx)
    return {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte"};
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= kCifarTrainFiles; ++i)
    names.push_back(fmt::format("data_batch_{}.bin", i));
  names.push_back("test_batch.bin");
  return names;
}

FolderFiles find_files(const fs::path& folder, Format format) {
  FolderFiles files;
  for (const std::string& name : wanted_files(format)) {
    fs::path found, packed;
    for (const std::string& spelling : spellings(name)) {
      for (const char* ending : {"", ".gz"})
        if (found.empty() && there(folder / (spelling + ending)))
          found = folder / (spelling + ending);
      if (packed.empty() && there(folder / (spelling + ".xz"))) packed = spelling + ".xz";
    }
    if (found.empty()) files.missing.push_back(name);
    if (found.empty() && !packed.empty()) files.only_xz.push_back(packed.string());
    files.found.push_back(std::move(found));
  }
  return files;
}

Parts read_folder(const fs::path& folder, Format format, const FolderFiles& files,
                  std::vector<std::string> names) {
  CONVOY_ASSERT(files.complete());
  return format == Format::idx ? read_idx_folder(folder, files.found, std::move(names))
                               : read_cifar_folder(folder, files.found, std::move(names));
}

}  // namespace convoy
