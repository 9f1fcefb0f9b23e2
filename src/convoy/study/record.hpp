// SPDX-License-Identifier: Apache-2.0
// What a study has measured: study.json (schema convoy.study/1, docs/formats.md). Everything that a
// report says is computed from it and from nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/base/machine.hpp"
#include "convoy/study/plan.hpp"

namespace convoy::study {

// Seconds, of one worker, or averaged over those of a run.
struct TimeShares {
  double compute = 0, input = 0, waiting = 0, communication = 0, reduction = 0, update = 0;
};

struct EpochRecord {
  double train_loss = 0, test_loss = 0, test_accuracy = 0, seconds = 0;
};

// A stage of the plan: where layers are not fused, one pass of one layer.
struct LayerRecord {
  std::string layer;  // "conv1"; "conv1+relu" where fused
  std::string pass;   // "forward"
  double seconds = 0;
};

// One process that trained.
struct RunRecord {
  std::size_t experiment = 0, layout = 0;
  int round = 1;               // from 1
  double load = 0;             // of the machine before it: runnable processes, averaged a minute
  double busy_cores = 0;       // that others used in the moment before it
  double process_seconds = 0;  // from its start to its exit
  double train_seconds = 0;    // of its steps
  std::int64_t samples = 0;    // of an epoch
  std::int64_t batch = 0, steps = 0;
  int ranks = 1, threads = 1;  // that really worked
  bool contract = true;        // its digest can be compared
  std::string isa, weights_sha256;
  std::vector<EpochRecord> epochs;
  double profile_seconds = 0;          // of the steps that the shares below cover
  TimeShares shares;                   // of a worker, on average
  std::int64_t bytes_sent = 0;         // by all ranks, as messages
  std::int64_t peak_memory_bytes = 0;  // of all ranks together
  std::vector<LayerRecord> layers;
};

struct PeakRecord {
  int threads = 1;
  double flops_per_second = 0;
};

struct MachineRecord {
  MachineFacts facts;
  std::string mpi, threading;  // library and version; "": not in this build
};

struct LayerFacts {
  std::string name, type;
};

struct Study {
  std::string version;  // of Convoy
  StudyPlan plan;
  std::string date;  // UTC, when it began
  MachineRecord machine;
  std::int64_t flops_per_sample = 0, parameters = 0;
  std::vector<LayerFacts> layers;
  std::vector<PeakRecord> peaks;                   // the best of all rounds
  std::vector<RunRecord> runs;                     // in the order in which they ran
  std::vector<std::vector<std::string>> commands;  // of each configuration, as typed
};

// What a process said (its `convoy train --profile --json`), beside what was seen from outside.
// Throws UserError(bad_data) where the document is not that of such a process.
RunRecord run_record(std::string_view train_document);

std::string to_json(const RunRecord& run);  // one line
// Throw std::invalid_argument with the reason.
RunRecord parse_run(std::string_view text);

std::string to_json(const Study& study);
Study parse_study(std::string_view text);

// What must be the same when a study goes on: the plan and the machine, as text.
std::string fingerprint(const Study& study);

}  // namespace convoy::study
