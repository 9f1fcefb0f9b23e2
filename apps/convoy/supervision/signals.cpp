// SPDX-License-Identifier: Apache-2.0
#include "supervision/signals.hpp"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace convoy::app {
namespace {

// A handler may use lock-free atomics and call write, clock_gettime, sigaction and raise.
std::atomic<bool> stop_requested{false};
std::atomic<bool> got_sigterm{false};
std::atomic<bool> got_again{false};
std::atomic<bool> second_ends{true};
std::atomic<std::int64_t> first_interrupt_ms{0};
std::atomic<bool> be_quiet{false};
std::atomic<bool> has_begun{false};
static_assert(std::atomic<bool>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
std::array<struct sigaction, kSignals.size()> previous;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000 + 1;  // never 0
}

void say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void end_at_once(int signal) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  raise(signal);  // arrives when the handler returns; a shell sees 128 + signal
}

void on_signal(int signal) {
  const int saved_errno = errno;
  // Wrappers such as timeout(1) send a signal twice, to the process and to its group, and a batch
  // system may repeat SIGTERM: only a second Ctrl-C some time after the first is from a person.
  constexpr std::int64_t kSameMomentMs = 150;
  if (signal == SIGINT) {
    std::int64_t first = 0;
    if (!first_interrupt_ms.compare_exchange_strong(first, now_ms()) &&
        now_ms() - first > kSameMomentMs) {
      got_again = true;
      if (second_ends) {
        say("\n");
        end_at_once(signal);
      }
      errno = saved_errno;
      return;
    }
  }
  if (signal == SIGTERM) got_sigterm = true;
  if (!stop_requested.exchange(true) && !be_quiet) {
    if (isatty(STDERR_FILENO) == 1) say("\r\033[K");
    say(has_begun ? "convoy: stopping after this step, with a checkpoint"
                  : "convoy: stopping; nothing was saved yet");
    say(signal == SIGINT ? " (press Ctrl-C again to stop at once)\n" : "\n");
  }
  errno = saved_errno;
}

}  // namespace

StopSignals::StopSignals(bool quiet, Second second) {
  stop_requested = got_sigterm = got_again = has_begun = false;
  second_ends = second == Second::ends;
  first_interrupt_ms = 0;
  be_quiet = quiet;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaddset(&action.sa_mask, signal);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &previous[i]);
    // An ignored signal stays ignored: for nohup, and for Ctrl-C in a script's background job.
    if (previous[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
}

void StopSignals::training_begins() {
  has_begun = true;
}

const std::atomic<bool>* StopSignals::requested() const {
  return &stop_requested;
}

const std::atomic<bool>* StopSignals::terminated() const {
  return &got_sigterm;
}

bool StopSignals::again() const {
  return got_again;
}

}  // namespace convoy::app
