// SPDX-License-Identifier: Apache-2.0
#include "train/run_folder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <exception>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "train/strict_json.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCheckpointsKept = 2;
constexpr const char* kConfig = "config.toml";
constexpr const char* kStatus = "status.json";

// Renames the path to a name that is never read again, so that it does not block new files.
void set_aside(const fs::path& path) {
  fs::path aside = path;
  aside += ".damaged";
  std::error_code ignored;
  for (int number = 2; fs::exists(fs::symlink_status(aside, ignored)); ++number) {
    aside = path;
    aside += fmt::format(".damaged-{}", number);
  }
  if (::rename(path.c_str(), aside.c_str()) != 0) {
    throw SystemError(Fault::io, "rename", path.string(), errno);
  }
}

[[noreturn]] void fail_in_use(const fs::path& folder) {
  throw UserError(Fault::usage, fmt::format("the run folder {} is in use", folder.string()),
                  "another process holds its lock", "wait for that process, or stop it");
}

std::string now_in_words() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

nlohmann::ordered_json status_json(const RunReport& report) {
  nlohmann::ordered_json status{{"schema", "convoy.status/1"},
                                {"status", report.status},
                                {"epoch", report.position.epoch},
                                {"epoch_step", report.position.epoch_step},
                                {"step", report.position.step},
                                {"pid", ::getpid()},
                                {"weights_sha256", report.weights_sha256},
                                {"updated", now_in_words()}};
  if (!report.message.empty()) status["message"] = report.message;
  return status;
}

// The content of status.json; if a power failure lost or truncated it, or it is no status, the
// status of the newest checkpoint.
nlohmann::ordered_json last_status(const fs::path& folder, const fs::path& file) {
  try {
    auto status = parse_strict_json<nlohmann::ordered_json>(read_text(file, "status"));
    if (status.is_object() && status.contains("status") && status["status"].is_string()) {
      return status;
    }
  } catch (const std::exception&) {  // no file, or no JSON
  }
  const Checkpoint last = newest_checkpoint(folder).checkpoint;
  return status_json({"running", last.position, last.weights_sha256, ""});
}

// Whether status.json says so; a damaged one does not.
bool has_failed(const fs::path& file) noexcept {
  try {
    return parse_strict_json<nlohmann::json>(read_text(file, "status")).value("status", "") ==
           "failed";
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

RunIdentity read_identity(const fs::path& folder) {
  check_is_run(folder);
  const fs::path file = folder / kConfig;
  return parse_run_config(read_text(file, "run configuration"), file);
}

FoundRun open_run(const fs::path& folder) {
  std::string lost;
  try {
    return {{read_identity(folder)}, ""};
  } catch (const OtherVersion&) {
    throw;
  } catch (const UserError& error) {
    check_is_run(folder);  // throws if the folder is no run
    const fs::path file = folder / kConfig;
    const bool missing = error.fault() == Fault::not_found;
    lost = missing ? fmt::format("{} is missing", file.string()) : error.what();
  }
  Checkpoint last = newest_checkpoint(folder).checkpoint;
  check_order_version(last.order_version, last.version, folder);
  return {{std::move(last.model), std::move(last.data), std::move(last.data_sha256),
           std::move(last.test_sha256), std::move(last.initial_weights_sha256)},
          std::move(lost)};
}

RunFolder RunFolder::create(const fs::path& given, const RunIdentity& identity,
                            const Checkpoint& first, Taken taken) {
  const fs::path folder = without_slash(given);
  if (taken == Taken::refused) check_is_free(folder);
  const fs::path checkpoints = checkpoints_of("");
  try {
    NewFolder building(
        folder, {checkpoints / step_name(first.position.step), checkpoints, kConfig, kStatus});
    building.make_subfolder(checkpoints);
    RunFolder run(building.path(), building.take_lock());
    run.replace_identity(identity);
    run.save(first);
    run.report({"running", first.position, weights_sha256(first.model.net, first.state), ""});
    run.folder_ = building.publish(taken);
    return run;
  } catch (const SystemError& error) {
    const std::string_view also = error.remedy();
    throw UserError(error.fault(),
                    fmt::format("the run folder {} cannot be created", folder.string()),
                    error.problem(),
                    fmt::format("give a folder with free space and write permission{}{}",
                                also.empty() ? "" : ", or ", also));
  }
}

RunFolder RunFolder::open(const fs::path& given) {
  const fs::path folder = without_slash(given);
  check_is_run(folder);
  auto lock = try_lock(folder / "lock");
  if (!lock) fail_in_use(folder);
  RunFolder run(folder, std::move(*lock));
  remove_abandoned(folder);
  remove_temporaries(folder);
  remove_temporaries(checkpoints_of(folder));
  return run;
}

RunFolder::~RunFolder() {
  leave();
}

RunFolder& RunFolder::operator=(RunFolder&& other) noexcept {
  if (this == &other) return *this;
  leave();
  folder_ = std::move(other.folder_);
  lock_ = std::move(other.lock_);
  status_ = std::move(other.status_);
  return *this;
}

void RunFolder::leave() noexcept {
  if (!lock_.is_open() || status_ != "running") return;
  if (std::uncaught_exceptions() > 0) {
    report_end(folder_, "failed", "an error ended the training process");
  } else {
    report_end(folder_, "stopped", "");
  }
}

FoundCheckpoint RunFolder::take_newest_checkpoint() {
  FoundCheckpoint found = newest_checkpoint(folder_);
  check_order_version(found.checkpoint.order_version, found.checkpoint.version, folder_);
  for (const fs::path& file : found.damaged_files) set_aside(file);
  std::error_code ignored;
  if (const fs::path best = best_checkpoint_of(folder_); fs::is_directory(best, ignored)) {
    set_aside(best);  // because a file cannot be renamed over a folder
  }
  remove_old_checkpoints(step_of(found.file));
  return found;
}

void RunFolder::restore_identity(const RunIdentity& identity) {
  std::error_code ignored;
  if (const fs::path file = folder_ / kConfig; fs::exists(fs::symlink_status(file, ignored))) {
    set_aside(file);
  }
  replace_identity(identity);
}

void RunFolder::replace_identity(const RunIdentity& identity) {
  replace_file(folder_ / kConfig, run_config_text(identity));
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
  remove_old_checkpoints(checkpoint.position.step);
  return file;
}

// Does not remove newer checkpoints: they could not be read, and may be good.
void RunFolder::remove_old_checkpoints(Index newest) {
  std::size_t kept = 0;
  std::error_code ignored;
  for (const auto& [file, step] : step_entries(folder_)) {
    if (step > newest || !fs::is_regular_file(file, ignored) || kept++ < kCheckpointsKept) continue;
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
      throw SystemError(Fault::io, "unlink", file.string(), errno);
    }
  }
}

void RunFolder::save_best(const Checkpoint& checkpoint) {
  save_checkpoint(best_checkpoint_of(folder_), checkpoint);
}

void RunFolder::report(const RunReport& report) {
  const FileDescriptor lock = lock_folder(folder_);
  // Another rank may have reported the failure that ends the run: it must stay.
  const bool continues = status_ == "running" && report.status == "running";
  if (continues && has_failed(folder_ / kStatus)) return;
  replace_file_unsynced(folder_ / kStatus, printable_json(to_text(status_json(report))) + "\n");
  status_ = report.status;
}

namespace {

// Writes the status if possible, and ignores errors: the caller already reports a worse one.
void end_status(const fs::path& folder, std::string_view status, std::string_view message,
                bool over_failed) noexcept {
  try {
    const fs::path file = folder / kStatus;
    // Ranks that fail at the same time call this concurrently.
    const FileDescriptor lock = lock_folder(folder);
    nlohmann::ordered_json last = last_status(folder, file);
    if (last["status"] != "running" && !(over_failed && last["status"] == "failed")) return;
    last["status"] = status;
    last["updated"] = now_in_words();
    last.erase("message");
    if (!message.empty()) last["message"] = message;
    const std::string text = printable_json(to_text(last)) + "\n";
    try {
      replace_file_unsynced(file, text);
    } catch (const SystemError&) {  // the disk is full: the old bytes have space
      overwrite_file(file, text);
    }
  } catch (const std::exception&) {
  }
}

}  // namespace

void report_end(const fs::path& folder, std::string_view status,
                std::string_view message) noexcept {
  end_status(folder, status, message, false);
}

void report_failure(const fs::path& folder, std::string_view message) noexcept {
  end_status(folder, "failed", message, true);
}

}  // namespace convoy
