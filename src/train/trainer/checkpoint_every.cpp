// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "base/check.hpp"
#include "train/trainer.hpp"

namespace convoy {
CheckpointEvery parse_checkpoint_every(std::string_view text) {
  using Unit = CheckpointEvery::Unit;
  struct Word {
    std::string_view name;
    Unit unit;
    Index count;  // of that unit
  };
  static constexpr Word kWords[] = {
      {"step", Unit::steps, 1},      {"steps", Unit::steps, 1}, {"epoch", Unit::epochs, 1},
      {"epochs", Unit::epochs, 1},   {"s", Unit::seconds, 1},   {"second", Unit::seconds, 1},
      {"seconds", Unit::seconds, 1}, {"min", Unit::minutes, 1}, {"minute", Unit::minutes, 1},
      {"minutes", Unit::minutes, 1}, {"h", Unit::minutes, 60},  {"hour", Unit::minutes, 60},
      {"hours", Unit::minutes, 60}};
  if (text == "epoch") return {};
  Index count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  for (const Word& word : kWords) {
    if (error != std::errc{} || count < 1 || unit != word.name) continue;
    if (count <= std::numeric_limits<Index>::max() / word.count) {
      return {word.unit, count * word.count};
    }
  }
  throw UserError(Fault::usage, fmt::format("'{}' is not a checkpoint interval", text), "",
                  "write a positive number and a unit, as in 500steps, 1epoch, 30s, 10min or 1h");
}

}  // namespace convoy
