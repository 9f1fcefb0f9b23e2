// SPDX-License-Identifier: Apache-2.0
// Ranks as threads of one process: a Transport whose messages go through shared queues. As with
// MPI, short messages are complete once sent, longer ones once received, and operations that do not
// match (in tag or size, or two different sums) never complete.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "parallel/transport.hpp"

namespace convoy {

// Messages of up to this number of bytes are complete before they are received.
inline constexpr std::size_t kEagerBytes = 256;

// Makes a transport for each rank, on the given hosts (never descending). One thread uses each
// transport.
std::vector<std::unique_ptr<Transport>> thread_transports(std::vector<int> hosts);

// Calls `work` with each rank's transport, in a thread each. Once all have ended, throws the
// exception of the lowest rank that threw one.
void run_as_threads(const std::vector<int>& hosts,
                    const std::function<void(std::unique_ptr<Transport>)>& work);

// All ranks on one host.
inline std::vector<int> one_host(int ranks) {
  return std::vector<int>(static_cast<std::size_t>(ranks), 0);
}

// Polls until all started operations are complete.
void wait_for(Transport& transport);

}  // namespace convoy
