// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, SIGTERM and SIGHUP ask a run to stop; a second Ctrl-C ends the program at once.
#pragma once

#include <atomic>

namespace convoy::app {

// While one lives, the signals set a flag instead of ending the program. At most one at a time.
class StopSignals {
 public:
  explicit StopSignals(bool quiet);  // quiet: say nothing when a signal comes
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  const std::atomic<bool>* requested() const;
};

}  // namespace convoy::app
