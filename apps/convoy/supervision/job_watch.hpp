// SPDX-License-Identifier: Apache-2.0
// What a supervisor sees of the ranks of its job: the board, and whether their processes live. It
// waits for nobody, so it sees what a rank that waits, or the launcher, would not live to tell.
// Ranks on other machines it does not see: those on this one say what becomes of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.hpp"
#include "parallel/board.hpp"

namespace convoy::app {

class JobWatch {
 public:
  // Seconds until a rank that does not move counts as hung, and until all must have come.
  // `several_machines`: a rank that is not seen may be on another one.
  JobWatch(const Board& board, double stall_timeout, double start_timeout, bool several_machines);
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  // To be called many times a second. `seconds` passed since the last time, in which this process
  // itself was not stopped.
  void look(double seconds);

  std::vector<int> living() const;       // pidfds of the ranks that were not seen to end
  bool came() const;                     // a rank was seen
  bool began() const { return began_; }  // one was seen to train
  bool done() const;                     // all ranks came to an end, and that is no error
  bool trouble() const;                  // a rank failed, died or hangs
  bool settled() const;                  // every rank has told how it ends, or is dead
  // A fault in the program ended a rank, by a signal; `launcher`: the launcher's exit code, by
  // which that is known where the rank's own ending is not.
  bool crashed(std::optional<int> launcher) const;
  // Steps were done, a rank told how it ends, or it is known why one did not.
  bool explained() const;

  // Sends it to those that came since the last call, too.
  void forward(int signal);

  // Who is to blame, and the exit code for it. `launcher`: how the launcher ended, if it has;
  // `killed`: by a signal and before any rank was in trouble, so that it is to blame for the ranks
  // that went with it.
  Ending verdict(std::optional<int> launcher, bool killed) const;

 private:
  struct Rank {
    int process = -1;  // a pidfd
    bool came = false;
    bool dead = false;
    std::optional<int> ending;  // of a dead one, where it is known: exit code, or 128 + signal
    bool has_signal = false;
    std::uint64_t movement = 0;  // what the board showed last
    double still = 0;            // seconds for which it has
  };
  bool is_elsewhere(int rank) const;
  bool is_lost(int rank) const;  // its process ended without a word
  std::optional<int> code(int rank) const;
  void look_at_process(int rank);
  void look_at_movement(int rank, double seconds);
  void find_lost();
  void find_unseen();
  void find_stalled();
  void blame_absent(const std::vector<int>& absent);
  std::string place(int rank) const;
  std::string words_of_ranks() const;
  std::string how_it_died(int rank, std::optional<int> launcher) const;

  const Board& board_;
  const double stall_timeout_, start_timeout_;
  const bool several_machines_;
  const std::optional<std::uint64_t> kills_before_;  // out_of_memory_kills()
  std::vector<Rank> ranks_;
  double seconds_ = 0;
  bool began_ = false;
  bool was_trouble_ = false;  // when it was looked at last
  bool elsewhere_ = false;    // a rank is on another machine
  int lost_ = kNobody;        // the first
  std::string lost_place_;    // where it was when it was found
  int unseen_ = kNobody;      // ended before it, without having come
  int stalled_ = kNobody;
  std::string stall_;  // in words
};

}  // namespace convoy::app
