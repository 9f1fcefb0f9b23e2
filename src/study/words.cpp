// SPDX-License-Identifier: Apache-2.0
#include "study/words.hpp"

#include <fmt/format.h>

#include <cmath>

namespace convoy::study {
namespace {

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
  if (grid.ranks == 1) return counted(static_cast<std::size_t>(grid.threads), "thread");
  if (grid.threads == 1) return counted(static_cast<std::size_t>(grid.ranks), "rank");
  return fmt::format("{} of {}", counted(static_cast<std::size_t>(grid.ranks), "rank"),
                     counted(static_cast<std::size_t>(grid.threads), "thread"));
}

std::string in_words(const Experiment& experiment, const LayoutResult& serial) {
  const bool weak = experiment.scaling == Scaling::weak, gpu = on_gpu(serial);
  std::string text = fmt::format(
      "{} scaling, ranks by {}, {}, batch {}{}", weak ? "Weak" : "Strong", experiment.ranks_by,
      gpu ? "one GPU for each rank" : "threads by " + experiment.threads_by, serial.batch,
      weak ? " for each worker" : "");
  if (experiment.limit) text += fmt::format(", the first {} images", *experiment.limit);
  if (!experiment.order.empty()) text += fmt::format(", order {}", experiment.order);
  if (experiment.per_layer) {
    text += gpu ? ", every stage is launched alone" : ", every layer is a separate stage";
  }
  return text;
}

std::string counted(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace convoy::study
