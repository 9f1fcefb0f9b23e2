// SPDX-License-Identifier: Apache-2.0
// One reader and one copy of the data for each memory domain, whatever its number of ranks.
#pragma once

#include <string>
#include <string_view>

#include "data/catalog.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

// Works as load_data(name, options), collective over all ranks: the first rank of each memory
// domain reads its host's files, and all ranks of the memory domain share them in one block of
// memory, which lives as long as any Dataset over it. While the block is filled, the reader holds
// the part that it copies (training, then test) twice. If a reader fails, all ranks throw
// SharedError; it names the rank if other readers did not fail. agreement.hpp checks that memory
// domains found the same data.
TrainAndTest load_data(Communicator& communicator, std::string_view name_or_folder,
                       const DataOptions& options = {});

// Returns data.sha256(), collective over all ranks: the first rank of each memory domain computes
// it, since the ranks of a memory domain hold the same data.
std::string shared_sha256(Communicator& communicator, const Dataset& data);

}  // namespace convoy
