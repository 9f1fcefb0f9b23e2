// SPDX-License-Identifier: Apache-2.0
#include "ops/normalize.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <optional>

#include "base/check.hpp"
#include "base/float_environment.hpp"

namespace convoy {
namespace {

[[noreturn]] void refuse(const std::string& problem, const std::string& why) {
  throw UserError(
      Fault::bad_data, problem, why,
      "give `input` a finite scale, and `mean` and `stddev` one value per channel or none");
}

void check(const Normalization& normalization, Index channels) {
  const auto check_count = [&](const char* name, const std::vector<double>& values) {
    if (values.empty() || static_cast<Index>(values.size()) == channels) return;
    refuse(fmt::format("input.{} does not fit the images", name),
           fmt::format("it has {} values, the images have {} channels", values.size(), channels));
  };
  check_count("mean", normalization.mean);
  check_count("stddev", normalization.stddev);
  for (const double deviation : normalization.stddev)
    if (!(deviation > 0) || !std::isfinite(deviation))
      refuse("input.stddev cannot be used", fmt::format("{} is not a positive number", deviation));
}

Affine affine_of(const Normalization& normalization, std::size_t channel) {
  return {normalization.scale, normalization.mean.empty() ? 0.0 : normalization.mean[channel],
          normalization.stddev.empty() ? 1.0 : normalization.stddev[channel]};
}

float entry(const Affine& affine, Index channel, Index byte) {
  const float rounded = normalized(affine, static_cast<double>(byte));
  if (!std::isfinite(rounded))
    refuse("the input cannot be normalised",
           fmt::format("byte {} of channel {} becomes {}", byte, channel, rounded));
  return rounded;
}

struct Coefficients {
  float centre, high, low, rest;

  float at(Index byte) const {
    const float d = static_cast<float>(byte) - centre;
    return std::fma(d, high, std::fma(d, low, rest));
  }
};

// Computes (b * scale - mean) / stddev as (b - mean / scale) * (scale / stddev), with both factors
// in two parts. If the centre lies among the bytes, it is cut so that its distance from every byte
// is exact in float; the part cut off moves into the rest. So all roundings but the last are of
// small parts, and they rarely change an entry.
std::optional<Coefficients> coefficients_of(const Affine& affine, const float* table) {
  const double centre = affine.mean / affine.scale, factor = affine.scale / affine.stddev;
  const double cut = std::round(std::ldexp(centre, 15));
  Coefficients found{};
  found.centre = static_cast<float>(std::ldexp(cut, -15));
  found.high = static_cast<float>(factor);
  found.low = static_cast<float>(factor - static_cast<double>(found.high));
  const double rest = (static_cast<double>(found.centre) - centre) * factor;
  // Where the centre is a byte, the entry of that byte may consist of a rounding error alone, so it
  // is taken from the table.
  const bool is_byte = found.centre >= 0 && found.centre < Normalize::kBytes &&
                       found.centre == std::floor(found.centre);
  found.rest = is_byte ? table[static_cast<std::size_t>(found.centre)] : static_cast<float>(rest);
  for (Index byte = 0; byte < Normalize::kBytes; ++byte) {
    if (std::bit_cast<std::uint32_t>(found.at(byte)) != std::bit_cast<std::uint32_t>(table[byte]))
      return std::nullopt;
  }
  return found;
}

}  // namespace

Normalize make_normalize(const Normalization& normalization, Index channels) {
  const FloatEnvironment environment;  // the caller's environment may differ
  CONVOY_ASSERT(channels >= 1);
  check(normalization, channels);
  Normalize op;
  const bool alike = normalization.mean.empty() && normalization.stddev.empty();
  op.channels = alike ? 1 : channels;
  std::vector<Coefficients> all;
  for (Index c = 0; c < op.channels; ++c) {
    const Affine& affine =
        op.affine.emplace_back(affine_of(normalization, static_cast<std::size_t>(c)));
    for (Index byte = 0; byte < Normalize::kBytes; ++byte)
      op.table.push_back(entry(affine, c, byte));
    const float* row = op.table.data() + c * Normalize::kBytes;
    if (const auto found = coefficients_of(affine, row)) all.push_back(*found);
  }
  if (static_cast<Index>(all.size()) != op.channels) return op;
  for (Index k = 0; k < op.channels + Normalize::kMostLanes; ++k) {
    const Coefficients& one = all[static_cast<std::size_t>(k % op.channels)];
    op.centre.push_back(one.centre);
    op.high.push_back(one.high);
    op.low.push_back(one.low);
    op.rest.push_back(one.rest);
  }
  return op;
}

}  // namespace convoy
