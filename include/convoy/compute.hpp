// SPDX-License-Identifier: Apache-2.0
/// @file
/// On what a training is computed, and how its work is divided. Nothing here changes a weight.
///
/// @code
/// convoy::TrainOptions options;
/// options.compute.threads = 8;
/// if (!convoy::cuda_devices().empty()) options.compute.device = convoy::Device::cuda;
/// @endcode
#pragma once

#include <string>
#include <vector>

#include "convoy/shape.hpp"

namespace convoy {

enum class Device {
  cpu,
  cuda,  ///< one GPU a rank; needs a build with CUDA
};

/// How work is divided among the threads of a rank (ComputeOptions), or among the ranks of a job
/// (SessionOptions).
enum class Parallelism {
  data,    ///< each worker computes some samples of a batch through the whole network
  tensor,  ///< each worker computes a part of every layer, for all samples
};

/// The defaults use all cores that the process may use. All values give the same weights.
struct ComputeOptions {
  Device device = Device::cpu;

  /// Threads of this rank. 0: $OMP_NUM_THREADS, or else what affinity and CPU quota allow, shared
  /// with the other ranks of the host.
  int threads = 0;
  Parallelism threads_by = Parallelism::data;

  /// Allows more threads than usable cores. Without it they are cut off, and the observer is
  /// warned.
  bool oversubscribe = false;

  /// The vector instructions of a CPU: "auto", "reference" (slow), or one of available_isas().
  std::string isa = "auto";
};

/// Cores that the calling thread may use: by its affinity, cut by the CPU quota of its control
/// group (rounded up); at least 1. Thread-safe.
int usable_cores();

/// The vector instruction sets that this build can use on this machine, best first, and last
/// "reference". Thread-safe.
std::vector<std::string> available_isas();

/// A GPU of this machine.
struct CudaDevice {
  std::string name;            ///< "NVIDIA H200"
  int compute_capability = 0;  ///< 90 is 9.0
  int multiprocessors = 0;
  Index memory_bytes = 0;
};

/// The GPUs. Empty where this build has no CUDA, or the machine has no GPU or no driver.
std::vector<CudaDevice> cuda_devices();

}  // namespace convoy
