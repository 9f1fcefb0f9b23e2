// SPDX-License-Identifier: Apache-2.0
// An engine works through this rank's part of each batch and applies the update. One trainer drives
// any of them and does not know which it runs on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "convoy/compute.hpp"
#include "data/dataset.hpp"
#include "net/net.hpp"
#include "optim/sgd.hpp"
#include "parallel/communicator.hpp"
#include "parallel/tally.hpp"
#include "parallel/tree_reduce.hpp"

namespace convoy {

class Timeline;

// How work is divided, among ranks and among the threads of a rank.
using Cut = Parallelism;

// How a GPU is given the steps of a stretch (runtime/cuda/engine.cu): a launch for each stage, a
// graph that repeats a step, or one kernel that runs many steps. The fewer launches, the sooner;
// always the same bits.
enum class Launching { automatic, stages, graph, persistent };

struct EngineOptions {
  Device device = Device::cpu;
  // 0: OMP_NUM_THREADS, else what affinity and quota allow, shared with the other ranks of the
  // machine; where no affinity binds the process, at most Slurm's SLURM_CPUS_PER_TASK.
  int threads = 0;
  Cut threads_by = Cut::data;
  Cut ranks_by = Cut::data;  // tensor: on one node, or with messages (RanksOptions::one_node)
  Reduction reduction = Reduction::tree;  // root and fast: of ranks cut by data
  bool oversubscribe = false;             // more threads than usable cores
  bool fuse = true;                       // several layers may be one stage of the plan
  std::string isa = "auto";               // auto | reference | a name of available_isas()
  Index batch = 32;                       // the largest that will be asked for; 1 to 2^31 - 1
  Index grain = 4;                        // 1 to 128
  Timeline* timeline = nullptr;           // where the time of steps goes; null: nobody asks

  // Of the device cuda alone; there threads, isa and fuse mean nothing.
  Launching launching = Launching::automatic;  // persistent where the net fits, else graph
  Index steps_per_launch = 0;                  // of a graph or a persistent kernel; 0: a stretch
};

// Consecutive steps of one epoch, which end at the next log, evaluation or checkpoint.
struct Stretch {
  const Dataset* data = nullptr;
  std::span<const std::uint32_t> order;     // all samples of the epoch, in order
  Range steps;                              // of the epoch; step s reads order[s * batch ...]
  Index first_step = 0;                     // the run's number of the epoch's first: for messages
  Index batch = 0;                          // samples in a step; the epoch's last may be shorter
  std::span<const float> learning_rates;    // one for each of `steps`
  const std::atomic<bool>* stop = nullptr;  // set by anyone: finish the step, then leave
  Tally before;                             // of the epoch's earlier steps: `total` goes on from it
};

enum class Outcome {
  finished,    // all steps done
  stopped,     // on request, after a complete step
  not_finite,  // a loss or gradient was not finite: the weights are those before that step
};

struct StretchResult {
  Outcome outcome = Outcome::finished;
  Index steps_done = 0;
  Tally total;           // Stretch::before, then each step done, added in order: no cut of an epoch
                         // into stretches shows in its loss
  double last_loss = 0;  // mean loss of the last step done (or of the one that was not finite)
  double waited = 0;     // seconds that the calling thread waited for the other threads of its rank
};

// Parameters and optimizer state: arenas as laid out by Net.
struct ModelState {
  Buffer<float> parameters;
  Buffer<float> velocity;  // empty where the optimizer has no momentum
};

struct Evaluation {
  Tally tally;                             // loss, correct, samples
  std::vector<std::uint16_t> predictions;  // [samples]
  std::vector<float> probabilities;        // [samples][classes], where asked for
};

// The kernels that a stage of the plan is on a GPU, in one step.
struct StageLaunches {
  int stage = 0;  // as stage_number() counts; -1: the input is filled
  int launches = 0;
  Index blocks = 0, threads = 0;  // of the largest; `threads` of all its blocks together
};

// Not thread-safe: one call at a time.
class Engine {
 public:
  virtual ~Engine() = default;

  // Runs the steps of the stretch; collective over the ranks. No allocation inside a step.
  // What a worker throws ends the run on all workers and is thrown again here.
  virtual StretchResult run(const Stretch& stretch) = 0;

  // Forward only, over the samples named; collective, and every rank gets all of the result.
  virtual Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                              bool with_probabilities = false) = 0;

  virtual ModelState state() const = 0;
  // Collective; every rank gives the same state.
  virtual void set_state(const ModelState& state) = 0;

  // What it was made with, and what the weights depend on.
  virtual Index grain() const = 0;
  virtual Sgd optimizer() const = 0;

  // What it runs on, for reports.
  virtual int threads() const = 0;
  virtual std::string isa() const = 0;
  virtual std::string device() const = 0;
  // How the options were bent (more threads than cores, idle workers), with the remedy; may be
  // empty.
  virtual const std::vector<std::string>& warnings() const = 0;

  // The one it was given; may be null.
  virtual Timeline* timeline() const { return nullptr; }

  // What was started on a GPU by run() so far: kernels and graphs, each one launch. 0 on a CPU.
  virtual Index launches() const { return 0; }
  virtual std::vector<StageLaunches> stage_launches() const { return {}; }
};

// The engine keeps references to `net`, `communicator` and the timeline: they must outlive it.
// Weights start at zero: call set_state.
std::unique_ptr<Engine> make_cpu_engine(const Net& net, const Sgd& optimizer,
                                        const EngineOptions& options, Communicator& communicator);

// On one GPU, for the thread that makes it: of this rank's number on its machine, modulo how many
// there are. Throws UserError(unavailable) where this build has no CUDA or the machine no GPU, or
// where the GPU has too little memory; UserError(usage) for what a GPU does not do (cuts by
// tensor).
std::unique_ptr<Engine> make_cuda_engine(const Net& net, const Sgd& optimizer,
                                         const EngineOptions& options, Communicator& communicator);

// The one of options.device.
std::unique_ptr<Engine> make_engine(const Net& net, const Sgd& optimizer,
                                    const EngineOptions& options, Communicator& communicator);

// "CUDA 13.0"; empty where this build has none.
std::string cuda_library();

}  // namespace convoy
