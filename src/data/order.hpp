// SPDX-License-Identifier: Apache-2.0
// The order in which an epoch reads the samples. It is a function of (order, seed, epoch, sample
// count), never of threads or ranks. Positions count the training samples alone, without those held
// out for validation.
//
//   shuffled    sorted by (Philox(seed; epoch_order; epoch; sample), sample)
//   sequential  0, 1, 2, ...
//   shards:N    N contiguous shards read side by side: 0 of shard 0, 0 of shard 1, ... 1 of shard
//               0, ...; the first size % N shards are longer by one. A batch of N * b then holds b
//               samples of each shard, as if each of N programs read its own slice of the files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

struct Order {
  enum class Kind { shuffled, sequential, shards };
  Kind kind = Kind::shuffled;
  Index shards = 1;

  friend bool operator==(const Order&, const Order&) = default;
};

// Parses "shuffled", "sequential" or "shards:4". Throws UserError(usage) for other texts.
Order parse_order(std::string_view text);
std::string to_string(const Order& order);

// The positions 0 .. size - 1 in the order of this epoch. Epochs are counted from 1.
std::vector<std::uint32_t> epoch_order(const Order& order, Index size, std::uint64_t seed,
                                       Index epoch);

// Which samples train and which validate. round(fraction * size) samples are held out: those with
// the smallest (Philox(seed; validation; sample), sample). Both lists ascend.
struct Split {
  std::vector<std::uint32_t> train;
  std::vector<std::uint32_t> validation;
};
Split hold_out(Index size, double fraction, std::uint64_t seed);

// The same where the data set says which samples validate. The first `limit` of the others train;
// all of them where it is 0. Throws UserError(bad_data) unless `validation` ascends, each sample is
// below `size`, and some are left.
Split hold_out(Index size, std::span<const std::uint32_t> validation, Index limit);

// SHA-256 of these samples, as little-endian numbers of 32 bits; empty if there are none.
std::string validation_sha256(std::span<const std::uint32_t> validation);

}  // namespace convoy
