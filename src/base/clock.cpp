// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace convoy {
namespace {

#if defined(__x86_64__)

// Whether Linux itself uses the counter as its clock; then it has checked that the cores agree.
bool system_counts_cycles() {
  constexpr std::array<std::string_view, 3> kByCounter{"tsc", "kvm-clock",
                                                       "hyperv_clocksource_tsc_page"};
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  file >> source;
  return std::ranges::find(kByCounter, source) != kByCounter.end();
}

bool counts_cycles() {
  constexpr unsigned kPowerManagement = 0x80000007, kInvariant = 1U << 8;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariant) != 0 &&
         system_counts_cycles();
}

#else

bool counts_cycles() {
  return false;
}

#endif

std::int64_t steady_nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

namespace detail {
const bool kCountsCycles = counts_cycles();
}

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

// Takes the quickest of several attempts; an interruption makes an attempt slower.
TickScale::Reading TickScale::read() {
  Reading best;
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 8; ++i) {
    const std::int64_t before = ticks(), nanoseconds = steady_nanoseconds(), after = ticks();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = {before + shortest / 2, nanoseconds};
  }
  return best;
}

double TickScale::seconds_per_tick() const {
  constexpr std::int64_t kLeast = 5'000'000;  // nanoseconds
  Reading now = read();
  while (now.nanoseconds - start_.nanoseconds < kLeast) now = read();
  return 1e-9 * static_cast<double>(now.nanoseconds - start_.nanoseconds) /
         static_cast<double>(now.tick - start_.tick);
}

}  // namespace convoy
