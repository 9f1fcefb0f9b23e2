// SPDX-License-Identifier: Apache-2.0
// The liveness table: what each rank is doing, in memory that all ranks of a host and their
// supervisor can read. A rank writes only its own entry, except for `reporter`.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parallel/communicator.hpp"

namespace convoy {

inline constexpr std::int32_t kNoRank = -1;
inline constexpr std::int32_t kAllRanks = -2;
inline constexpr std::int32_t kDomainRanks = -3;  // all of this rank's memory domain

// An entry lies in zeroed shared memory. pid 0: the rank has not started yet, or runs on another
// host.
struct alignas(kAlignment) LivenessTableEntry {
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint8_t> activity;    // Activity
  std::atomic<std::uint8_t> waiting;     // 1: in a barrier or an exchange
  std::atomic<std::uint8_t> sync_point;  // SyncPoint, while waiting
  std::atomic<std::int32_t> waits_for;   // a rank, kNoRank, kAllRanks, kDomainRanks
  std::atomic<std::uint32_t> sequence;   // the step of its current synchronization point
  std::atomic<std::int64_t> step;
  std::atomic<std::uint64_t> heartbeat;  // increases when the rank makes progress
  std::atomic<std::uint32_t> has_reason;
  std::array<char, 400> reason;  // why it failed (Activity::failed), with a terminating zero
  // The program's exit code plus 1, once known; 0: not known. It is here because a rank under a
  // supervisor may exit with 0, so that the launcher does not end the job.
  std::atomic<std::int32_t> exit_code;
  std::atomic<std::uint32_t> reporter;  // in the host's first entry; 1: claimed (claim_reporter)
};

// A view over entries in shared memory, which it keeps alive.
class LivenessTable {
 public:
  static Index bytes(int ranks) { return ranks * static_cast<Index>(sizeof(LivenessTableEntry)); }
  LivenessTable(std::shared_ptr<std::byte[]> memory, int ranks);

  // Maps the file that a supervisor made (its path is in CONVOY_LIVENESS_TABLE). Null where the
  // file does not exist or is too small.
  static std::unique_ptr<LivenessTable> open_file(const std::string& path, int ranks);
  // Makes that file, for this user alone. Throws SystemError(io) where it exists already.
  static std::unique_ptr<LivenessTable> create_file(const std::string& path, int ranks);

  int size() const { return ranks_; }
  LivenessTableEntry& operator[](int rank) { return entries_[rank]; }
  const LivenessTableEntry& operator[](int rank) const { return entries_[rank]; }

  // Keeps the first reason: later calls change nothing.
  void set_reason(int rank, std::string_view reason) noexcept;
  std::string reason(int rank) const;  // empty: no reason was set

 private:
  std::shared_ptr<std::byte[]> memory_;
  LivenessTableEntry* entries_;
  int ranks_;
};

// "rank 2 (step 17, training) waits for rank 1 in the update": an entry in words.
std::string describe(const LivenessTable& liveness_table, int rank);

}  // namespace convoy
