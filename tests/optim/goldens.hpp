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
