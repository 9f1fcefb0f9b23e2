// SPDX-License-Identifier: Apache-2.0
#include "convoy/train/run_folder.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <stdexcept>

#include "convoy/base/check.hpp"
#include "convoy/base/safe_text.hpp"
#include "convoy/train/run_config.hpp"
#include "convoy/train/strict_json.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCheckpointsKept = 2;
constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kStepSuffix = ".safetensors";

fs::path checkpoints_of(const fs::path& folder) {
  return folder / "checkpoints";
}

std::string step_name(Index step) {
  return fmt::format("{}{:010}{}", kStepPrefix, step, kStepSuffix);
}

// The step of step-NNNNNNNNNN.safetensors; -1 of any other name.
Index step_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(kStepPrefix) || !name.ends_with(kStepSuffix)) return -1;
  Index step = -1;
  const char* begin = name.data() + kStepPrefix.size();
  std::from_chars(begin, name.data() + name.size(), step);
  return step >= 0 && name == step_name(step) ? step : -1;
}

template <class Visit>
void each_entry(const fs::path& folder, Visit visit) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    visit(entry->path());
  }
  if (error) throw SystemError(Fault::io, "readdir", folder.string(), error.value());
}

std::vector<fs::path> step_checkpoints(const fs::path& folder) {  // newest first
  std::vector<fs::path> files;
  each_entry(checkpoints_of(folder), [&](const fs::path& file) {
    if (step_of(file) >= 0) files.push_back(file);
  });
  std::sort(files.begin(), files.end(),
            [](const fs::path& a, const fs::path& b) { return step_of(a) > step_of(b); });
  return files;
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
                  exists ? "it has no folder checkpoints" : "",
                  "give the folder that `convoy train --out` made");
}

void remove_or_throw(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) throw SystemError(Fault::io, "remove", path.string(), error.value());
}

// A trailing slash would make it a name in itself.
fs::path without_slash(const fs::path& folder) {
  const fs::path path = folder.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

fs::path parent_of(const fs::path& folder) {
  return folder.has_parent_path() ? folder.parent_path() : fs::path(".");
}

std::string building_prefix(const fs::path& folder) {
  return folder.filename().string() + ".tmp-";
}

// Folders that a killed process was still building. Those of processes that live are left alone:
// by the process id on this machine, by the lock on others.
void remove_abandoned(const fs::path& folder) {
  const std::string prefix = building_prefix(folder);
  std::vector<fs::path> abandoned;
  each_entry(parent_of(folder), [&](const fs::path& path) {
    const std::string name = path.filename().string();
    if (!name.starts_with(prefix)) return;
    pid_t pid = 0;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data() + prefix.size(), end, pid).ptr != end || pid <= 0) return;
    if (::kill(pid, 0) == 0 || errno != ESRCH) return;
    std::error_code ignored;
    if (!fs::exists(path / "lock", ignored) || try_lock(path / "lock")) abandoned.push_back(path);
  });
  for (const fs::path& path : abandoned) remove_or_throw(path);
}

[[noreturn]] void fail_exists(const fs::path& folder) {
  throw UserError(
      Fault::usage, fmt::format("{} exists already", folder.string()), "",
      fmt::format("continue it with --resume {}, or give another folder", shell_path(folder)));
}

void rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  // Not every file system can refuse by itself; rename() refuses a folder that holds anything.
  if (errno == EINVAL || errno == ENOSYS) {
    if (::rename(from.c_str(), to.c_str()) == 0) return;
  }
  if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) fail_exists(to);
  throw SystemError(Fault::io, "rename", to.string(), errno);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw SystemError(Fault::io, "mkdir", folder.string(), error.value());
}

[[noreturn]] void fail_in_use(const fs::path& folder) {
  throw UserError(Fault::usage, fmt::format("the run folder {} is in use", folder.string()),
                  "another process holds its lock", "wait for that process, or stop it");
}

std::string now_in_words() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace

RunIdentity read_identity(const fs::path& folder) {
  check_is_run(folder);
  const fs::path file = folder / "config.toml";
  return parse_run_config(read_text(file, "run configuration"), file);
}

FoundCheckpoint newest_checkpoint(const fs::path& folder) {
  check_is_run(folder);
  std::vector<std::string> damaged;
  // A run that goes on may remove what was just listed: then there are newer ones, so look again.
  constexpr int kTries = 5;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    damaged.clear();
    for (const fs::path& file : step_checkpoints(folder)) {
      try {
        return {file, load_checkpoint(file), damaged};
      } catch (const Error& error) {  // damaged, or the disk can't read it: an older one may do
        if (error.fault() == Fault::not_found) break;
        if (error.fault() != Fault::bad_data && error.fault() != Fault::io) throw;
        damaged.push_back(error.what());
      }
    }
    if (!damaged.empty()) break;
  }
  throw UserError(Fault::bad_data, fmt::format("{} has no good checkpoint", folder.string()),
                  damaged.empty() ? "there is none" : damaged.front(), "begin a new run");
}

RunFolder RunFolder::create(const fs::path& given, const RunIdentity& identity,
                            const Checkpoint& first) {
  const fs::path folder = without_slash(given);
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(folder, ignored))) fail_exists(folder);
  make_folder(parent_of(folder));
  remove_abandoned(folder);

  fs::path building = parent_of(folder);
  building /= fmt::format("{}{}", building_prefix(folder), ::getpid());
  remove_or_throw(building);
  try {
    make_folder(checkpoints_of(building));
    auto lock = try_lock(building / "lock");
    if (!lock) fail_in_use(building);
    RunFolder run(building, std::move(*lock));
    run.replace_identity(identity);
    run.save(first);
    run.report({"running", first.position, weights_sha256(first.model.net, first.state), ""});
    rename_new(building, folder);
    run.folder_ = folder;
    sync_folder(parent_of(folder));
    return run;
  } catch (...) {
    fs::remove_all(building, ignored);
    throw;
  }
}

RunFolder RunFolder::open(const fs::path& given) {
  const fs::path folder = without_slash(given);
  check_is_run(folder);
  auto lock = try_lock(folder / "lock");
  if (!lock) fail_in_use(folder);
  RunFolder run(folder, std::move(*lock));
  run.remove_leftovers();
  return run;
}

void RunFolder::remove_leftovers() {
  remove_abandoned(folder_);
  for (const fs::path& folder : {folder_, checkpoints_of(folder_)}) {
    std::vector<fs::path> leftovers;
    each_entry(folder, [&](const fs::path& file) {
      if (is_temporary(file)) leftovers.push_back(file);
    });
    for (const fs::path& file : leftovers) remove_or_throw(file);
  }
}

FoundCheckpoint RunFolder::take_newest_checkpoint() {
  FoundCheckpoint found = newest_checkpoint(folder_);
  const Index step = step_of(found.file);
  for (const fs::path& file : step_checkpoints(folder_)) {
    if (step_of(file) <= step) break;
    fs::path aside = file;
    aside += ".damaged";
    if (::rename(file.c_str(), aside.c_str()) != 0) {
      throw SystemError(Fault::io, "rename", file.string(), errno);
    }
  }
  remove_old_checkpoints();
  return found;
}

void RunFolder::replace_identity(const RunIdentity& identity) {
  replace_file(folder_ / "config.toml", run_config_text(identity));
}

std::vector<EpochMetrics> RunFolder::keep_metrics(Index epochs) {
  const MetricsLines lines = read_metrics(folder_, epochs);
  if (!lines.all_of_file) replace_file(folder_ / "metrics.jsonl", lines.text);
  return lines.epochs;
}

void RunFolder::append(const EpochMetrics& metrics) {
  append_to_file(folder_ / "metrics.jsonl", metrics_line(metrics) + "\n");
}

fs::path RunFolder::checkpoint_file(Index step) const {
  return checkpoints_of(folder_) / step_name(step);
}

fs::path RunFolder::save(const Checkpoint& checkpoint) {
  fs::path file = checkpoint_file(checkpoint.position.step);
  save_checkpoint(file, checkpoint);
  remove_old_checkpoints();
  return file;
}

void RunFolder::remove_old_checkpoints() {
  const std::vector<fs::path> files = step_checkpoints(folder_);
  for (std::size_t i = kCheckpointsKept; i < files.size(); ++i) remove_or_throw(files[i]);
}

void RunFolder::save_best(const Checkpoint& checkpoint) {
  save_checkpoint(checkpoints_of(folder_) / "best.safetensors", checkpoint);
}

void RunFolder::report(const RunReport& report) {
  nlohmann::ordered_json status{{"schema", "convoy.status/1"},
                                {"status", report.status},
                                {"epoch", report.position.epoch},
                                {"epoch_step", report.position.epoch_step},
                                {"step", report.position.step},
                                {"pid", ::getpid()},
                                {"weights_sha256", report.weights_sha256},
                                {"updated", now_in_words()}};
  if (!report.message.empty()) status["message"] = report.message;
  replace_file_unsynced(folder_ / "status.json", to_text(status) + "\n");
}

void report_failure(const std::filesystem::path& folder, std::string_view message) noexcept {
  try {
    const std::filesystem::path file = folder / "status.json";
    auto status = parse_strict_json<nlohmann::ordered_json>(read_text(file, "status"));
    status["status"] = "failed";
    status["updated"] = now_in_words();
    status["message"] = message;
    replace_file_unsynced(file, to_text(status) + "\n");
  } catch (const std::exception&) {  // the message went to stderr as well
  }
}

}  // namespace convoy
