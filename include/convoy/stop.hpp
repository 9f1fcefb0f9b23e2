// SPDX-License-Identifier: Apache-2.0
/// @file
/// How to stop a training from another thread, or from a signal handler.
///
/// @code
/// static convoy::StopSource stop;
/// std::signal(SIGINT, [](int) { stop.request_stop(); });
/// const auto result = convoy::train(model, data, {.folder = "run", .stop = &stop});
/// if (result.status == convoy::RunStatus::stopped) std::puts("resume it with Resume::always");
/// @endcode
#pragma once

#include <atomic>

namespace convoy {

namespace detail {
struct Access;
}

/// A request to stop. A training checks it after every step; it then finishes the step, writes a
/// checkpoint of it (if it has a run folder), and returns RunStatus::stopped. A run that continues
/// from that checkpoint reaches the weights of a run that was never stopped. A request after the
/// last step of a run has no effect. A request on any rank stops all ranks after the same step.
///
/// All functions are thread-safe and async-signal-safe. (std::stop_source is not
/// async-signal-safe.) The training keeps a pointer to the StopSource, so it must outlive the call.
class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  /// Asks for the stop. Thread-safe, and may be called from a signal handler.
  void request_stop() noexcept { requested_ = true; }
  /// Whether a stop is asked for. Thread-safe.
  bool stop_requested() const noexcept { return requested_; }
  /// Withdraws the request, so that the next training can run.
  void reset() noexcept { requested_ = false; }

 private:
  friend struct detail::Access;
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::atomic<bool> requested_{false};
};

}  // namespace convoy
