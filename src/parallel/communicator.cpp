// SPDX-License-Identifier: Apache-2.0
// The names of synchronization points and activities, and the memory domain of a rank.
#include <algorithm>

#include "base/check.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

std::string_view to_string(SyncPoint sync_point) {
  switch (sync_point) {
    case SyncPoint::start:
      return "start";
    case SyncPoint::allocation:
      return "allocation";
    case SyncPoint::statistics:
      return "statistics";
    case SyncPoint::gradients:
      return "gradients";
    case SyncPoint::exchange:
      return "exchange";
    case SyncPoint::update:
      return "update";
    case SyncPoint::stage:
      return "stage";
    case SyncPoint::evaluation:
      return "evaluation";
    case SyncPoint::verification:
      return "verification";
    case SyncPoint::checkpoint:
      return "checkpoint";
    case SyncPoint::end:
      return "end";
  }
  return "unknown synchronization point";
}

std::string_view to_string(Activity activity) {
  switch (activity) {
    case Activity::starting:
      return "starting";
    case Activity::training:
      return "training";
    case Activity::evaluating:
      return "evaluating";
    case Activity::saving:
      return "saving";
    case Activity::left:
      return "left";
    case Activity::failed:
      return "failed";
  }
  return "in an unknown activity";
}

int domain_index(const Communicator& communicator) {
  const auto domains = communicator.domains();
  const auto mine = std::ranges::find_if(
      domains, [rank = communicator.rank()](const Range& domain) { return rank < domain.end; });
  CONVOY_ASSERT(mine != domains.end());
  return static_cast<int>(mine - domains.begin());
}

Range domain_ranks(const Communicator& communicator) {
  return communicator.domains()[static_cast<std::size_t>(domain_index(communicator))];
}

bool leads_domain(const Communicator& communicator) {
  return communicator.rank() == domain_ranks(communicator).begin;
}

}  // namespace convoy
