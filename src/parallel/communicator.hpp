// SPDX-License-Identifier: Apache-2.0
// The calls by which the ranks of a job work together. In a job of one rank every function is the
// identity.
//
// Ranks that share memory form a memory domain. Ranks of a memory domain have consecutive numbers;
// where no memory can be shared, every rank is a memory domain of its own. Within a memory domain
// ranks write and read the same blocks and wait for each other in barriers; between memory domains
// they exchange messages.
//
// One thread of each rank, always the same one, makes the collective calls, in the same order on
// all ranks. Where a rank does not take part (it failed, left, was killed, hangs, or makes another
// call), the calls of all other ranks throw SystemError(Fault::peer) with its number: at once where
// a process of this memory domain died or failed, after the stall timeout otherwise.
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

// What a collective call is for. Ranks that arrive at different synchronization points are an
// error.
enum class SyncPoint : std::uint8_t {
  start,         // ranks agree on the identity of the run
  allocation,    // a memory domain allocates a shared block
  statistics,    // the statistics of a phase are computed
  gradients,     // the gradients of a step are computed
  exchange,      // memory domains exchange the sums of a step
  update,        // the weights are updated
  stage,         // a stage of a tensor-parallel net is computed
  evaluation,    // some samples are evaluated
  verification,  // ranks compare their weights
  checkpoint,    // a checkpoint may be written
  end,           // the run ends
};
std::string_view to_string(SyncPoint sync_point);

// What a rank is doing, for the message that names the rank for which the others wait.
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
  // The ranks of each memory domain, in order; together they are [0, size).
  virtual std::span<const Range> domains() const = 0;
  // The ranks of this host, whether they share memory or not.
  virtual Range host() const = 0;

  // Collective over the memory domain: returns a zeroed block that all its ranks share, aligned to
  // a cache line. The block lives at least as long as the communicator.
  virtual std::shared_ptr<std::byte[]> allocate(Index bytes) = 0;

  // Collective over the memory domain: returns once all its ranks have arrived; each then sees what
  // the others wrote before they arrived.
  virtual void barrier(SyncPoint sync_point) = 0;

  // Collective over the ranks named in `out` and `in`: sends and receives all messages, in any
  // order; the sizes must be equal on both sides. The call owns the memory until it returns.
  virtual void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                        SyncPoint sync_point) = 0;

  // Collective over all ranks: each number becomes its sum over the ranks, in the order that the
  // message library chooses. Only `--reduction fast` may use it.
  virtual void sum(std::span<float> values) = 0;
  virtual void sum(std::span<double> values) = 0;

  // publish() says what this rank is doing, and in which step, and counts as a heartbeat. One
  // thread at a time may call either; a call costs a few stores. A collective call carries the
  // published step, which must be equal on all ranks that take part.
  virtual void publish(Activity activity, std::int64_t step) noexcept = 0;
  virtual void heartbeat() noexcept = 0;

  // Not collective, and never throws: this rank ends for this reason and makes no further
  // collective call. A wait for it in its memory domain ends at once, with SystemError.
  virtual void fail(std::string_view reason) noexcept = 0;

  // Not collective: true for the first rank of each host that calls it. That rank, the reporter,
  // tells the user why the job failed; the other ranks, which fail because of it, print nothing.
  virtual bool claim_reporter() noexcept { return true; }
};

// The memory domain of the communicator's own rank: its number among the memory domains, its ranks,
// and whether the own rank is the first of them.
int domain_index(const Communicator& communicator);
Range domain_ranks(const Communicator& communicator);
bool leads_domain(const Communicator& communicator);

// Collective over the memory domain: a zeroed block of `count` elements of type T.
template <class T>
std::shared_ptr<T[]> allocate(Communicator& communicator, Index count) {
  static_assert(std::is_trivially_copyable_v<T>);
  auto bytes = communicator.allocate(count * static_cast<Index>(sizeof(T)));
  return {bytes, reinterpret_cast<T*>(bytes.get())};
}

// A job of one rank.
std::unique_ptr<Communicator> alone();

// How the ranks of a job communicate.
struct RanksOptions {
  // window: the ranks of a host share memory, or the constructor throws UserError(unavailable);
  // messages: ranks never share memory; automatic: ranks share memory where the host permits it.
  enum class Memory { automatic, window, messages };
  Memory memory = Memory::automatic;
  bool one_domain = false;    // all ranks share memory, or none do, as tensor-parallel ranks need
  double stall_timeout = 30;  // seconds without a heartbeat until a rank counts as hung
  // True once the program got SIGTERM, which may mean that a rank died. From then on a wait for
  // ranks that the liveness table does not show ends after half a second. May be null.
  const std::atomic<bool>* terminated = nullptr;
  // Some calls of the MPI library, MPI_Init and MPI_Finalize among them, wait for all ranks without
  // a limit, and return no control to the caller meanwhile. This function is called with such a
  // call's name before it, and with a null pointer after it, so that a program can set a limit of
  // its own (a timer and a signal, say). It must not throw. May be empty.
  std::function<void(const char* call)> around_unlimited_call;
};

// The job that MPI sees (MPI_COMM_WORLD, renumbered so that memory domains are in order).
// Initialises MPI unless the program did, and then finalises it with the communicator. While an
// exception is in flight it does not finalise MPI; the other ranks learn that this one failed. At
// most one such communicator may exist at a time. Throws UserError(unavailable) in a build without
// MPI.
std::unique_ptr<Communicator> mpi(const RanksOptions& options = {});

// The number of processes that a launcher (mpirun, srun) started with this one; 1 without launcher.
int announced_ranks();
// The number of this process among them; 0 without launcher.
int announced_rank();
// True where srun started this process as one of several without the service (PMI or PMIx) by which
// an MPI library finds the other ranks; then mpi() throws UserError(unavailable).
bool lacks_process_manager();

// The command that starts ranks of this build ("mpirun" of the MPI library that it is linked with),
// and the library's name and version; empty without MPI.
std::string mpi_launcher();
std::string mpi_library();

}  // namespace convoy
