// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 (a scheduler's warning) ask a run to stop; a second Ctrl-C
// ends the program at once.
#pragma once

#include <atomic>

namespace convoy::app {

// While one lives, the signals set a flag instead of ending the program. At most one at a time.
class StopSignals {
 public:
  enum class Second { ends, noted };  // what a second Ctrl-C does: see again()
  // quiet: say nothing when a signal comes
  explicit StopSignals(bool quiet, Second second = Second::ends);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  const std::atomic<bool>* requested() const;
  const std::atomic<bool>* terminated() const;  // SIGTERM was among them
  bool again() const;                           // a second Ctrl-C came
};

}  // namespace convoy::app
