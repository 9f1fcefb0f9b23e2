// SPDX-License-Identifier: Apache-2.0
#include "report/metrics.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace convoy {
namespace {

std::string hours_minutes_seconds(Index seconds) {
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

Index rounded(double value) {
  if (!(value > 0)) return 0;
  return value < 9e18 ? static_cast<Index>(std::llround(value)) : 0;
}

std::string with_commas(Index n) {
  std::string text = fmt::format("{}", n);
  const std::size_t first = n < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string as_duration(double seconds) {
  if (!(seconds >= 0)) return "?";
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  return hours_minutes_seconds(rounded(seconds));
}

std::string as_clock(double seconds) {
  if (!(seconds >= 0) || seconds > 1e8) return "-:--";
  return hours_minutes_seconds(rounded(seconds));
}

std::string as_percent(double fraction) {
  return fmt::format("{:.2f} %", 100 * fraction);
}

std::string as_bytes(double bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string as_line(const EpochMetrics& metrics, Index epochs) {
  std::string line =
      fmt::format("epoch {}/{}  loss {:.4f}", metrics.epoch, epochs, metrics.train_loss);
  if (metrics.train_accuracy)
    line += fmt::format("  train {}", as_percent(*metrics.train_accuracy));
  if (metrics.validation_accuracy) {
    line += fmt::format("  validation {} (loss {:.4f})", as_percent(*metrics.validation_accuracy),
                        metrics.validation_loss.value_or(0));
  }
  if (!std::isnan(metrics.test_accuracy)) {
    line += fmt::format("  test {} (loss {:.4f})", as_percent(metrics.test_accuracy),
                        metrics.test_loss);
  }
  return line + fmt::format("  {}  {} images/s", as_duration(metrics.seconds),
                            with_commas(rounded(metrics.images_per_second)));
}

std::string as_line(const Progress& progress) {
  return fmt::format("epoch {}/{}  step {}/{}  loss {:.4f}  {} images/s  ETA {}", progress.epoch,
                     progress.epochs, progress.step, progress.steps_per_epoch, progress.loss,
                     with_commas(rounded(progress.images_per_second)),
                     as_clock(progress.seconds_left));
}

}  // namespace convoy
