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

#include "convoy/observer.hpp"
#include "train/checkpoint.hpp"
#include "train/durable_file.hpp"
#include "train/find_checkpoint.hpp"
#include "train/new_folder.hpp"
#include "train/trainer.hpp"

namespace convoy {

// What config.toml holds.
struct RunIdentity {
  ModelFile model;
  DataSettings data;
  std::string train_sha256;
  std::string test_sha256;
  std::string initial_weights_sha256 = {};  // where the run began with another's weights
};

// Throws UserError(bad_data | not_found).
RunIdentity read_identity(const std::filesystem::path& folder);

// The same; but where config.toml is lost or damaged, the identity is that of the newest good
// checkpoint, which holds all of it.
struct FoundIdentity {
  RunIdentity identity;  // its data has no name where it is not known: see `lost`
  std::string lost;      // what was wrong with config.toml; empty where nothing was
};
FoundIdentity find_identity(const std::filesystem::path& folder);

struct RunReport {
  std::string_view status;  // running | done | stopped | not_finite | failed
  RunPosition position;
  std::string weights_sha256;
  std::string message;
};

// The run's only writer: holds its lock. What leaves a run that still says "running" says so: its
// destructor makes it "stopped", or "failed" where an exception is on its way.
class RunFolder {
 public:
  // Makes `folder` with its configuration and its first checkpoint. Throws UserError(usage) where
  // it is taken, unless numbers are wanted: path() is where it is then.
  static RunFolder create(const std::filesystem::path& folder, const RunIdentity& identity,
                          const Checkpoint& first, Taken taken = Taken::refused);
  // Locks an existing one and clears away what a killed process left. Throws UserError(usage) where
  // another process holds it.
  static RunFolder open(const std::filesystem::path& folder);
  ~RunFolder();
  RunFolder(RunFolder&& other) noexcept = default;
  RunFolder& operator=(RunFolder&& other) noexcept;

  const std::filesystem::path& path() const { return folder_; }
  std::filesystem::path checkpoint_file(Index step) const;

  // Like newest_checkpoint(); what is damaged is renamed to *.damaged and never looked at again.
  // What could not be read is left as it is.
  FoundCheckpoint take_newest_checkpoint();
  void replace_identity(const RunIdentity& identity);
  // Where config.toml was lost; one that is damaged is renamed to config.toml.damaged.
  void restore_identity(const RunIdentity& identity);

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
  void leave() noexcept;
  void remove_old_checkpoints(Index newest);

  std::filesystem::path folder_;
  FileDescriptor lock_;  // open: this object is the writer
  std::string status_;   // as last reported
};

// Where status.json says "running", it becomes `status`: for a run whose writer can't go on. Where
// the disk is full, over the old bytes. (report_failure() also replaces an earlier "failed".)
void report_end(const std::filesystem::path& folder, std::string_view status,
                std::string_view message) noexcept;

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
