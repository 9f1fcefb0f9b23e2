// SPDX-License-Identifier: Apache-2.0
// Reads goldens.json, and computes the inputs that it does not hold (make_goldens.py).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "optim/optimizer.hpp"

namespace convoy::test {

inline nlohmann::json read_goldens() {
  return nlohmann::json::parse(
      std::ifstream(fmt::format("{}/tests/optim/goldens.json", CONVOY_SOURCE_DIR)));
}

// make_goldens.py's number(): an element of a stream.
enum Stream : std::uint64_t { weights = 1, gradients = 16 };

inline std::uint64_t number(std::uint64_t stream, std::uint64_t element) {
  std::uint64_t x = (element + (stream << 32) + 1) * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

inline double fraction(std::uint64_t draw) {
  return std::ldexp(static_cast<double>(draw >> 40) - 0x1p23, -23);
}

// make_goldens.py's weights() and gradients(), which are exact in float, too.
inline double initial_weight(std::uint64_t i) {
  return i % 5 == 4 ? 0 : fraction(number(Stream::weights, i));
}

inline double gradient(std::uint64_t step, std::uint64_t i) {
  const std::uint64_t draw = number(Stream::gradients + step, i);
  switch (i % 8) {
    case 2:
      return fraction(number(Stream::gradients, i));
    case 3:
      return draw % 4 == 0 ? fraction(draw) : 0;
    case 4:
      return std::ldexp(fraction(draw), 20);
    case 5:
      return std::ldexp(fraction(draw), -40);
    case 6:
      return std::ldexp(fraction(draw), static_cast<int>(draw % 64) - 40);
    case 7:
      return 0;
    default:
      return fraction(draw);
  }
}

inline Optimizer optimizer_of(const nlohmann::json& settings) {
  const auto type = settings.at("type").get<std::string>();
  const auto known = std::ranges::find(kOptimizers, std::string_view(type), &NamedOptimizer::name);
  if (known == kOptimizers.end()) throw std::runtime_error(type);
  Optimizer optimizer = known->defaults;
  std::size_t count = 1;  // the type
  std::visit(
      [&](auto& op) {
        visit_settings(op, [&](std::string_view key, auto& field, const auto&...) {
          settings.at(std::string(key)).get_to(field);
          ++count;
        });
      },
      optimizer);
  EXPECT_EQ(count, settings.size()) << settings;
  return optimizer;
}

}  // namespace convoy::test
