// SPDX-License-Identifier: Apache-2.0
/// @file
/// Stopping a training from another thread, or from a signal handler.
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

/// A request to stop, which a training looks at after every step. It then finishes the step, writes
/// a checkpoint of it (where there is a run folder), and returns RunStatus::stopped. Going on from
/// that checkpoint gives the weights of a run that was never stopped. A request that comes after
/// the last step of a run changes nothing. On many ranks a request on any rank stops all, after the
/// same step.
///
/// All functions are thread-safe and async-signal-safe. (`std::stop_source` is not the latter.)
/// The training keeps a pointer to it, so it must outlive the call.
class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  void request_stop() noexcept { requested_ = true; }
  bool stop_requested() const noexcept { return requested_; }
  /// Takes the request back: for the next training.
  void reset() noexcept { requested_ = false; }

 private:
  friend struct detail::Access;
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::atomic<bool> requested_{false};
};

}  // namespace convoy
