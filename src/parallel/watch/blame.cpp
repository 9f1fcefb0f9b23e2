// SPDX-License-Identifier: Apache-2.0
// The words of a watch: which rank the others wait for in vain, and what is known of it.
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
  if (!now.waits()) return "waits for nobody";
  return fmt::format("waits for {} in the {}",
                     now.waits_for >= 0 ? fmt::format("rank {}", now.waits_for) : "all",
                     to_string(static_cast<Meeting>(now.meeting)));
}

// `culprit` is the first of `how_many`.
void Watch::blame(int culprit, std::size_t how_many, const std::string& reason) const {
  // Others see whom this rank, which will fail, was waiting for.
  if (culprit != rank_) board_[rank_].waits_for.store(culprit, std::memory_order_release);
  const std::string more = how_many > 1 ? fmt::format(" (and {} more)", how_many - 1) : "";
  throw SystemError(
      Fault::peer, fmt::format("the {} of step {}", to_string(meeting_), board_[rank_].step.load()),
      fmt::format("rank {}{}", culprit, more), reason);
}

// A rank that failed because of another one says so: the first of such a chain is named.
void Watch::blame_failed(int first) const {
  int rank = first;
  for (int hops = 0; hops < board_.size(); ++hops) {
    const Standing now = standing(rank);
    const int next = now.waits_for;
    if (!now.waits() || next < 0 || next >= board_.size() || next == rank_) break;
    const std::string reason = board_.reason(rank);
    if (reason.find(fmt::format("failed on rank {} (", next)) == std::string::npos) break;
    if (standing(next).activity == Activity::failed) {
      rank = next;
    } else if (processes_.gone(next)) {
      blame(next, 1, fmt::format("its process is gone; it was in {}", state(next)));
    } else {
      blame(next, 1, fmt::format("rank {} says: {}", rank, reason));
    }
  }
  const std::string reason = board_.reason(rank);
  blame(rank, 1, reason.empty() ? "it failed" : "it failed: " + reason);
}

void Watch::disagree() {
  std::vector<int> ranks;
  for (Index rank = among_.begin; rank < among_.end; ++rank) {
    ranks.push_back(static_cast<int>(rank));
  }
  blame_odd(ranks);
}

// The fewest that wait at one place, with the highest rank where there are several such places.
void Watch::blame_odd(std::span<const int> ranks) const {
  struct Group {
    Standing place;
    std::vector<int> ranks;
  };
  std::vector<Group> groups;
  for (const int rank : ranks) {
    const Standing now = standing(rank);
    if (!now.known || !now.waits()) continue;
    auto group = std::ranges::find_if(
        groups, [&now](const Group& other) { return other.place.same_place(now); });
    if (group == groups.end()) group = groups.insert(group, {now, {}});
    group->ranks.push_back(rank);
    std::ranges::sort(group->ranks);
  }
  if (groups.size() < 2) {
    throw SystemError(Fault::peer, fmt::format("the {}", to_string(meeting_)), "another rank",
                      "it came for something else");
  }
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    if (a.ranks.size() != b.ranks.size()) return a.ranks.size() < b.ranks.size();
    return a.ranks.back() > b.ranks.back();
  });
  const auto place = [](const Group& group) {
    return fmt::format("in the {} of step {}", to_string(static_cast<Meeting>(group.place.meeting)),
                       group.place.step);
  };
  const Group &odd = groups.front(), &most = groups.back();
  blame(odd.ranks.front(), odd.ranks.size(),
        fmt::format("it waits {}, {} {}", place(odd),
                    groups.size() == 2 ? "the others" : fmt::format("rank {}", most.ranks.front()),
                    place(most)));
}

}  // namespace convoy
