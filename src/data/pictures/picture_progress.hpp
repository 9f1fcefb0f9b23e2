// SPDX-License-Identifier: Apache-2.0
// Tells the caller of load_data() how far it is, and asks whether to stop.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/clock.hpp"
#include "convoy/data.hpp"

namespace convoy {

// Not thread-safe: the calling thread has it.
class PictureProgress {
 public:
  // `total` pictures; `options` outlives this object.
  PictureProgress(const DataOptions& options, std::size_t total)
      : options_(options), total_(static_cast<Index>(total)) {}

  // Calls options.progress, at most ten times a second and once when all are done. Throws
  // UserError(stopped) where the caller asked for a stop.
  void at(std::size_t done);

 private:
  const DataOptions& options_;
  Index total_;
  bool is_complete_ = false;
  Stopwatch since_start_, since_report_;
};

}  // namespace convoy
