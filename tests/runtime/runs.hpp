// SPDX-License-Identifier: Apache-2.0
// Small trainings for the tests of the engine: nets that hold every operation, and runs that
// continue on another engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/train_settings.hpp"
#include "runtime/engine.hpp"
#include "tests/ops/random_ops.hpp"

namespace convoy::test {

// The pixels of a problem's data: bytes; floats of the same values; or floats that no bytes have,
// in a source that has them in another order.
enum class Pixels { bytes, bytes_as_floats, floats };

struct Problem {
  std::string name;
  Net net;
  Optimizer optimizer;
  float rate = 0.1F;
  std::vector<OptimizerGroup> groups = {};
  std::optional<double> clip_norm = {};
  Average average = {};
  WeightsCopy evaluate = WeightsCopy::average;
  Pixels pixels = Pixels::bytes;

  NetOptimizer net_optimizer() const;
};

// Every operation, with the settings that have code of their own, and both losses.
const std::vector<Problem>& problems();
std::vector<std::string> problem_names();
const Problem& problem(std::string_view name);

struct Sizes {
  Index samples, batch, grain;
};
// These sizes, with the largest grain of at most that size that fits the groups of the problem's
// batch normalisations.
Sizes fitting(const Problem& problem, Sizes sizes);

// The layout of a run, which must not change its result.
struct RunLayout {
  int threads = 1;
  Parallelism threads_by = Parallelism::data;
  std::string isa = "auto";
  std::vector<int> domains{1};  // ranks of each; they share memory
  Parallelism ranks_by = Parallelism::data;
  Reduction reduction = Reduction::tree;
  bool fuse = true;
  Timeline* timeline = nullptr;
  Device device = Device::cpu;
  Launching launching = Launching::automatic;
  Index steps_per_launch = 0;

  int ranks() const;
};
std::string describe(const RunLayout& layout);
RunLayout random_layout(Random& random);
// The same, on several ranks of several memory domains.
RunLayout random_layout_of_ranks(Random& random);

// Calls a hook, then the inner call: the hook lets a test act within a step.
class HookedCommunicator final : public Communicator {
 public:
  HookedCommunicator() : own_(alone()), inner_(*own_) {}
  explicit HookedCommunicator(Communicator& inner) : inner_(inner) {}

  std::function<void()> before_reduce;

  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::span<const Range> domains() const override { return inner_.domains(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override { return inner_.allocate(bytes); }
  void barrier(SyncPoint sync_point) override {
    const bool reduces = sync_point == SyncPoint::gradients || sync_point == SyncPoint::evaluation;
    if (reduces && before_reduce) before_reduce();
    inner_.barrier(sync_point);
  }
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override {
    inner_.exchange(out, in, sync_point);
  }
  void sum(std::span<float> values) override { inner_.sum(values); }
  void sum(std::span<double> values) override { inner_.sum(values); }
  void publish(Activity activity, std::int64_t step) noexcept override {
    inner_.publish(activity, step);
  }
  void heartbeat() noexcept override { inner_.heartbeat(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }

 private:
  std::unique_ptr<Communicator> own_;
  Communicator& inner_;
};

// An engine with its communicator, of one rank alone or of a rank of a job.
struct Machine {
  Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout);
  Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout, Communicator& rank);
  HookedCommunicator communicator;
  std::unique_ptr<Engine> engine;

 private:
  void make_engine(const Problem& problem, const Sizes& sizes, const RunLayout& layout);
};

// Synthetic images. Where a byte does not count the classes, the labels are the highest ones.
Dataset data_for(const Problem& problem, Index samples);
ModelState initial_state(const Problem& problem);

// One step range of the first epoch, at the problem's rate; `order` is 0, 1, 2, ... unless given.
StepRangeResult run_steps(Engine& engine, const Problem& problem, const Dataset& data, Index batch,
                          Range steps, const std::atomic<bool>* stop = nullptr,
                          std::span<const std::uint32_t> order = {});

// Trains for some epochs on the layout that `next_layout` names, and returns the result to the last
// bit: both digests, and the loss of each epoch. `cuts` draws the ends of step ranges. With
// `stops`, one rank gets a request to stop at a random step, and the run continues with the next
// layout. All ranks must have the same result; they are threads of this process.
struct Run {
  int epochs = 1;
  bool stops = false;
};
std::string train(const Problem& problem, const Sizes& sizes, const Run& run, Random& cuts,
                  const std::function<RunLayout()>& next_layout);
std::string train(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                  const Run& run = {}, std::uint64_t cuts_seed = 1);

// The same on one rank of an existing job, without a stop; layout.domains is not used.
std::string train_on(Communicator& communicator, const Problem& problem, const Sizes& sizes,
                     const RunLayout& layout, const Run& run = {}, std::uint64_t cuts_seed = 1);

// The result of an evaluation, to the last bit.
std::string bits_of(const Evaluation& evaluation);
// The same of some hundred samples by a layout of one rank, after two steps; that it can do without
// probabilities, and without samples, is checked.
std::string evaluate(const Problem& problem, const RunLayout& layout);

}  // namespace convoy::test
