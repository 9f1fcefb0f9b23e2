// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 (a scheduler's warning) ask a run to stop; a second Ctrl-C
// ends the program at once.
#pragma once

#include <atomic>

namespace convoy::app {

// While an object exists, the signals set a flag and do not end the program. At most one exists at
// a time.
class StopSignals {
 public:
  enum class Second { ends, noted };  // what a second Ctrl-C does: see again()
  // quiet: prints nothing when a signal arrives
  explicit StopSignals(bool quiet, Second second = Second::ends);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From now on a stop ends with a checkpoint, and the message says so.
  void training_begins();
  const std::atomic<bool>* requested() const;
  const std::atomic<bool>* terminated() const;  // whether SIGTERM was among them
  bool again() const;                           // whether a second Ctrl-C came
};

}  // namespace convoy::app
