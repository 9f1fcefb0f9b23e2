// SPDX-License-Identifier: Apache-2.0
// The processor's modes for floating point in one thread: round to nearest, denormals kept. A
// library built with fast-math, or the program around us, may have changed them behind our back.
#pragma once

#include <cfenv>
#include <cstdint>

namespace convoy {

// Sets the modes that the contract needs, and restores those it found. Per thread.
class FloatEnvironment {
 public:
  FloatEnvironment();
  ~FloatEnvironment();
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__x86_64__) || defined(__aarch64__)
  std::uint64_t before_;
  int rounding_before_;
#else
  std::fenv_t before_;
#endif
};

}  // namespace convoy
