// SPDX-License-Identifier: Apache-2.0
// One reader and one copy of the data for each node, whatever the number of its ranks.
#pragma once

#include <string>
#include <string_view>

#include "data/catalog.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

// As load_data(name), collective over all ranks: the first rank of each node reads its machine's
// files; all ranks of the node see them in one block of memory, which lives as long as any Dataset
// over it. While it is filled, the part being copied (training, then test) is there twice on the
// reader. Where a reader fails, all ranks throw SharedError, which names the rank that failed where
// others did not. Whether nodes found the same data is another question: see agreement.hpp.
TrainAndTest load_data(Communicator& communicator, std::string_view name_or_folder);

// data.sha256(), collective over all ranks: reckoned by the first rank of each node, whose ranks
// hold the same data.
std::string shared_sha256(Communicator& communicator, const Dataset& data);

}  // namespace convoy
