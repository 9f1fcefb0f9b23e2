// SPDX-License-Identifier: Apache-2.0
#include "data/order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "base/float_environment.hpp"
#include "base/random.hpp"

namespace convoy {
namespace {

struct Keyed {
  std::uint32_t key;
  std::uint32_t sample;
};

std::vector<Keyed> keyed(Index size, const RandomStream& stream) {
  CONVOY_ASSERT(size >= 0 && size <= Index{UINT32_MAX});
  std::vector<Keyed> samples(static_cast<std::size_t>(size));
  for (std::uint32_t i = 0; i < samples.size(); ++i) samples[i] = {random_bits(stream, i, 0), i};
  return samples;
}

// Sorts by (key, sample). A radix sort from the low digit up keeps the order of equal keys, and the
// samples come in ascending order. It takes a tenth of the time of std::sort.
void sort_by_key(std::vector<Keyed>& samples) {
  constexpr int kDigitBits = 11, kDigits = 3;
  constexpr std::uint32_t kValues = 1U << kDigitBits;
  std::vector<Keyed> other(samples.size());
  for (int digit = 0; digit < kDigits; ++digit) {
    const auto value = [&](const Keyed& s) {
      return s.key >> (digit * kDigitBits) & (kValues - 1);
    };
    std::array<std::uint32_t, kValues> offsets{};
    for (const Keyed& s : samples) ++offsets[value(s)];
    std::exclusive_scan(offsets.begin(), offsets.end(), offsets.begin(), 0U);
    for (const Keyed& s : samples) other[offsets[value(s)]++] = s;
    samples.swap(other);
  }
}

std::vector<std::uint32_t> shuffled(Index size, std::uint64_t seed, Index epoch) {
  std::vector<Keyed> samples =
      keyed(size, {seed, Purpose::epoch_order, 0, static_cast<std::uint32_t>(epoch)});
  sort_by_key(samples);
  std::vector<std::uint32_t> order(samples.size());
  std::ranges::transform(samples, order.begin(), &Keyed::sample);
  return order;
}

std::vector<std::uint32_t> side_by_side(Index size, Index shards) {
  std::vector<std::uint32_t> order;
  order.reserve(static_cast<std::size_t>(size));
  const Index filled = std::min(shards, size);  // the shards after these are empty
  const Index longest = filled == 0 ? 0 : (size + shards - 1) / shards;
  for (Index row = 0; row < longest; ++row) {
    for (Index shard = 0; shard < filled; ++shard) {
      const Range range = split(size, shards, shard);
      if (row < range.size()) order.push_back(static_cast<std::uint32_t>(range.begin + row));
    }
  }
  return order;
}

}  // namespace

Order parse_order(std::string_view text) {
  constexpr Index kMostShards = Index{1} << 20;
  constexpr std::string_view kShards = "shards:";
  if (text == "shuffled") return {Order::Kind::shuffled, 1};
  if (text == "sequential") return {Order::Kind::sequential, 1};
  if (text.starts_with(kShards)) {
    Order order{Order::Kind::shards, 0};
    const char *begin = text.data() + kShards.size(), *end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(begin, end, order.shards);
    if (error == std::errc() && rest == end && order.shards >= 1 && order.shards <= kMostShards) {
      return order;
    }
  }
  throw UserError(
      Fault::usage, fmt::format("unknown order '{}'", text), "",
      fmt::format("write shuffled, sequential or shards:N with N from 1 to {}", kMostShards));
}

std::string to_string(const Order& order) {
  switch (order.kind) {
    case Order::Kind::shuffled:
      return "shuffled";
    case Order::Kind::sequential:
      return "sequential";
    case Order::Kind::shards:
      break;
  }
  return fmt::format("shards:{}", order.shards);
}

std::vector<std::uint32_t> epoch_order(const Order& order, Index size, std::uint64_t seed,
                                       Index epoch) {
  CONVOY_ASSERT(size >= 0 && size <= Index{UINT32_MAX});
  if (order.kind == Order::Kind::shuffled) return shuffled(size, seed, epoch);
  if (order.kind == Order::Kind::shards) return side_by_side(size, order.shards);
  std::vector<std::uint32_t> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

Split hold_out(Index size, double fraction, std::uint64_t seed) {
  const FloatEnvironment environment;  // the caller's environment may differ
  if (!(fraction >= 0 && fraction < 1))
    throw UserError(Fault::usage, fmt::format("cannot hold out {} of the samples", fraction), "",
                    "give a fraction of at least 0 and below 1");
  const auto held = static_cast<Index>(std::floor(fraction * static_cast<double>(size) + 0.5));
  if (size > 0 && held >= size)
    throw UserError(Fault::usage,
                    fmt::format("holding out {} of {} samples leaves none to train on", held, size),
                    "", "give a smaller fraction");
  std::vector<Keyed> samples = keyed(size, {seed, Purpose::validation, 0, 0});
  sort_by_key(samples);
  std::vector<bool> validates(samples.size());
  for (Index i = 0; i < held; ++i) validates[samples[static_cast<std::size_t>(i)].sample] = true;
  Split split;
  for (std::uint32_t i = 0; i < samples.size(); ++i)
    (validates[i] ? split.validation : split.train).push_back(i);
  return split;
}

Split hold_out(Index size, std::span<const std::uint32_t> validation, Index limit) {
  const auto refuse = [](const std::string& why) {
    throw UserError(
        Fault::bad_data, "the data set's validation samples cannot be held out", why,
        "give samples of the training part in ascending order, and leave some to train");
  };
  if (std::ranges::adjacent_find(validation, std::ranges::greater_equal{}) != validation.end())
    refuse("they do not ascend");
  if (!validation.empty() && Index{validation.back()} >= size)
    refuse(fmt::format("sample {} of {}", validation.back(), size));
  if (static_cast<Index>(validation.size()) == size && size > 0) refuse("they are all samples");
  Split split{{}, {validation.begin(), validation.end()}};
  const Index most = limit == 0 ? size : limit;
  auto held = validation.begin();
  for (std::uint32_t i = 0; i < size && static_cast<Index>(split.train.size()) < most; ++i) {
    const bool is_held = held != validation.end() && *held == i;
    if (is_held) ++held;
    if (!is_held) split.train.push_back(i);
  }
  return split;
}

std::string validation_sha256(std::span<const std::uint32_t> validation) {
  if (validation.empty()) return "";
  Sha256 digest;
  digest.update(validation);
  return digest.hex();
}

}  // namespace convoy
