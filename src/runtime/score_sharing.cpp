// SPDX-License-Identifier: Apache-2.0
#include "runtime/score_sharing.hpp"

#include "parallel/collectives.hpp"

namespace convoy {

void share_scores(Communicator& communicator, const GrainList& list, Index classes,
                  Evaluation& evaluation) {
  if (communicator.size() == 1) return;
  const auto parts = [&](Index bytes) {
    std::vector<Range> ranges;
    for (int r = 0; r < communicator.size(); ++r) {
      const Range samples = list.range(split(list.count(), communicator.size(), r));
      ranges.push_back({std::min(samples.begin, samples.end) * bytes, samples.end * bytes});
    }
    return ranges;
  };
  gather_parts(communicator, std::as_writable_bytes(std::span(evaluation.predictions)),
               parts(sizeof(std::uint16_t)), SyncPoint::evaluation);
  if (evaluation.probabilities.empty()) return;
  gather_parts(communicator, std::as_writable_bytes(std::span(evaluation.probabilities)),
               parts(classes * static_cast<Index>(sizeof(float))), SyncPoint::evaluation);
}

}  // namespace convoy
