// SPDX-License-Identifier: Apache-2.0
// Collective functions for use outside of a step: gather, broadcast, agree. They exchange messages
// (Communicator::exchange) among any number of ranks. All ranks call the same function with the
// same synchronization point and pass through the same number of exchanges. In a job of one rank
// each function is the identity and exchanges nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

// Returns each rank's bytes, by rank; their sizes may differ.
//   cost: one exchange with all others; a second one where some of the bytes are long
std::vector<std::string> all_gather(Communicator& communicator, std::string_view mine,
                                    SyncPoint sync_point);

// Returns the same on rank 0 alone; the other ranks get an empty vector.
//   cost: one exchange of each rank with rank 0; a second one for the ranks whose bytes are long
std::vector<std::string> gather(Communicator& communicator, std::string_view mine,
                                SyncPoint sync_point);

// Returns the bytes of rank 0; the argument of the other ranks is ignored.
//   cost: down a binomial tree, ceil(log2 size) exchanges; as many again where the bytes are long
std::string broadcast(Communicator& communicator, std::string_view of_first_rank,
                      SyncPoint sync_point);

// Rank 0 alone calls `work`; all ranks return its result. Where `work` throws, all ranks throw
// SharedError with its fault and message; in a job of one rank the exception passes unchanged.
// `work` that takes long should call Communicator::heartbeat.
std::string on_first_rank(Communicator& communicator, const std::function<std::string()>& work,
                          SyncPoint sync_point = SyncPoint::start);

// Rank r supplies the bytes [parts[r]) of `whole`; afterwards all ranks hold all parts. Parts may
// be empty and must not overlap; the size of `whole` and `parts` are equal on all ranks.
//   cost: one exchange with all others, in place; a rank sends its part size - 1 times
void gather_parts(Communicator& communicator, std::span<std::byte> whole,
                  std::span<const Range> parts, SyncPoint sync_point);

// pack() joins several texts into one; unpack() separates them again. From input that pack() did
// not make, unpack() returns the texts that it can read.
std::string pack(std::span<const std::string> texts);
std::vector<std::string> unpack(std::string_view packed);

}  // namespace convoy
