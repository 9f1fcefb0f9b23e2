// SPDX-License-Identifier: Apache-2.0
#include "train/find_checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "train/other_version.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kStepSuffix = ".safetensors";

// Follows links. If the file's type cannot be read, the file may be a checkpoint.
bool may_be_file(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  return type == fs::file_type::regular || type == fs::file_type::none ||
         type == fs::file_type::unknown;
}

bool is_present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

// Loads the file, and tries a second time after an error of a disk or a network.
Checkpoint load_twice(const fs::path& file) {
  try {
    return load_checkpoint(file);
  } catch (const SystemError& error) {
    if (error.fault() != Fault::io) throw;
  }
  return load_checkpoint(file);
}

// One search through the checkpoints of a run.
class Search {
 public:
  // Returns false if a checkpoint that was listed no longer exists.
  bool look(const fs::path& folder) {
    for (const StepEntry& entry : step_entries(folder)) {
      if (!may_be_file(entry.path)) {
        if (!is_present(entry.path)) return false;
        pass_over(entry.path, fmt::format("{} is not a file", entry.path.string()));
      } else if (!try_load(entry.path)) {
        return false;
      }
      if (newest_) break;
    }
    return true;
  }

  // Call it after look().
  FoundCheckpoint take(const fs::path& folder) {
    if (newest_) {
      return {std::move(file_),       *std::move(newest_),       std::move(damaged_),
              std::move(unreadable_), std::move(damaged_files_), false};
    }
    if (error_) std::rethrow_exception(error_);
    if (damaged_.empty()) {
      throw UserError(Fault::bad_data, fmt::format("{} holds no checkpoint", folder.string()), "",
                      "begin a new run");
    }
    throw UserError(Fault::bad_data, fmt::format("{} has no good checkpoint", folder.string()),
                    fmt::format("{} {} damaged", damaged_files_.front().string(),
                                damaged_files_.size() == 1 ? "is" : "and all older ones are"),
                    "put an intact copy in its place, or begin a new run");
  }

 private:
  bool try_load(const fs::path& file) {
    try {
      newest_ = load_twice(file);
      file_ = file;
    } catch (const OtherVersion&) {  // it is good, for the Convoy that wrote it
      throw;
    } catch (const Error& error) {
      if (error.fault() == Fault::not_found) return false;
      if (error.fault() == Fault::bad_data) {
        pass_over(file, error.what());
      } else if (error.fault() == Fault::io) {
        unreadable_.emplace_back(error.what());
        if (!error_) error_ = std::current_exception();
      } else {
        throw;
      }
    }
    return true;
  }

  void pass_over(const fs::path& file, std::string why) {
    damaged_.push_back(std::move(why));
    damaged_files_.push_back(file);
  }

  std::optional<Checkpoint> newest_;
  fs::path file_;
  std::vector<std::string> damaged_, unreadable_;
  std::vector<fs::path> damaged_files_;
  std::exception_ptr error_;  // of the first file that could not be read
};

}  // namespace

fs::path checkpoints_of(const fs::path& folder) {
  return folder / "checkpoints";
}

fs::path best_checkpoint_of(const fs::path& folder) {
  return checkpoints_of(folder) / "best.safetensors";
}

std::string step_name(Index step) {
  return fmt::format("{}{:010}{}", kStepPrefix, step, kStepSuffix);
}

Index step_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(kStepPrefix) || !name.ends_with(kStepSuffix)) return -1;
  Index step = -1;
  const char* begin = name.data() + kStepPrefix.size();
  std::from_chars(begin, name.data() + name.size(), step);
  return step >= 0 && name == step_name(step) ? step : -1;
}

std::vector<StepEntry> step_entries(const fs::path& folder) {
  std::vector<StepEntry> entries;
  std::error_code error;
  fs::directory_iterator entry(checkpoints_of(folder), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (const Index step = step_of(entry->path()); step >= 0) {
      entries.push_back({entry->path(), step});
    }
  }
  if (error) throw SystemError(Fault::io, "readdir", folder.string(), error.value());
  std::ranges::sort(entries, std::ranges::greater(), &StepEntry::step);
  return entries;
}

void check_is_run(const fs::path& folder) {
  std::error_code ignored, error;
  const bool exists = fs::exists(folder, ignored);
  if (fs::is_directory(checkpoints_of(folder), error)) return;
  if (error == std::errc::permission_denied)
    throw SystemError(Fault::io, "stat", checkpoints_of(folder).string(), error.value());
  throw UserError(Fault::not_found,
                  exists ? fmt::format("{} is not a run folder", folder.string())
                         : fmt::format("there is no run folder {}", folder.string()),
                  !exists ? ""
                  : fs::is_regular_file(folder / "study.json", ignored)
                      ? "it is that of a study"
                      : "it has no folder named checkpoints",
                  "give the folder that `convoy train --out` made");
}

FoundCheckpoint newest_checkpoint(const fs::path& folder) {
  check_is_run(folder);
  // A run in progress may remove a listed checkpoint. Newer ones exist then, so the search is
  // repeated.
  constexpr int kTries = 5;
  Search search;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    search = {};
    if (search.look(folder)) break;
  }
  return search.take(folder);
}

FoundCheckpoint find_checkpoint(const fs::path& path, CheckpointChoice choice) {
  std::error_code ignored;
  if (fs::status(path, ignored).type() == fs::file_type::not_found) {
    throw UserError(Fault::not_found,
                    fmt::format("there is no run folder or checkpoint {}", path.string()), "",
                    "check the path");
  }
  if (!fs::is_directory(path, ignored)) return {path, load_checkpoint(path), {}, {}, {}, false};
  if (choice == CheckpointChoice::last) return newest_checkpoint(path);
  check_is_run(path);
  const fs::path best = best_checkpoint_of(path);
  if (!is_present(best)) {
    if (choice == CheckpointChoice::best_or_last) return newest_checkpoint(path);
    throw UserError(Fault::not_found, fmt::format("{} has no best checkpoint", path.string()),
                    "the run holds out no images (--validation), or has not finished an epoch",
                    "use the last checkpoint");
  }
  std::string why;
  try {
    return {best, load_twice(best), {}, {}, {}, true};
  } catch (const Error& error) {
    if (choice == CheckpointChoice::best) throw;
    why = error.what();
  }
  FoundCheckpoint last = newest_checkpoint(path);
  last.damaged.insert(last.damaged.begin(), std::move(why));
  return last;
}

}  // namespace convoy
