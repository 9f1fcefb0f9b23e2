// SPDX-License-Identifier: Apache-2.0
// The second axis: other ranks. Alone, a rank is the whole job and every function is the identity.
//
// Ranks that share memory form a node. Ranks of a node are numbered one after the other; where no
// memory can be shared, every rank is a node of its own. Within a node ranks write and read the
// same blocks and meet; between nodes they exchange messages.
//
// Collective calls are made by one thread of each rank, always the same one, in the same order on
// all ranks. A rank that is not there (it failed, left, was killed, hangs, or calls something else)
// makes them throw SystemError(Fault::peer) naming it, on all others: at once where a process died
// or failed on this node, after the stall timeout otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/tensor.hpp"

namespace convoy {

// What a collective call is for: ranks that meet for different things are a fault, not a result.
enum class Meeting : std::uint8_t {
  start,         // agreeing on what the run is
  allocation,    // of a block that a node shares
  gradients,     // of a step are there
  exchange,      // of a step's sums between nodes
  update,        // of the weights is done
  stage,         // of a net that is cut by tensor
  evaluation,    // of some samples is done
  verification,  // that all hold the same weights
  checkpoint,    // may be written
  end,           // of the run
};
std::string_view to_string(Meeting meeting);

// What a rank is doing, for the message that names the one that keeps the others waiting.
enum class Activity : std::uint8_t { starting, training, evaluating, saving, left, failed };
std::string_view to_string(Activity activity);

// Bytes to or from another rank.
struct Outgoing {
  int to = 0;
  std::span<const std::byte> bytes;
};
struct Incoming {
  int from = 0;
  std::span<std::byte> bytes;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // The ranks of each node, in order; together [0, size).
  virtual std::span<const Range> nodes() const = 0;
  // The ranks of this machine, whether they share memory or not.
  virtual Range host() const = 0;

  // Collective over the node: a block that all its ranks share, zeroed, on a cache line; lives as
  // long as the communicator or longer.
  virtual std::shared_ptr<std::byte[]> allocate(Index bytes) = 0;

  // Collective over the node: returns once all its ranks are here; each then sees what the others
  // wrote before.
  virtual void meet(Meeting meeting) = 0;

  // Collective over those named: sends and receives all, in any order; sizes agree on both sides.
  // Memory belongs to the call until it returns.
  virtual void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                        Meeting meeting) = 0;

  // Collective over all ranks: each number becomes its sum over the ranks, in whatever order the
  // message library adds. What `--reduction fast` is; nothing else may use it.
  virtual void sum(std::span<float> values) = 0;
  virtual void sum(std::span<double> values) = 0;

  // What this rank is doing, and how far: a sign of life. From any one thread; costs a store.
  // Collective calls carry the step, which has to be the same on all ranks that come.
  virtual void publish(Activity activity, std::int64_t step) noexcept = 0;
  virtual void pulse() noexcept = 0;

  // Not collective, and never throws: this rank ends for this reason and will come to no meeting
  // any more. Those that wait for it leave at once where they share a node with it.
  virtual void fail(std::string_view reason) noexcept = 0;

  // Not collective: true for the first rank of each machine that asks. It tells the user why the
  // job failed; the others, which fail because of it, say nothing.
  virtual bool claim_voice() noexcept { return true; }
};

// The node of a communicator's own rank: its place among the nodes, and its ranks.
int node_index(const Communicator& communicator);
Range node_ranks(const Communicator& communicator);
bool leads_node(const Communicator& communicator);

// A block of `count` T for the node, zeroed.
template <class T>
std::shared_ptr<T[]> allocate(Communicator& communicator, Index count) {
  static_assert(std::is_trivially_copyable_v<T>);
  auto bytes = communicator.allocate(count * static_cast<Index>(sizeof(T)));
  return {bytes, reinterpret_cast<T*>(bytes.get())};
}

// A job of one rank.
std::unique_ptr<Communicator> alone();

// How the ranks of a job talk to each other.
struct RanksOptions {
  // window: ranks of a node share memory, or UserError(unavailable); messages: never; automatic:
  // where it can be had.
  enum class Memory { automatic, window, messages };
  Memory memory = Memory::automatic;
  bool one_node = false;      // window on all or on none: what ranks cut by tensor need
  double stall_timeout = 30;  // seconds without a sign of life until a rank counts as hung
  // Once true (the program got SIGTERM, which may mean that a rank died): waits for ranks that are
  // not seen to live end after half a second. May be null.
  const std::atomic<bool>* terminated = nullptr;
  // Some calls of the MPI library, MPI_Init and MPI_Finalize among them, wait for all ranks without
  // a limit, and return no control to the caller meanwhile. This function is called with such a
  // call's name before it, and with a null pointer after it, so that a program can set a limit of
  // its own (a timer and a signal, say). It must not throw. May be empty.
  std::function<void(const char* call)> around_unlimited_call;
};

// The job that MPI sees (MPI_COMM_WORLD, nodes in order). Initialises MPI where nobody did, and
// then finalises it with the communicator, unless an exception is under way: then the other ranks
// learn that this one failed. At most one at a time. UserError(unavailable) in a build without MPI.
std::unique_ptr<Communicator> mpi(const RanksOptions& options = {});

// Was this process started as one of several by a launcher (mpirun, srun)? 1 where not.
int announced_ranks();
// Its number there; 0 where alone.
int announced_rank();
// True where srun started this process as one of several without the service (PMI or PMIx) by which
// an MPI library finds the other ranks; then mpi() throws UserError(unavailable).
bool lacks_process_manager();

// The command that starts ranks of this build ("mpirun" of the library it was linked with), and the
// library's name and version; empty without MPI.
std::string mpi_launcher();
std::string mpi_library();

}  // namespace convoy
