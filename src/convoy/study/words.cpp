// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/words.hpp"

#include <fmt/format.h>

#include <cmath>

namespace convoy::study {
namespace {

std::string counted(int n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

Estimate scaled(const Estimate& e, double factor) {
  return {e.value * factor, e.low * factor, e.high * factor};
}

std::string with_unit(const Estimate& e, std::string_view unit) {
  if (!std::isfinite(e.value)) return "-";
  if (!e.has_interval()) return fmt::format("{}{}", digits(e.value), unit);
  return fmt::format("{}{} [{}, {}]", digits(e.value), unit, digits(e.low), digits(e.high));
}

}  // namespace

std::string digits(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::fabs(value);
  if (size == 0) return "0";
  if (size >= 100) return fmt::format("{:.0f}", value);
  if (size < 1e-3) return fmt::format("{:.2e}", value);
  const int behind = 2 - static_cast<int>(std::floor(std::log10(size)));
  return fmt::format("{:.{}f}", value, behind);
}

std::string interval(const Estimate& estimate) {
  return with_unit(estimate, "");
}

std::string percent(const Estimate& estimate) {
  return with_unit(scaled(estimate, 100), " %");
}

std::string times(const Estimate& estimate) {
  return with_unit(estimate, " ×");
}

std::string milliseconds(const Estimate& seconds) {
  return with_unit(scaled(seconds, 1e3), "");
}

std::string in_words(const Grid& grid) {
  if (grid.ranks == 1) return counted(grid.threads, "thread");
  if (grid.threads == 1) return counted(grid.ranks, "rank");
  return fmt::format("{} of {}", counted(grid.ranks, "rank"), counted(grid.threads, "thread"));
}

std::string in_words(const Experiment& experiment, const LayoutResult& serial) {
  const bool weak = experiment.scaling == Scaling::weak;
  std::string text = fmt::format(
      "{} scaling, ranks by {}, threads by {}, batch {}{}", to_string(experiment.scaling),
      experiment.ranks_by, experiment.threads_by, serial.batch, weak ? " for each worker" : "");
  if (experiment.limit) text += fmt::format(", the first {} images", *experiment.limit);
  if (!experiment.order.empty()) text += fmt::format(", order {}", experiment.order);
  if (experiment.per_layer) text += ", every layer a stage of its own";
  return text;
}

std::string slug(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool capital = c >= 'A' && c <= 'Z';
    if (letter || capital) {
      result += capital ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.empty() ? "x" : result;
}

}  // namespace convoy::study
