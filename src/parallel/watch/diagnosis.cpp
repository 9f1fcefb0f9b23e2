// SPDX-License-Identifier: Apache-2.0
// The diagnoses of a watch: which rank the others wait for in vain, and what is known about it.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "parallel/watch.hpp"

namespace convoy {

// "step 17, training"
std::string Watch::state(int rank) const {
  const Standing now = standing(rank);
  return fmt::format("step {}, {}", now.step, to_string(now.activity));
}

std::string Watch::waiting(const Standing& now) const {
  if (!now.waits()) return "is not waiting";
  return fmt::format("waits for {} in the {}",
                     now.waits_for >= 0 ? fmt::format("rank {}", now.waits_for) : "all",
                     to_string(static_cast<SyncPoint>(now.sync_point)));
}

// `culprit` is the first of `how_many`.
void Watch::throw_failure_of(int culprit, std::size_t how_many, const std::string& reason) const {
  // This rank will fail. The others read here which rank it was waiting for.
  if (culprit != rank_) liveness_table_[rank_].waits_for.store(culprit, std::memory_order_release);
  const std::string more = how_many > 1 ? fmt::format(" (and {} more)", how_many - 1) : "";
  throw SystemError(
      Fault::peer,
      fmt::format("the {} of step {}", to_string(sync_point_), liveness_table_[rank_].step.load()),
      fmt::format("rank {}{}", culprit, more), reason);
}

// A rank that failed because of another rank names it in its reason. This follows the chain and
// reports its first rank.
void Watch::throw_cause_of_failure(int first) const {
  int rank = first;
  for (int hops = 0; hops < liveness_table_.size(); ++hops) {
    const Standing now = standing(rank);
    const int next = now.waits_for;
    if (!now.waits() || next < 0 || next >= liveness_table_.size() || next == rank_) break;
    const std::string reason = liveness_table_.reason(rank);
    if (reason.find(fmt::format("failed on rank {} (", next)) == std::string::npos) break;
    if (standing(next).activity == Activity::failed) {
      rank = next;
    } else if (processes_.gone(next)) {
      throw_failure_of(next, 1, fmt::format("its process has ended; it was in {}", state(next)));
    } else {
      throw_failure_of(next, 1, fmt::format("rank {} says: {}", rank, reason));
    }
  }
  const std::string reason = liveness_table_.reason(rank);
  throw_failure_of(rank, 1, reason.empty() ? "it failed" : "it failed: " + reason);
}

void Watch::throw_disagreement() {
  std::vector<int> ranks;
  for (Index rank = among_.begin; rank < among_.end; ++rank) {
    ranks.push_back(static_cast<int>(rank));
  }
  throw_minority(ranks);
}

// Reports the ranks at the synchronization point where the fewest wait; of several such points, the
// one with the highest rank.
void Watch::throw_minority(std::span<const int> ranks) const {
  struct Group {
    Standing at;
    std::vector<int> ranks;
  };
  std::vector<Group> groups;
  for (const int rank : ranks) {
    const Standing now = standing(rank);
    if (!now.known || !now.waits()) continue;
    auto group = std::ranges::find_if(
        groups, [&now](const Group& other) { return other.at.same_sync_point(now); });
    if (group == groups.end()) group = groups.insert(group, {now, {}});
    group->ranks.push_back(rank);
    std::ranges::sort(group->ranks);
  }
  if (groups.size() < 2) {
    throw SystemError(Fault::peer, fmt::format("the {}", to_string(sync_point_)), "another rank",
                      "it is at another synchronization point");
  }
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    if (a.ranks.size() != b.ranks.size()) return a.ranks.size() < b.ranks.size();
    return a.ranks.back() > b.ranks.back();
  });
  const auto describe = [](const Group& group) {
    return fmt::format("in the {} of step {}",
                       to_string(static_cast<SyncPoint>(group.at.sync_point)), group.at.step);
  };
  const Group &minority = groups.front(), &most = groups.back();
  throw_failure_of(
      minority.ranks.front(), minority.ranks.size(),
      fmt::format("it waits {}, {} {}", describe(minority),
                  groups.size() == 2 ? "the others" : fmt::format("rank {}", most.ranks.front()),
                  describe(most)));
}

}  // namespace convoy
