// SPDX-License-Identifier: Apache-2.0
#include "data/catalog.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "base/safe_text.hpp"
#include "base/suggest.hpp"
#include "data/folder.hpp"
#include "data/known_sets.hpp"
#include "data/not_a_set.hpp"
#include "data/npz.hpp"
#include "data/pictures/listing.hpp"
#include "data/pictures/load_listing.hpp"
#include "data/synthetic.hpp"
#include "data/zip.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSynthetic = "synthetic";
constexpr Index kSyntheticTrain = 1024, kSyntheticTest = 256;

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const KnownSet& set : known_sets()) all.push_back(set.name);
  all.emplace_back(kSynthetic);
  return all;
}

std::optional<fs::path> folder_of(const char* variable) {
  const char* value = std::getenv(variable);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

// The folders of the user's own copies; the first variable that is set comes first.
std::vector<fs::path> user_folders(const KnownSet& set) {
  const std::string& name = set.folder_name();
  std::vector<fs::path> folders;
  if (const auto data = folder_of("CONVOY_DATA")) folders.push_back(*data / name);
  auto share = folder_of("XDG_DATA_HOME");
  if (share && share->is_relative()) share.reset();  // as the XDG specification demands
  if (const auto home = folder_of("HOME"); !share && home) share = *home / ".local" / "share";
  if (share) folders.push_back(*share / "convoy" / name);
  return folders;
}

std::vector<fs::path> searched_folders(const KnownSet& set) {
  std::vector<fs::path> folders = user_folders(set);
  folders.push_back(fs::path(kSystemFolder) / set.folder_name());
  return folders;
}

[[noreturn]] void report_missing(const KnownSet& set) {
  std::string searched, remedy;
  bool is_all_seen = true;
  for (const fs::path& folder : searched_folders(set)) {
    const FolderFiles files = find_files(folder, set.format);
    const bool is_seen = !files.unreadable;
    is_all_seen = is_all_seen && is_seen;
    searched +=
        fmt::format("\n  {}{}", folder.string(),
                    files.any() || !is_seen ? ", which " + spelled_out(files) : std::string());
    if (!files.only_xz.empty() && remedy.empty())
      remedy = fmt::format("\n  {}", unxz_remedy(folder));
  }
  if (!is_all_seen) remedy += "\n  see to the permissions of the folder that cannot be read";
  if (!set.package.empty()) remedy += fmt::format("\n  apt-get install {}", set.package);
  remedy += fmt::format("\n  convoy fetch {}", set.name);
  remedy += fmt::format("\n  {}put {} (plain or .gz) into a folder DIR/{} and set CONVOY_DATA=DIR",
                        remedy.empty() ? "" : "or ", fmt::join(wanted_files(set.format), ", "),
                        set.folder_name());
  throw UserError(
      is_all_seen ? Fault::not_found : Fault::io,
      fmt::format("the data set {} is not {}", set.name,
                  is_all_seen ? "on this machine" : "where this user may read it"),
      fmt::format("searched:{}\n", searched),
      fmt::format("get it by{}{}", std::ranges::count(remedy, '\n') > 1 ? " one of" : "", remedy));
}

TrainAndTest named(std::string name, const fs::path& path, Parts parts) {
  const bool states_validation = !parts.validation.empty();
  return {std::move(name),        path,
          std::move(parts.train), std::move(parts.test),
          std::move(parts.notes), std::move(parts.validation),
          states_validation};
}

TrainAndTest load_known(const KnownSet& set, const DataOptions& options) {
  refuse_test_fraction(options, set.name);
  for (const fs::path& folder : searched_folders(set)) {
    const FolderFiles files = find_files(folder, set.format);
    if (!files.complete()) continue;
    return named(set.name, folder, read_folder(folder, set.format, files, set.classes, options));
  }
  report_missing(set);
}

bool is_complete(const FormatFiles& of) {
  return of.files.complete();
}

// Whether the file is read as one that holds a whole data set.
bool holds_set(const fs::path& file) {
  if (is_archive_name(file.filename().string())) return false;
  return file.extension() == ".npz" || begins_as_zip(file);
}

std::string name_of_folder(fs::path folder) {
  if (!folder.has_filename()) folder = folder.parent_path();  // "digits/"
  std::error_code ignored;
  return fs::weakly_canonical(folder, ignored).filename().string();
}

// Without its endings, as in birds.csv.gz.
std::string name_of_list(const fs::path& file) {
  return file.extension() == ".gz" ? file.stem().stem().string() : file.stem().string();
}

TrainAndTest load_path(fs::path folder, const DataOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (error == std::errc::permission_denied) refuse_unreadable(folder, error);
  if (error)
    throw UserError(
        Fault::not_found, fmt::format("{} does not exist", folder.string()), error.message(),
        fmt::format("give a folder, a list (.csv, .tsv) or an .npz file that exists, or one of {}",
                    joined(names())));
  if (!fs::is_directory(status) && holds_set(folder)) {
    refuse_test_fraction(options, folder.string());
    return named(folder.stem().string(), folder, read_npz(folder, options));
  }
  if (std::optional<Listing> listing = listing_of(folder))
    return load_listing(std::move(*listing),
                        fs::is_directory(status) ? name_of_folder(folder) : name_of_list(folder),
                        folder, options);
  if (!fs::is_directory(status)) refuse_file(folder);
  std::vector<FormatFiles> all;
  for (const Format format : formats()) all.push_back({format, find_files(folder, format)});
  const auto first = std::ranges::find_if(all, is_complete);
  if (first == all.end()) refuse_folder(folder, all);
  const auto second = std::find_if(first + 1, all.end(), is_complete);
  if (second != all.end())
    throw UserError(Fault::bad_data, fmt::format("{} holds two data sets", folder.string()),
                    fmt::format("files in the formats of {} and {}", name_of(first->format),
                                name_of(second->format)),
                    "give each a folder of its own");
  if (holds_class_folders(folder))
    throw UserError(Fault::bad_data, fmt::format("{} holds two data sets", folder.string()),
                    fmt::format("files in the format of {}, and folders or a list of pictures",
                                name_of(first->format)),
                    "give each a folder of its own");
  refuse_test_fraction(options, folder.string());
  Parts parts = read_folder(folder, first->format, first->files, {}, options);
  if (!folder.has_filename()) folder = folder.parent_path();  // "digits/"
  return named(name_of_folder(folder), folder, std::move(parts));
}

std::string meant(std::string_view name, std::span<const std::string_view> all) {
  if (const std::string sets = sets_in_folder(name); !sets.empty())
    return fmt::format("{} is the folder of {}", name, sets);
  const std::string_view near = nearest(name, all);
  return near.empty() ? std::string() : fmt::format("did you mean {}?", near);
}

// The same text for "digits" and "digits/".
std::string absolute_name(const fs::path& folder) {
  fs::path path = fs::absolute(folder).lexically_normal();
  if (!path.has_filename() && path.has_relative_path()) path = path.parent_path();
  return path.string();
}

bool may_write(const fs::path& folder) {
  std::error_code error;
  fs::path there = fs::absolute(folder, error);
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  return fs::is_directory(there, error) && ::access(there.c_str(), W_OK | X_OK) == 0;
}

void check_options(const DataOptions& options) {
  const auto refuse = [](const std::string& problem, std::string_view remedy) {
    throw UserError(Fault::usage, problem, "", remedy);
  };
  for (const double fraction : {options.test_fraction, options.validation})
    if (!(fraction >= 0 && fraction < 1))
      refuse(fmt::format("{} of the images cannot be held out", fraction),
             "give a number from 0 to less than 1");
  if (options.first_label && (*options.first_label < 0 || *options.first_label >= kMostClasses))
    refuse(fmt::format("the first label cannot be {}", *options.first_label),
           fmt::format("give a label from 0 to {}", kMostClasses - 1));
  if (options.threads < 0)
    refuse(fmt::format("{} threads cannot read data", options.threads),
           "give a number of threads, or 0 for the default");
}

}  // namespace

TrainAndTest load_data(std::string_view name_or_folder) {
  return load_data(name_or_folder, DataOptions());
}

TrainAndTest load_data(std::string_view name_or_folder, const DataOptions& options) {
  const FloatEnvironment environment;  // the caller's rounding mode may differ
  check_options(options);
  if (name_or_folder == kSynthetic) {
    refuse_array_options(options, kSynthetic);
    refuse_test_fraction(options, kSynthetic);
    return {kSynthetic,
            {},
            synthetic(SyntheticPart::train, kSyntheticTrain),
            synthetic(SyntheticPart::test, kSyntheticTest)};
  }
  if (const KnownSet* set = find_known_set(name_or_folder)) return load_known(*set, options);
  std::error_code error;
  if (name_or_folder.find('/') != std::string_view::npos || fs::exists(name_or_folder, error))
    return load_path(name_or_folder, options);
  const auto all = names();
  throw UserError(Fault::not_found, fmt::format("unknown data set '{}'", name_or_folder),
                  meant(name_or_folder, all),
                  fmt::format("use {}, or the path of a folder, of a list (.csv, .tsv) or of an "
                              ".npz file",
                              joined(all)));
}

std::optional<Listing> listing_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error))
    return is_list_name(path.filename().string()) ? std::optional(list_file(path)) : std::nullopt;
  const auto is_there = [&](Format format) { return find_files(path, format).complete(); };
  if (std::ranges::any_of(formats(), is_there) || !holds_class_folders(path)) return std::nullopt;
  return list_class_folders(path);
}

std::string lasting_name(const std::string& name_or_folder) {
  if (name_or_folder == kSynthetic || find_known_set(name_or_folder)) return name_or_folder;
  std::error_code ignored;  // load_data() reports it
  if (!fs::exists(name_or_folder, ignored)) return name_or_folder;
  return absolute_name(name_or_folder);
}

std::string lasting_name(const TrainAndTest& data) {
  if (data.folder.empty()) return data.name;
  if (const KnownSet* set = find_known_set(data.name)) {
    if (std::ranges::count(searched_folders(*set), data.folder) > 0) return data.name;
  }
  return absolute_name(data.folder);
}

std::vector<CatalogEntry> catalog() {
  std::vector<CatalogEntry> entries;
  for (const KnownSet& set : known_sets()) {
    CatalogEntry entry{set.name,    set.description, searched_folders(set),    {},
                       set.licence, set.citation,    wanted_files(set.format), true};
    const auto complete = [&](const fs::path& f) { return find_files(f, set.format).complete(); };
    const auto it = std::ranges::find_if(entry.searched, complete);
    if (it != entry.searched.end()) entry.found = *it;
    entries.push_back(std::move(entry));
  }
  CatalogEntry& made = entries.emplace_back();
  made.name = kSynthetic;
  made.description = fmt::format("made in memory, 28 x 28 x 1, 10 classes, {} + {} images",
                                 kSyntheticTrain, kSyntheticTest);
  return entries;
}

fs::path fetch_folder(std::string_view name) {
  const KnownSet* set = find_known_set(name);
  if (!set) {
    std::vector<std::string_view> all;
    for (const KnownSet& known : known_sets()) all.push_back(known.name);
    throw UserError(Fault::usage, fmt::format("'{}' cannot be fetched", name), meant(name, all),
                    fmt::format("choose one of {}", joined(all)));
  }
  for (const fs::path& folder : user_folders(*set))
    if (may_write(folder)) return folder;
  throw UserError(Fault::not_found, fmt::format("no writable folder for {}", name),
                  "CONVOY_DATA, XDG_DATA_HOME and HOME name none",
                  "set CONVOY_DATA, or name a folder with --to");
}

}  // namespace convoy
