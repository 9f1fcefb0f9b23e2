// SPDX-License-Identifier: Apache-2.0
#include "data/not_a_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "base/suggest.hpp"
#include "data/known_sets.hpp"
#include "data/pictures/listing.hpp"
#include "data/pictures/listing/folder_entries.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchives[] = {".zip",     ".tar",     ".tar.gz", ".tgz", ".tar.xz",
                                          ".tar.bz2", ".tar.zst", ".7z",     ".rar"};
// The arrays of Keras' .npz files, as a folder of .npy files has to call them.
struct OtherArray {
  std::string_view name, usual;
};
constexpr OtherArray kOtherArrays[] = {{"x_train.npy", "train_images.npy"},
                                       {"y_train.npy", "train_labels.npy"},
                                       {"x_test.npy", "test_images.npy"},
                                       {"y_test.npy", "test_labels.npy"}};
constexpr const char* kClassFolders =
    "put the pictures of each class into a folder of its own, and give the folder that holds these";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

fs::path parent_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

[[noreturn]] void refuse(const std::string& problem, const std::string& why,
                         const std::string& remedy) {
  throw UserError(Fault::not_found, problem, why, remedy);
}

std::string command_to_unpack(const fs::path& file) {
  const std::string name = lower(file.filename().string());
  const std::string path = shell_path(file);
  if (name.ends_with(".zip")) return fmt::format("`unzip {}`", path);
  if (name.ends_with(".7z") || name.ends_with(".rar")) return fmt::format("`7z x {}`", path);
  return fmt::format("`tar -xf {}`", path);
}

// Reports a folder without files of any format, but with some that are near to one.
void refuse_near_folder(const fs::path& folder, const std::string& problem) {
  std::size_t left = 20'000, pictures = 0;
  std::vector<FolderEntry> entries;
  try {
    entries = folder_entries(folder, left);
  } catch (const Error&) {  // the general message remains
    return;
  }
  std::vector<std::string> whole, renamed;  // data sets of their own; and arrays
  for (const FolderEntry& entry : entries) {
    if (entry.kind != EntryKind::file) continue;
    pictures += is_picture_name(entry.name);
    if (is_list_name(entry.name) || entry.name.ends_with(".npz")) whole.push_back(entry.name);
    const auto* const array = std::ranges::find(kOtherArrays, entry.name, &OtherArray::name);
    if (array != std::end(kOtherArrays))
      renamed.push_back(fmt::format("{} {}", array->name, array->usual));
  }
  if (!whole.empty())
    refuse(problem, fmt::format("{} in it is one", whole.front()),
           fmt::format("give it: --data {}", shell_path(folder / whole.front())));
  if (!renamed.empty())
    refuse(problem, "its arrays have the names that they have in an .npz file of Keras",
           fmt::format("rename them: `cd {} && mv {}`", shell_path(folder),
                       fmt::join(renamed, " && mv ")));
  if (pictures > 0)
    refuse(problem,
           fmt::format("it holds {} picture{}, but no folder that says their class", pictures,
                       pictures == 1 ? "" : "s"),
           fmt::format("{}; or write a list of them with their classes, as {}", kClassFolders,
                       shell_path(folder / "list.csv")));
}

}  // namespace

std::string spelled_out(const FolderFiles& files) {
  if (files.unreadable) return fmt::format("cannot be read: {}", files.unreadable.message());
  if (!files.only_xz.empty())
    return fmt::format("holds {} only compressed with xz", fmt::join(files.only_xz, ", "));
  return fmt::format("lacks {}", fmt::join(files.missing, ", "));
}

std::string unxz_remedy(const fs::path& folder) {
  return fmt::format("unpack the files with `unxz -k {}/*.xz`", shell_path(folder));
}

bool is_archive_name(std::string_view file) {
  const std::string name = lower(file);
  return std::ranges::any_of(kArchives, [&](auto ending) { return name.ends_with(ending); });
}

void refuse_unreadable(const fs::path& folder, const std::error_code& error) {
  throw UserError(Fault::io, fmt::format("the data folder {} cannot be read", folder.string()),
                  error.message(), "see to its permissions, or give another folder");
}

void refuse_file(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string problem = fmt::format("{} is a file, not a data set", file.string());
  if (std::ranges::any_of(formats(), [&](Format format) { return is_wanted(name, format); }))
    refuse(fmt::format("{} is one file of a data set", file.string()),
           "a data set is a folder with files for training and test",
           fmt::format("give that folder: --data {}", shell_path(parent_of(file))));
  if (is_archive_name(name))
    refuse(problem, "it is an archive, which Convoy does not look into",
           fmt::format("unpack it with {}, and give the folder that it becomes",
                       command_to_unpack(file)));
  if (is_picture_name(name))
    refuse(
        problem, "it is one picture",
        fmt::format("{}; or classify it: convoy predict RUN {}", kClassFolders, shell_path(file)));
  if (name.ends_with(".npy") || name.ends_with(".npy.gz"))
    refuse(problem, "it is one array",
           fmt::format("give a folder with {}, or an .npz file with these arrays",
                       fmt::join(wanted_files(Format::npy), ", ")));
  std::vector<std::string_view> names;
  for (const Format format : common_formats()) names.push_back(name_of(format));
  refuse(problem,
         fmt::format("a data set is a folder with a folder of pictures for each class, a list of "
                     "pictures (.csv, .tsv), an .npz file, or a folder with files in the format "
                     "of {}",
                     fmt::join(names, " or ")),
         "give one of these; if it is a list with a picture's path and class in each line, let its "
         "name end with .csv (docs/data.md has all layouts)");
}

void refuse_folder(const fs::path& folder, const std::vector<FormatFiles>& all) {
  const auto begun = std::ranges::find_if(all, [](const auto& of) { return of.files.any(); });
  const FolderFiles& files = begun == all.end() ? all.front().files : begun->files;
  const std::string problem = fmt::format("{} holds no data set", folder.string());
  if (files.unreadable) refuse_unreadable(folder, files.unreadable);
  if (!files.only_xz.empty()) refuse(problem, "it " + spelled_out(files), unxz_remedy(folder));
  if (files.any())
    refuse(fmt::format("{} is not complete", folder.string()), "it " + spelled_out(files),
           "put the missing files there, plain or .gz");
  refuse_near_folder(folder, problem);
  std::vector<std::string> usual;
  for (const Format format : common_formats())
    usual.push_back(fmt::format("{}", fmt::join(wanted_files(format), ", ")));
  refuse(problem, "neither class folders with pictures nor one of the usual files is there",
         fmt::format("{}; or give a folder with {}; plain or .gz (docs/data.md has all layouts)",
                     kClassFolders, fmt::join(usual, ", or with ")));
}

std::string sets_in_folder(std::string_view name) {
  if (find_known_set(name)) return "";
  std::vector<std::string_view> names;
  for (const KnownSet& set : known_sets())
    if (set.folder_name() == name) names.push_back(set.name);
  return joined(names);
}

}  // namespace convoy
