// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "parallel/communicator.hpp"
#include "runtime/engine.hpp"
#include "runtime/grain_list.hpp"

namespace convoy {

// Collective. Before the call every rank has the scores of its own grains (data parallel);
// afterwards every rank has all scores.
void share_scores(Communicator& communicator, const GrainList& list, Index classes,
                  Evaluation& evaluation);

}  // namespace convoy
