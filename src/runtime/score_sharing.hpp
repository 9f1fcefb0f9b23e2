// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "parallel/communicator.hpp"
#include "runtime/engine.hpp"
#include "runtime/grain_list.hpp"

namespace convoy {

// Collective. Every rank has the scores of its own grains (cut by data): all get all.
void share_scores(Communicator& communicator, const GrainList& list, Index classes,
                  Evaluation& evaluation);

}  // namespace convoy
