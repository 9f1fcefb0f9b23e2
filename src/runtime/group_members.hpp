// SPDX-License-Identifier: Apache-2.0
// The members of a worker group divide the units of a stage. They are on this rank and, where ranks
// are tensor parallel, on all others.
#pragma once

#include <algorithm>

#include "base/tensor.hpp"

namespace convoy {

struct GroupMembers {
  int local = 1;           // members on this rank
  int first = 0;           // the number of this rank's first member among all members
  int all = 1;             // members on all ranks
  bool one_memory = true;  // all of them share the workspace

  // The part of `units` that this rank's `member` works on.
  Range part(Index units, int member) const { return split(units, all, first + member); }
  // The parts of all members of rank `r`, together (each rank has `local` members).
  Range part_of_rank(Index units, int r) const {
    const Index rank_begin = Index{r} * local;
    return {split(units, all, rank_begin).begin, split(units, all, rank_begin + local - 1).end};
  }
  // The same for work that is done once in each memory: by all members together where they share
  // the workspace, else on every rank.
  Range part_per_memory(Index units, int member) const {
    return one_memory ? part(units, member) : split(units, local, member);
  }
};

// How much of a batch a worker group takes.
struct GroupShare {
  Index grain = 1;              // samples
  Index microbatch_grains = 1;  // at once
  Index grains = 1;             // of the largest batch

  Index microbatch_samples() const { return microbatch_grains * grain; }
  Index samples() const { return grains * grain; }

  // The microbatch that begins with grain `begin` of the batch; it ends within [of), and within
  // the group of `group_samples` samples in which it begins (0: no groups).
  Range microbatch(Index begin, Range of, Index group_samples) const {
    Index end = std::min(begin + microbatch_grains, of.end);
    if (const Index group = group_samples / grain; group > 0) {
      end = std::min(end, (begin / group + 1) * group);
    }
    return {begin, end};
  }
};

}  // namespace convoy
