// SPDX-License-Identifier: Apache-2.0
#include "commands/data_loading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/metrics.hpp"

namespace convoy::app {

std::string progress_line(const LoadProgress& progress) {
  constexpr int kCells = 30;
  const double total = static_cast<double>(std::max<Index>(progress.total, 1));
  const double fraction = std::clamp(static_cast<double>(progress.done) / total, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(fraction * kCells);
  std::string bar(kCells, ' ');
  std::fill_n(bar.begin(), full, '=');
  if (full < bar.size()) bar[full] = '>';
  std::string line = fmt::format("reading pictures [{}] {:3.0f} %  {} of {}", bar, 100 * fraction,
                                 with_commas(progress.done), with_commas(progress.total));
  if (fraction > 0) {
    line += fmt::format(", ETA {}", as_clock(progress.seconds * (1 - fraction) / fraction));
  }
  return line;
}

DataOptions DataLoading::options(DataOptions options, const PictureOptions& given) {
  options.cache = given.cache;
  options.stop = stop_;
  if (quiet_) return options;
  options.progress = [this](const LoadProgress& progress) { show(progress); };
  options.inform = [](const std::string& text) { write_line(text); };
  return options;
}

void DataLoading::show(const LoadProgress& progress) {
  constexpr double kSecondsBetweenLines = 10;
  if (progress.done == progress.total) {
    line_.clear();
    return;
  }
  line_.show(progress_line(progress));
  if (line_.live() || progress.seconds - shown_seconds_ < kSecondsBetweenLines) return;
  shown_seconds_ = progress.seconds;
  write_line(progress_line(progress));
}

}  // namespace convoy::app
