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

// A timer that ticks, not one that rings once: of a process that is stopped, ticks that are due are
// one when it goes on.
constexpr double kTickSeconds = 0.25;
constexpr double kNextRankAfter = 0.5;

// For the handler, which may touch lock-free atomics and memory that nobody changes meanwhile, and
// call write and _exit.
std::atomic<int> ticks_left{0};
std::string message;
bool speaks = false;

void on_tick(int /*signal*/) {
  if (ticks_left.fetch_sub(1) != 1) return;
  if (speaks) {
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
    tick_every(0);  // none: from here on the handler does not run
    if (call == nullptr) return;
    message = fmt::format(
        "convoy: {} did not finish in {:g} s (a rank is missing, stopped or out of reach): look "
        "for it on its machine, or allow more by --start-timeout\n",
        call, seconds);
    speaks = rank <= 1;
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
