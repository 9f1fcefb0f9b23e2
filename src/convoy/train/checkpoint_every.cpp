// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>

#include "convoy/base/check.hpp"
#include "convoy/train/trainer.hpp"

namespace convoy {
namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  for (const std::string_view candidate : words) {
    if (word == candidate) return true;
  }
  return false;
}

}  // namespace

CheckpointEvery parse_checkpoint_every(std::string_view text) {
  using Unit = CheckpointEvery::Unit;
  CheckpointEvery every;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, every.count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (error == std::errc{} && every.count >= 1) {
    every.unit = Unit::steps;
    if (is_one_of(unit, {"step", "steps"})) return every;
    every.unit = Unit::epochs;
    if (is_one_of(unit, {"epoch", "epochs"})) return every;
    every.unit = Unit::minutes;
    if (is_one_of(unit, {"min", "minute", "minutes"})) return every;
  }
  throw UserError(Fault::usage, fmt::format("'{}' does not say how often to checkpoint", text), "",
                  "write a positive number and a unit, as in 500steps, 1epoch or 10min");
}

}  // namespace convoy
