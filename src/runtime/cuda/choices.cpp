// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/choices.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "base/check.hpp"
#include "runtime/check_use.hpp"

namespace convoy::cuda {

void check_cuda_options(const EngineOptions& options, const Communicator& communicator) {
  check_options(options, communicator);
  if (options.cpu.threads_by == Parallelism::tensor || options.ranks_by == Parallelism::tensor) {
    throw UserError(Fault::usage, "a GPU cannot split work by tensor",
                    "GPUs support only data parallel training",
                    "split by data, or use --device cpu");
  }
  const bool many_steps =
      options.gpu.launching == Launching::graph || options.gpu.launching == Launching::persistent;
  if (communicator.size() > 1 && many_steps) {
    throw UserError(Fault::usage, "many steps in a launch need one rank",
                    "with several, the ranks exchange gradients on the host after every step",
                    "use --launch stages, or one rank");
  }
  if (options.gpu.steps_per_launch < 0) {
    throw UserError(Fault::usage, fmt::format("{} steps in a launch", options.gpu.steps_per_launch),
                    "", "give EngineOptions at least 0");
  }
}

int device_of(const Communicator& communicator) {
  const auto devices = static_cast<Index>(gpu::devices().size());
  if (devices == 0) {
    throw UserError(Fault::unavailable, "--device cuda is not available",
                    "this machine has no GPU, or no driver for it", "use --device cpu");
  }
  return static_cast<int>((communicator.rank() - communicator.host().begin) % devices);
}

Launching choose_launching(const EngineOptions& options, const Communicator& communicator,
                           const Plan& plan, bool fits) {
  if (options.timeline || communicator.size() > 1) return Launching::stages;
  if (options.gpu.launching == Launching::persistent && plan.phases().size() > 1) {
    throw UserError(Fault::unavailable, "--launch persistent is not available for this net",
                    "its batch normalisations need all samples of a batch, and a block of that "
                    "kernel has one at a time",
                    "use --launch graph");
  }
  if (options.gpu.launching == Launching::persistent && !fits) {
    throw UserError(Fault::unavailable, "--launch persistent is not available",
                    "a sample's activations do not fit the shared memory of a multiprocessor",
                    "use --launch graph");
  }
  if (options.gpu.launching != Launching::automatic) return options.gpu.launching;
  return fits ? Launching::persistent : Launching::graph;
}

void check_count(Index samples, Index largest) {
  // A thread's last index exceeds the end by at most the number of threads.
  constexpr Index kThreads = Index{1} << 20;
  constexpr Index kMost = std::numeric_limits<std::int32_t>::max() - kThreads;
  if (samples <= kMost / largest) return;
  throw UserError(
      Fault::usage, fmt::format("{} samples at a time are too many for a GPU", samples),
      fmt::format("a layer has {} numbers of each, and a kernel counts to {}", largest, kMost),
      fmt::format("use a --batch of at most {} for each rank", kMost / largest));
}

std::vector<std::string> warnings(const Communicator& communicator) {
  const Range host = communicator.host();
  const auto devices = static_cast<Index>(gpu::devices().size());
  if (host.size() <= devices) return {};
  return {fmt::format(
      "{} ranks share {} GPU{}: workers take turns, so this run's times show no speedup",
      host.size(), devices, devices == 1 ? "" : "s")};
}

std::string isa_of(const gpu::Facts& facts) {
  if (facts.compute_capability == 0) return facts.name;
  return fmt::format("sm_{} ({})", facts.compute_capability, facts.name);
}

}  // namespace convoy::cuda
