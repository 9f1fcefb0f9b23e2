// SPDX-License-Identifier: Apache-2.0
// What a communicator's words mean, and where among the nodes its rank is.
#include <algorithm>

#include "base/check.hpp"
#include "parallel/communicator.hpp"

namespace convoy {

std::string_view to_string(Meeting meeting) {
  switch (meeting) {
    case Meeting::start:
      return "start";
    case Meeting::allocation:
      return "allocation";
    case Meeting::gradients:
      return "gradients";
    case Meeting::exchange:
      return "exchange";
    case Meeting::update:
      return "update";
    case Meeting::stage:
      return "stage";
    case Meeting::evaluation:
      return "evaluation";
    case Meeting::verification:
      return "verification";
    case Meeting::checkpoint:
      return "checkpoint";
    case Meeting::end:
      return "end";
  }
  return "unknown meeting";
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
  return "doing what this version does not know";
}

int node_index(const Communicator& communicator) {
  const auto nodes = communicator.nodes();
  const auto mine = std::ranges::find_if(
      nodes, [rank = communicator.rank()](const Range& node) { return rank < node.end; });
  CONVOY_ASSERT(mine != nodes.end());
  return static_cast<int>(mine - nodes.begin());
}

Range node_ranks(const Communicator& communicator) {
  return communicator.nodes()[static_cast<std::size_t>(node_index(communicator))];
}

bool leads_node(const Communicator& communicator) {
  return communicator.rank() == node_ranks(communicator).begin;
}

}  // namespace convoy
