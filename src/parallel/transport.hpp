// SPDX-License-Identifier: Apache-2.0
// Messages between ranks, without waiting: the calls of a message library that the rest of
// src/parallel needs. mpi.cpp implements them with MPI; the tests with threads of one process.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "parallel/communicator.hpp"

namespace convoy {

// What a rank sends to the others when it has waited too long; see watch.hpp.
struct StatusMessage {
  std::int32_t rank = 0;
  std::int32_t activity = 0;
  std::int32_t sync_point = -1;  // where it waits; -1: it does not wait
  std::int32_t sequence = 0;     // the step of that synchronization point
  std::int64_t step = 0;
};

// One thread of each rank calls it. A call that fails throws SystemError(Fault::peer) with the name
// of the call and the peer.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // The host number of each rank: equal for ranks that may share memory; the numbers never descend.
  virtual const std::vector<int>& hosts() const = 0;

  // start() and start_sum() begin an exchange or a sum; only one may be in progress. The caller
  // then calls done() until it returns true: the operation is complete. `tag` (0 to 32767) must be
  // equal on all ranks.
  virtual void start(std::span<const Outgoing> out, std::span<const Incoming> in, int tag) = 0;
  virtual void start_sum(std::span<float> values) = 0;
  virtual void start_sum(std::span<double> values) = 0;
  virtual bool done() = 0;

  // Independent of the exchanges, and without waiting: tell_all() sends a status to all other
  // ranks; hear() returns one that arrived, if any.
  virtual void tell_all(const StatusMessage& message) = 0;
  virtual std::optional<StatusMessage> hear() = 0;

  // The last call. `orderly`: collective, waits for all ranks; otherwise leaves without waiting.
  virtual void end(bool orderly) noexcept = 0;
};

// MPI_COMM_WORLD, renumbered so that the ranks of a host follow each other (world rank 0 stays 0).
// `around_unlimited_call` is that of RanksOptions.
std::unique_ptr<Transport> mpi_transport(
    const std::function<void(const char* call)>& around_unlimited_call = {});

// lacks_process_manager() for an MPI library that supports only PMIx.
bool lacks_pmix();

}  // namespace convoy
