// SPDX-License-Identifier: Apache-2.0
// The board: what each rank is doing, where all ranks of a machine, and whoever watches over them,
// can see it. A rank writes its own entry alone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "parallel/communicator.hpp"

namespace convoy {

inline constexpr std::int32_t kNobody = -1;
inline constexpr std::int32_t kEveryone = -2;
inline constexpr std::int32_t kNodeMates = -3;  // all of this rank's node

// In zeroed shared memory: pid 0 is a rank that has not come yet, or is on another machine.
struct alignas(kAlignment) BoardEntry {
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint8_t> activity;   // Activity
  std::atomic<std::uint8_t> waiting;    // 1: in a meeting
  std::atomic<std::uint8_t> meeting;    // Meeting, while waiting
  std::atomic<std::int32_t> waits_for;  // a rank, kNobody, kEveryone, kNodeMates
  std::atomic<std::uint32_t> sequence;  // of its meetings: the step they are in
  std::atomic<std::int64_t> step;
  std::atomic<std::uint64_t> pulse;  // changes with every sign of life
  std::atomic<std::uint32_t> has_reason;
  std::array<char, 400> reason;  // of Activity::failed, with its end
  // What the program will exit with, plus 1, once it knows: a rank under a supervisor may end with
  // 0 for the launcher's sake. 0: not known.
  std::atomic<std::int32_t> exit_code;
  std::atomic<std::uint32_t> voice;  // of the host's first rank, 1: taken (claim_voice)
};

// A view over entries in shared memory, kept alive.
class Board {
 public:
  static Index bytes(int ranks) { return ranks * static_cast<Index>(sizeof(BoardEntry)); }
  Board(std::shared_ptr<std::byte[]> memory, int ranks);

  // The file that a supervisor made (its path in CONVOY_BOARD), or null: not there, too small.
  static std::unique_ptr<Board> open_file(const std::string& path, int ranks);
  // Makes that file, for this user alone; SystemError(io) where there is one already.
  static std::unique_ptr<Board> create_file(const std::string& path, int ranks);

  int size() const { return ranks_; }
  BoardEntry& operator[](int rank) { return entries_[rank]; }
  const BoardEntry& operator[](int rank) const { return entries_[rank]; }

  // The first reason stands.
  void set_reason(int rank, std::string_view reason) noexcept;
  std::string reason(int rank) const;  // empty where none

 private:
  std::shared_ptr<std::byte[]> memory_;
  BoardEntry* entries_;
  int ranks_;
};

// "rank 2 (step 17, training) waits for rank 1 in the update": an entry in words.
std::string describe(const Board& board, int rank);

}  // namespace convoy
