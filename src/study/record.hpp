// SPDX-License-Identifier: Apache-2.0
// What a study has measured: study.json (schema convoy.study/1, docs/formats.md). Everything that a
// report says is computed from it and from nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/machine.hpp"
#include "study/plan.hpp"

namespace convoy::study {

// Seconds, of one worker, or averaged over those of a run.
struct TimeShares {
  double compute = 0, input = 0, waiting = 0, communication = 0, reduction = 0, update = 0;

  double sum() const;
  TimeShares& operator+=(const TimeShares& other);
  TimeShares operator/(double divisor) const;
};

struct TimePart {
  const char* name;
  double TimeShares::*seconds;
};
inline constexpr TimePart kTimeParts[] = {
    {"compute", &TimeShares::compute},     {"input", &TimeShares::input},
    {"waiting", &TimeShares::waiting},     {"communication", &TimeShares::communication},
    {"reduction", &TimeShares::reduction}, {"update", &TimeShares::update}};

struct EpochRecord {
  double train_loss = 0, test_loss = 0, test_accuracy = 0, seconds = 0;
};

// What a stage is on a GPU, in a step.
struct KernelRecord {
  std::int64_t launches = 0;
  std::int64_t blocks = 0, threads = 0;  // of the largest
  std::int64_t flops = 0, bytes = 0;     // of all ranks
};

// A stage of the plan: where layers are not fused, one pass of one layer.
struct LayerRecord {
  std::string layer;  // "conv1"; "conv1+relu" where fused
  std::string pass;   // "forward"
  double seconds = 0;
  std::optional<KernelRecord> kernels = {};  // on a GPU
};

// One process that trained.
struct RunRecord {
  std::size_t experiment = 0, layout = 0;
  int round = 1;               // from 1
  double load = 0;             // of the machine before it: runnable processes, averaged a minute
  double busy_before = 0;      // cores that others used in the moment before it
  double busy_during = 0;      // and while it ran
  double process_seconds = 0;  // from its start to its exit
  double train_seconds = 0;    // of its steps
  std::int64_t samples = 0;    // of an epoch
  std::int64_t batch = 0, steps = 0;
  int ranks = 1, threads = 1;  // of each rank
  int working = 1;             // workers that had anything to compute
  bool contract = true;        // its digest can be compared
  std::string isa, weights_sha256;
  std::string cpu;  // of the machine that it ran on
  std::vector<EpochRecord> epochs;
  std::optional<double> launches_per_step;  // on a GPU
  double profile_seconds = 0;          // of the steps that the shares below cover; 0: no profile
  TimeShares shares;                   // of a worker, on average
  std::int64_t bytes_sent = 0;         // by all ranks, as messages
  std::int64_t peak_memory_bytes = 0;  // of all ranks together
  std::vector<LayerRecord> layers;
};

struct PeakRecord {
  int threads = 1;  // 1: or of a GPU
  double flops_per_second = 0;
  double bytes_per_second = 0;  // of a GPU's memory
};

struct MachineRecord {
  MachineFacts facts;
  std::optional<double> cpu_quota;     // in cores
  std::string mpi, threading;          // library and version; "": not in this build
  std::vector<std::string> gpus = {};  // of a study of GPUs: their names
  std::string cuda = "";               // and the library
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
  std::string model_sha256, data_sha256;  // of the model's normalised text, of the training set
  std::vector<LayerFacts> layers;
  std::vector<PeakRecord> peaks;                   // the best of all rounds
  std::vector<RunRecord> runs;                     // in the order in which they ran
  std::vector<std::vector<std::string>> commands;  // of each configuration, as typed
};

// What a process said: the document of its `convoy train --profile --json`. What is seen from
// outside is left to the caller. Throws std::invalid_argument where the text is no such document.
RunRecord run_record(std::string_view train_document);

std::string to_json(const Study& study);
// Throws std::invalid_argument with the reason; what it returns can be analysed.
Study parse_study(std::string_view text);

// A hex digest of text.
std::string sha256_of(std::string_view text);

// What can work at the same time: cores, or GPUs.
struct Places {
  int count = 1;
  std::string_view noun = "core";
};
Places places_of(const Study& study);

// What keeps one study from going on as the other: "its plan", "its machine" ...; empty: nothing.
std::string difference(const Study& a, const Study& b);

}  // namespace convoy::study
