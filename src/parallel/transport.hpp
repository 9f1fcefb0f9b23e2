// SPDX-License-Identifier: Apache-2.0
// Messages between ranks, without waiting: the little that the rest of comm/ needs of a message
// library. MPI in mpi.cpp; threads of one process in the tests.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace convoy {

// What a rank tells the others when its patience ends; see watch.hpp.
struct StatusMessage {
  std::int32_t rank = 0;
  std::int32_t activity = 0;
  std::int32_t meeting = -1;  // that it waits in; -1: in none
  std::int32_t sequence = 0;  // the step that meeting is in
  std::int64_t step = 0;
};

// One thread of each rank. What fails throws SystemError(Fault::peer) with the call and the peer.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // The host of each rank: equal where they may share memory, never descending.
  virtual const std::vector<int>& hosts() const = 0;

  // Starts one exchange (or sum) at a time; done() then says whether it is complete, and is to be
  // called until it is. `tag` (0 to 32767) must agree.
  virtual void start(std::span<const Outgoing> out, std::span<const Incoming> in, int tag) = 0;
  virtual void start_sum(std::span<float> values) = 0;
  virtual void start_sum(std::span<double> values) = 0;
  virtual bool done() = 0;

  // Beside the exchanges, never waited for: a word to all others, and what came of theirs.
  virtual void tell_all(const StatusMessage& message) = 0;
  virtual std::optional<StatusMessage> hear() = 0;

  // The last call. Orderly: all ranks come here; otherwise leaves without waiting for anyone.
  virtual void end(bool orderly) noexcept = 0;
};

// MPI_COMM_WORLD, renumbered so that the ranks of a host follow each other (world rank 0 stays 0).
// `around_unlimited_call` is that of RanksOptions.
std::unique_ptr<Transport> mpi_transport(
    const std::function<void(const char* call)>& around_unlimited_call = {});

// lacks_process_manager(), as it is for a library that knows PMIx alone.
bool lacks_pmix();

}  // namespace convoy
