// SPDX-License-Identifier: Apache-2.0
#include "supervision/call_limit.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

#include "internal.hpp"

namespace convoy::app {
namespace {

// The timer ticks, and does not expire once: while a process is stopped, all due ticks count as
// one.
constexpr double kTickSeconds = 0.25;
constexpr double kNextRankAfter = 0.5;

// Used in the signal handler, which may use lock-free atomics and memory that does not change
// meanwhile, and may call write() and _exit().
std::atomic<int> ticks_left{0};
std::string message;
bool prints_message = false;

void on_tick(int /*signal*/) {
  if (ticks_left.fetch_sub(1) != 1) return;
  if (prints_message) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  }
  _exit(static_cast<int>(Fault::peer));
}

void tick_every(double seconds) {
  const auto whole = static_cast<time_t>(seconds);
  const auto rest = static_cast<suseconds_t>(1e6 * (seconds - static_cast<double>(whole)));
  const itimerval interval{{whole, rest}, {whole, rest}};
  setitimer(ITIMER_REAL, &interval, nullptr);
}

}  // namespace

std::function<void(const char*)> limited_calls(double seconds, int rank) {
  return [seconds, rank](const char* call) {
    tick_every(0);  // off: from here on the handler does not run
    if (call == nullptr) return;
    message = fmt::format(
        "convoy: {} did not finish in {:g} s (a rank is missing, stopped or unreachable): look for "
        "it on its machine, or allow more time with --start-timeout\n",
        call, seconds);
    prints_message = rank <= 1;
    const double limit = seconds + kNextRankAfter * std::min(rank, 2);
    ticks_left = std::max(1, static_cast<int>(std::ceil(limit / kTickSeconds)));
    struct sigaction action {};
    action.sa_handler = on_tick;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, nullptr);
    tick_every(kTickSeconds);
  };
}

}  // namespace convoy::app
