// SPDX-License-Identifier: Apache-2.0
// The floating-point modes of one thread: round to nearest, and keep denormals. A library built
// with fast-math, or the calling program, may have changed them.
#pragma once

#include <cfenv>
#include <cstdint>

namespace convoy {

// Sets the modes that the contract needs, and restores the previous ones at the end. Acts on the
// calling thread.
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
