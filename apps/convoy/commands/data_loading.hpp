// SPDX-License-Identifier: Apache-2.0
// What a command adds to the options with which it loads data: where pictures are cached, and a
// line that shows how far their decoding is.
#pragma once

#include <atomic>
#include <string>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// "reading pictures [====>     ]  42 %  2,100 of 5,000, ETA 0:03"
std::string progress_line(const LoadProgress& progress);

// On a terminal the line is redrawn in place; elsewhere a line is written every ten seconds. The
// destructor removes it.
class DataLoading {
 public:
  // `stop` may be null.
  explicit DataLoading(bool quiet, const std::atomic<bool>* stop = nullptr)
      : quiet_(quiet), stop_(stop) {}

  // The options with those of the command line. They refer to this object.
  DataOptions options(DataOptions options, const PictureOptions& given);

 private:
  void show(const LoadProgress& progress);

  bool quiet_;
  const std::atomic<bool>* stop_;
  LiveLine line_;
  double shown_seconds_ = 0;
};

}  // namespace convoy::app
