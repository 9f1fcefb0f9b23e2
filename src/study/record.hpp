// SPDX-License-Identifier: Apache-2.0
// The measurements of a study: study.json (schema convoy.study/1, docs/formats.md). Everything that
// a report says is computed from them alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/machine.hpp"
#include "study/plan.hpp"

namespace convoy::study {

// Seconds of one worker, or the mean over the workers of a run.
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

// The kernels of a stage on a GPU, in a step.
struct KernelRecord {
  std::int64_t launches = 0;
  std::int64_t blocks = 0, threads = 0;  // of the largest kernel
  std::int64_t flops = 0, bytes = 0;     // of all ranks
};

// A stage of the plan: if layers are not fused, one pass of one layer.
struct LayerRecord {
  std::string layer;  // "conv1"; "conv1+relu" if fused
  std::string pass;   // "forward"
  double seconds = 0;
  std::optional<KernelRecord> kernels = {};  // on a GPU
};

// One training process.
struct RunRecord {
  std::size_t experiment = 0, layout = 0;
  int round = 1;    // from 1
  double load = 0;  // of the machine before the run: runnable processes, averaged over a minute
  double busy_before = 0;      // cores that other programs used just before the run
  double busy_during = 0;      // cores that other programs used during the run
  double process_seconds = 0;  // from its start to its exit
  double train_seconds = 0;    // of its steps
  std::int64_t samples = 0;    // per epoch
  std::int64_t batch = 0, steps = 0;
  int ranks = 1, threads = 1;  // of each rank
  int working = 1;             // workers that had work
  bool contract = true;        // whether its digest can be compared
  std::string isa, weights_sha256;
  std::string cpu;  // of the machine that it ran on
  std::vector<EpochRecord> epochs;
  std::optional<double> launches_per_step;  // on a GPU
  double profile_seconds = 0;          // of the steps that the shares below cover; 0: no profile
  TimeShares shares;                   // mean over the workers
  std::int64_t bytes_sent = 0;         // as messages, by all ranks
  std::int64_t peak_memory_bytes = 0;  // of all ranks together
  std::vector<LayerRecord> layers;
};

struct PeakRecord {
  int threads = 1;  // for a GPU: 1
  double flops_per_second = 0;
  double bytes_per_second = 0;  // of a GPU's memory
};

struct MachineRecord {
  MachineFacts facts;
  std::optional<double> cpu_quota;     // in cores
  std::string mpi, threading;          // library and version; "" if not in this build
  std::vector<std::string> gpus = {};  // names, for a study of GPUs
  std::string cuda = {};               // version of the CUDA library
};

struct LayerFacts {
  std::string name, type;
};

struct Study {
  std::string version;  // of Convoy
  StudyPlan plan;
  std::string date;  // UTC, of the beginning
  MachineRecord machine;
  std::int64_t flops_per_sample = 0, parameters = 0;
  std::string model_sha256, data_sha256;  // of the model's normalised text; of the training set
  std::vector<LayerFacts> layers;
  std::vector<PeakRecord> peaks;                   // the best of all rounds
  std::vector<RunRecord> runs;                     // in the order in which they ran
  std::vector<std::vector<std::string>> commands;  // of each configuration, as typed
};

// Reads the document of `convoy train --profile --json`. The caller fills in what is measured
// outside of that process. Throws std::invalid_argument if the text is no such document.
RunRecord run_record(std::string_view train_document);

std::string to_json(const Study& study);
// Throws std::invalid_argument with the reason. The returned study can be analysed.
Study parse_study(std::string_view text);

// The hexadecimal digest of the text.
std::string sha256_of(std::string_view text);

// The units that work at the same time: cores, or GPUs.
struct Capacity {
  int count = 1;
  std::string_view noun = "core";
};
Capacity capacity_of(const Study& study);

// What prevents one study from continuing the other: "its plan", "its machine" ...; empty: nothing.
std::string difference(const Study& a, const Study& b);

}  // namespace convoy::study
