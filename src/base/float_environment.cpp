// SPDX-License-Identifier: Apache-2.0
#include "base/float_environment.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace convoy {
namespace {

#if defined(__x86_64__)
// MXCSR: all exceptions masked, round to nearest, neither flush-to-zero nor denormals-are-zero.
constexpr std::uint64_t kContract = 0x1F80;
std::uint64_t read_modes() {
  return _mm_getcsr();
}
void write_modes(std::uint64_t modes) {
  _mm_setcsr(static_cast<unsigned>(modes));
}
#elif defined(__aarch64__)
// FPCR: all zero is round to nearest, no flush-to-zero, NaNs propagate.
constexpr std::uint64_t kContract = 0;
std::uint64_t read_modes() {
  std::uint64_t modes;
  asm volatile("mrs %0, fpcr" : "=r"(modes));
  return modes;
}
void write_modes(std::uint64_t modes) {
  asm volatile("msr fpcr, %0" : : "r"(modes));
}
#endif

}  // namespace

#if defined(__x86_64__) || defined(__aarch64__)
// fesetround() is needed too: on x86 it also sets the mode of the x87 unit, which the C library
// uses when it reads decimal numbers.
FloatEnvironment::FloatEnvironment() : before_(read_modes()), rounding_before_(std::fegetround()) {
  std::fesetround(FE_TONEAREST);
  write_modes(kContract);
}

FloatEnvironment::~FloatEnvironment() {
  std::fesetround(rounding_before_);
  write_modes(before_);
}
#else
// On other processors the C library's default environment is what the contract needs. On POWER the
// control register is all zero (round to nearest, no non-IEEE mode); RISC-V and s390x cannot flush
// denormals.
FloatEnvironment::FloatEnvironment() {
  std::fegetenv(&before_);
  std::fesetenv(FE_DFL_ENV);
}

FloatEnvironment::~FloatEnvironment() {
  std::fesetenv(&before_);
}
#endif

}  // namespace convoy
