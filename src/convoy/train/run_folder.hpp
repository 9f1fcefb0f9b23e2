// SPDX-License-Identifier: Apache-2.0
// A run on disk. Whenever the folder exists it can be resumed: it is built under a temporary name
// and renamed when whole, every file in it is replaced whole, and one process at a time may write.
//
//   config.toml      what the run is: the model's text, then [data] and [run]
//   status.json      how far it is (schema convoy.status/1); for people and scripts, not read back
//   metrics.jsonl    one EpochMetrics a line
//   checkpoints/     step-NNNNNNNNNN.safetensors, the newest two; best.safetensors
//   lock             held (flock) by the process that runs it
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "convoy/train/checkpoint.hpp"
#include "convoy/train/durable_file.hpp"
#include "convoy/train/observer.hpp"
#include "convoy/train/trainer.hpp"

namespace convoy {

// What config.toml holds.
struct RunIdentity {
  Model model;
  DataSettings data;
  std::string train_sha256;
  std::string test_sha256;
};

// Throws UserError(bad_data | not_found).
RunIdentity read_identity(const std::filesystem::path& folder);

struct FoundCheckpoint {
  std::filesystem::path file;
  Checkpoint checkpoint;
  std::vector<std::string> damaged;  // newer ones that were passed over, each with what is wrong
};

// The newest that is good. Needs no lock: a run that goes on meanwhile does no harm.
FoundCheckpoint newest_checkpoint(const std::filesystem::path& folder);

struct RunReport {
  std::string_view status;  // running | done | stopped | not_finite | failed
  RunPosition position;
  std::string weights_sha256;
  std::string message;
};

// The run's only writer: holds its lock.
class RunFolder {
 public:
  // Makes `folder` with its configuration and its first checkpoint. Throws UserError(usage) where
  // it exists.
  static RunFolder create(const std::filesystem::path& folder, const RunIdentity& identity,
                          const Checkpoint& first);
  // Locks an existing one and clears away what a killed process left. Throws UserError(usage) where
  // another process holds it.
  static RunFolder open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path checkpoint_file(Index step) const;

  // Like newest_checkpoint(); what is damaged is renamed to *.damaged and never looked at again.
  FoundCheckpoint take_newest_checkpoint();
  void replace_identity(const RunIdentity& identity);

  // The lines of epochs 1 .. `epochs`; what follows them, and what is no such line, is dropped from
  // the file. May be fewer where the file was damaged.
  std::vector<EpochMetrics> keep_metrics(Index epochs);
  void append(const EpochMetrics& metrics);

  std::filesystem::path save(const Checkpoint& checkpoint);
  void save_best(const Checkpoint& checkpoint);
  void report(const RunReport& report);

 private:
  RunFolder(std::filesystem::path folder, FileDescriptor lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  void remove_leftovers();
  void remove_old_checkpoints();

  std::filesystem::path folder_;
  FileDescriptor lock_;
};

// The good lines of a folder's metrics.jsonl, of epochs 1 .. `epochs`, in ascending order.
struct MetricsLines {
  std::vector<EpochMetrics> epochs;
  std::string text;          // these lines
  bool all_of_file = false;  // there is nothing else in it
};
MetricsLines read_metrics(const std::filesystem::path& folder, Index epochs);

// A line of metrics.jsonl, without its end. parse throws std::invalid_argument.
std::string metrics_line(const EpochMetrics& metrics);
EpochMetrics parse_metrics_line(std::string_view line);

}  // namespace convoy
