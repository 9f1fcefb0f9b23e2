// SPDX-License-Identifier: Apache-2.0
// An engine computes this rank's part of each batch and applies the update. The trainer drives any
// engine and does not depend on which one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "convoy/compute.hpp"
#include "data/dataset.hpp"
#include "net/net.hpp"
#include "ops/pass.hpp"
#include "optim/optimizer.hpp"
#include "parallel/communicator.hpp"
#include "parallel/step_metrics.hpp"
#include "parallel/tree_reduce.hpp"

namespace convoy {

class Timeline;

// How the steps of a step range are launched on a GPU (runtime/cuda/engine.cu): a launch for each
// stage, a graph that repeats a step, or one kernel that runs many steps. Fewer launches take less
// time; the bits are always the same.
enum class Launching { automatic, stages, graph, persistent };

std::string_view to_string(Launching launching);  // "auto", "stages", ... as options write it

// Options of an engine on the CPU.
struct CpuOptions {
  // 0: OMP_NUM_THREADS; if that is not set, the cores that affinity and quota allow, shared with
  // the other ranks of the host; where no affinity binds the process, at most SLURM_CPUS_PER_TASK.
  int threads = 0;
  Parallelism threads_by = Parallelism::data;
  bool oversubscribe = false;  // more threads than usable cores are allowed
  bool fuse = true;            // several layers may be one stage of the plan
  std::string isa = "auto";    // auto | reference | a name of available_isas()
};

// Options of an engine on a GPU.
struct GpuOptions {
  // automatic: stages with several ranks or a timeline, else persistent where the net fits, else
  // graph.
  Launching launching = Launching::automatic;
  // Steps in one launch of a graph or a persistent kernel; 0: all steps of a step range.
  Index steps_per_launch = 0;
};

struct EngineOptions {
  Device device = Device::cpu;
  Parallelism ranks_by = Parallelism::data;  // tensor: all ranks share memory, or none do
                                             // (RanksOptions::one_domain)
  Reduction reduction = Reduction::tree;     // root and fast: for data-parallel ranks only
  Index batch = 32;                          // the largest that will be asked for; 1 to 2^31 - 1
  Index grain = 4;                           // 1 to 128
  Timeline* timeline = nullptr;              // records the time of steps; null: not recorded
  CpuOptions cpu;  // for the device cpu; a GPU refuses its threads_by tensor
  GpuOptions gpu;  // for the device cuda
};

// Consecutive steps of one epoch, which end at the next log line, evaluation, checkpoint or
// comparison of weights.
struct StepRange {
  const Dataset* data = nullptr;
  std::span<const std::uint32_t> order;     // all samples of the epoch, in order
  Range steps;                              // of the epoch; step s reads order[s * batch ...]
  Index first_step = 0;                     // the number in the run of the epoch's first step
  Index batch = 0;                          // samples in a step; the epoch's last may be shorter
  std::span<const float> learning_rates;    // one for each of `steps`
  const std::atomic<bool>* stop = nullptr;  // any thread sets it: finish the step, then stop
  StepMetrics before;                       // of the epoch's earlier steps; `total` begins with it
  std::uint64_t seed = 0;                   // of the run, and
  std::uint32_t epoch = 1;                  // from 1: for operations that draw random numbers
};

// The number in the run, from 1, of a step of the epoch: what an optimizer counts.
inline Index number_in_run(const StepRange& step_range, Index step) {
  return step_range.first_step + step + 1;
}

// The context of a step, but for its samples and layers.
inline StepContext context_of(const StepRange& step_range, Index step) {
  return {true, step_range.seed, step_range.epoch, number_in_run(step_range, step)};
}

enum class Outcome {
  finished,    // all steps done
  stopped,     // on request, after a complete step
  not_finite,  // a loss, weight or slot was not finite: the state is that before the step
};

struct StepRangeResult {
  Outcome outcome = Outcome::finished;
  Index steps_done = 0;
  StepMetrics total;  // StepRange::before plus each step done, added in order, so that an epoch's
                      // loss does not depend on its step ranges
  double last_loss = 0;  // mean loss of the last step done (or of the one that was not finite)
  double waited = 0;     // seconds that the calling thread waited for the other threads of its rank
};

// Parameters and optimizer state, in arenas that Net lays out.
struct ModelState {
  Buffer<float> parameters;
  // As slots_of(optimizer); then the average of the weights, where there is one. In set_state()
  // none means those of a run before its first step: zeros, and the average equals the parameters.
  // The average has the buffers of the parameters, so it is a whole arena of weights.
  std::vector<Buffer<float>> slots;
};
// Gives the average, where there is one, the buffers of the parameters.
inline void set_buffers_of_average(const Net& net, const Average& average, ModelState& state) {
  if (!exists(average)) return;
  const Index begin = net.parameters_end();
  std::copy_n(state.parameters.data() + begin, net.arena_size() - begin,
              state.slots.back().data() + begin);
}
// Slot number `s` of a state that is set; null: zeros.
const float* slot_to_set(const ModelState& state, const NetOptimizer& optimizer, std::size_t s);
// The state of a run that begins with these parameters.
ModelState first_state(const NetOptimizer& optimizer, Buffer<float> parameters);

struct Evaluation {
  StepMetrics metrics;                     // loss, correct, samples
  std::vector<std::uint16_t> predictions;  // [samples]
  std::vector<float> probabilities;        // [samples][classes]; empty unless asked for
};

// Not thread-safe: one call at a time.
class Engine {
 public:
  virtual ~Engine() = default;

  // Runs the steps of the step range; collective over the ranks. A step allocates no memory. An
  // exception of a worker ends the run on all workers; run() then throws it again.
  virtual StepRangeResult run(const StepRange& step_range) = 0;

  // Runs the forward pass over the named samples, with the weights that optimizer().evaluate
  // names; collective. Every rank gets the whole result.
  virtual Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                              bool with_probabilities = false) = 0;

  virtual ModelState state() const = 0;
  // Collective; every rank gives the same state.
  virtual void set_state(const ModelState& state) = 0;

  // Arguments of construction on which the weights depend.
  virtual Index grain() const = 0;
  virtual const NetOptimizer& optimizer() const = 0;

  // Threads, instruction set and device, for reports.
  virtual int threads() const = 0;
  virtual std::string isa() const = 0;
  virtual std::string device() const = 0;
  // Where the engine departs from the options (more threads than cores, idle workers), with the
  // remedy; may be empty.
  virtual const std::vector<std::string>& warnings() const = 0;

  // The timeline of its options; may be null.
  virtual Timeline* timeline() const { return nullptr; }
};

// An engine for options.device (cpu_engine.hpp, cuda_engine.hpp). It keeps references to `net`,
// `communicator` and the timeline, which must outlive it. Weights start at zero: call set_state.
// Throws UserError(usage) for options that contradict each other, and UserError(unavailable) where
// the build or the machine lacks the device, the threads or the memory. Collective.
std::unique_ptr<Engine> make_engine(const Net& net, const NetOptimizer& optimizer,
                                    const EngineOptions& options, Communicator& communicator);

}  // namespace convoy
