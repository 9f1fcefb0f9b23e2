// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process: a Transport whose messages go through shared queues. As with
// MPI, short messages are complete once sent, longer ones once received, and what does not match
// (tag or size, or a sum against another) never completes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "parallel/transport.hpp"

namespace convoy {

// Messages of up to this many bytes are complete before anyone receives them.
inline constexpr std::size_t kEagerBytes = 256;

// A transport for each rank, on the hosts given (never descending). Each is used by one thread.
std::vector<std::unique_ptr<Transport>> thread_transports(std::vector<int> hosts);

// Calls `work` with each rank's transport, in a thread each. Once all have ended, throws what the
// lowest rank that threw has thrown.
void run_as_threads(const std::vector<int>& hosts,
                    const std::function<void(std::unique_ptr<Transport>)>& work);

// All ranks on one host.
inline std::vector<int> one_host(int ranks) {
  return std::vector<int>(static_cast<std::size_t>(ranks), 0);
}

// Polls until what was started is complete.
void wait_for(Transport& transport);

}  // namespace convoy
