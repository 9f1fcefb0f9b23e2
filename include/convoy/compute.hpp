// SPDX-License-Identifier: Apache-2.0
/// @file
/// The device that a training computes on, and how its work is divided. Nothing here changes a
/// weight.
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

/// Where the engine of a rank computes.
enum class Device {
  cpu,   ///< on the threads of the rank
  cuda,  ///< one GPU per rank; needs a build with CUDA
};

/// How work is divided among the threads of a rank (ComputeOptions), or among the ranks of a job
/// (SessionOptions).
enum class Parallelism {
  data,    ///< each worker computes some samples of a batch through the whole network
  tensor,  ///< each worker computes a part of every layer, for all samples
};

/// Where and on how many threads a rank computes. All values give the same weights. The defaults
/// use all cores that the process may use.
struct ComputeOptions {
  Device device = Device::cpu;  ///< where this rank computes

  /// Number of threads of this rank. 0 takes $OMP_NUM_THREADS, or, where that is not set, the
  /// usable cores divided among the ranks of the host.
  int threads = 0;
  Parallelism threads_by = Parallelism::data;  ///< how the threads of this rank share the work

  /// Allows more threads than usable cores. Without it the number of threads is reduced to the
  /// usable cores, and the observer gets a warning.
  bool oversubscribe = false;

  /// The vector instructions of a CPU: "auto", "reference" (slow), or one of available_isas().
  std::string isa = "auto";
};

/// The number of cores that the calling thread may use: those of its CPU affinity, limited by the
/// CPU quota of its control group (rounded up). It is at least 1. Thread-safe.
int usable_cores();

/// The vector instruction sets that this build can use on this machine: the best comes first, and
/// "reference" comes last. Thread-safe.
std::vector<std::string> available_isas();

/// A GPU of this machine.
struct CudaDevice {
  std::string name;            ///< for example "NVIDIA H200"
  int compute_capability = 0;  ///< 90 means 9.0
  int multiprocessors = 0;     ///< CUDA calls each an SM
  Index memory_bytes = 0;      ///< the whole memory of the GPU
};

/// The GPUs of this machine. The list is empty if this build has no CUDA, or if the machine has no
/// GPU or no driver.
std::vector<CudaDevice> cuda_devices();

}  // namespace convoy
