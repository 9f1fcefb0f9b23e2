// SPDX-License-Identifier: Apache-2.0
// What all ranks do together outside of a step: agree, tell, gather. By messages
// (Communicator::exchange), among any number of ranks. All ranks call the same function with the
// same meeting and pass through the same number of exchanges. In a job of one rank each is the
// identity and exchanges nothing.
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

// Each rank's bytes, by rank; their sizes may differ.
//   one exchange with all others; a second one where some of them are long
std::vector<std::string> all_gather(Communicator& communicator, std::string_view mine,
                                    Meeting meeting);

// The same for rank 0 alone; the others get nothing.
//   one exchange of each with rank 0; a second one of those whose bytes are long
std::vector<std::string> gather(Communicator& communicator, std::string_view mine, Meeting meeting);

// The bytes of rank 0; those of the others are not looked at.
//   down a binomial tree: ceil(log2 size) exchanges; as many again where they are long
std::string broadcast(Communicator& communicator, std::string_view of_first_rank, Meeting meeting);

// What `work` returns on rank 0, the only one that calls it. Where it throws, all ranks throw
// SharedError with its fault and words; alone, what it threw. Work that takes long should give
// signs of life (Communicator::pulse).
std::string on_first_rank(Communicator& communicator, const std::function<std::string()>& work,
                          Meeting meeting = Meeting::start);

// Rank r brings the bytes [parts[r]) of `whole`; then all ranks hold all parts. Parts may be empty
// and must not overlap; `whole` has one size and `parts` are equal on all ranks.
//   one exchange with all others, in place: a rank sends its part size - 1 times
void gather_parts(Communicator& communicator, std::span<std::byte> whole,
                  std::span<const Range> parts, Meeting meeting);

// Several texts in one, and back. What pack() did not make gives the texts that can be read.
std::string pack(std::span<const std::string> texts);
std::vector<std::string> unpack(std::string_view packed);

}  // namespace convoy
