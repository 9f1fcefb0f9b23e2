// SPDX-License-Identifier: Apache-2.0
// A run on disk. If the folder exists the run can be resumed: the folder is built under a temporary
// name and renamed when complete, every file in it is replaced as a whole, and one process at a
// time may write.
//
//   config.toml      the identity of the run: the model's text, then [data] and [run]
//   status.json      the progress (schema convoy.status/1); for people and scripts, not read back
//   metrics.jsonl    one EpochMetrics per line
//   checkpoints/     step-NNNNNNNNNN.safetensors, the newest two; best.safetensors
//   lock             held (flock) by the process that runs it
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/durable_file.hpp"
#include "convoy/observer.hpp"
#include "train/checkpoint.hpp"
#include "train/find_checkpoint.hpp"
#include "train/new_folder.hpp"
#include "train/run_config.hpp"
#include "train/taken.hpp"

namespace convoy {

// Throws UserError(bad_data | not_found).
RunIdentity read_identity(const std::filesystem::path& folder);

// If config.toml is lost or damaged, the identity comes from the newest good checkpoint, which
// contains all of it; one of an older version lacks `data` (its name is empty) and `test_sha256`.
struct FoundRun : RunIdentity {
  std::string lost;  // what was wrong with config.toml; empty if nothing was
};
// Throws as read_identity(), and SystemError.
FoundRun open_run(const std::filesystem::path& folder);

// The epochs that a run has done, as far as its metrics can be read. Throws SystemError(io).
std::vector<EpochMetrics> epochs_of_run(const std::filesystem::path& folder);

struct RunReport {
  std::string_view status;  // running | done | stopped | not_finite | failed
  RunPosition position;
  std::string weights_sha256;
  std::string message;
};

// The run's only writer, which holds its lock. If the status is still "running" when it is
// destroyed, the destructor changes it to "stopped", or to "failed" if an exception is in flight.
class RunFolder {
 public:
  // Creates `folder` with its configuration and its first checkpoint. If the folder is taken,
  // throws UserError(usage), or with Taken::numbered uses the next free name, which path() returns.
  static RunFolder create(const std::filesystem::path& folder, const RunIdentity& identity,
                          const Checkpoint& first, Taken taken = Taken::refused);
  // Locks an existing folder and removes what a killed process left. Throws UserError(usage) if
  // another process holds the lock.
  static RunFolder open(const std::filesystem::path& folder);
  ~RunFolder();
  RunFolder(RunFolder&& other) noexcept = default;
  RunFolder& operator=(RunFolder&& other) noexcept;

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path checkpoint_file(Index step) const;

  // Like newest_checkpoint(), and renames damaged files to *.damaged, which are not read again.
  // Throws OtherVersion, too, where the checkpoint is of another order version.
  // Files that could not be read stay as they are.
  FoundCheckpoint take_newest_checkpoint();
  void replace_identity(const RunIdentity& identity);
  // Writes a lost config.toml again; renames a damaged one to config.toml.damaged first.
  void restore_identity(const RunIdentity& identity);

  // Keeps the lines of epochs 1 .. `epochs` in the file, and removes later and invalid lines.
  // Returns fewer epochs if the file was damaged.
  std::vector<EpochMetrics> keep_metrics(Index epochs);
  void append(const EpochMetrics& metrics);

  std::filesystem::path save(const Checkpoint& checkpoint);
  void save_best(const Checkpoint& checkpoint);
  // Writes status.json, except that a "running" after a "running" keeps a failure that another rank
  // has reported meanwhile. Throws SystemError(io).
  void report(const RunReport& report);

 private:
  RunFolder(std::filesystem::path folder, FileDescriptor lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  void leave() noexcept;
  void remove_old_checkpoints(Index newest);

  std::filesystem::path folder_;
  FileDescriptor lock_;  // open: this object is the writer
  std::string status_;   // as last reported
};

// Changes "running" in status.json to `status`, for a run whose writer cannot continue. On a full
// disk it overwrites the old bytes. It never throws, since the caller has another error to report.
void report_end(const std::filesystem::path& folder, std::string_view status,
                std::string_view message) noexcept;

// The same with "failed", which also replaces an earlier failure: for the rank that prints why its
// job ended, so that status.json holds what it prints.
void report_failure(const std::filesystem::path& folder, std::string_view message) noexcept;

// The valid lines of a folder's metrics.jsonl, of epochs 1 .. `epochs`, in ascending order.
struct MetricsLines {
  std::vector<EpochMetrics> epochs;
  std::string text;          // these lines
  bool all_of_file = false;  // the file contains nothing else
};
MetricsLines read_metrics(const std::filesystem::path& folder, Index epochs);

// A line of metrics.jsonl, without its line end. parse_metrics_line() throws std::invalid_argument.
std::string metrics_line(const EpochMetrics& metrics);
EpochMetrics parse_metrics_line(std::string_view line);

}  // namespace convoy
