// SPDX-License-Identifier: Apache-2.0
// Watches the ranks of a job for the supervisor, by the liveness table and by their processes. It
// never waits for a rank, so it notices failures that a waiting rank or the launcher could not
// report. It does not see ranks on other machines: the ranks on this machine report about them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.hpp"
#include "parallel/liveness_table.hpp"

namespace convoy::app {

class JobWatch {
 public:
  // `stall_timeout`: seconds after which a rank without progress counts as hung; `start_timeout`:
  // seconds until all ranks must have started. `several_machines`: a rank that is not seen may be
  // on another machine.
  JobWatch(const LivenessTable& liveness_table, double stall_timeout, double start_timeout,
           bool several_machines);
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  // Call it many times per second. `seconds` is the time since the last call, without time in which
  // this process itself was stopped.
  void look(double seconds);

  std::vector<int> living() const;       // pidfds of the ranks that have not ended, as far as known
  bool any_seen() const;                 // a rank was seen
  bool began() const { return began_; }  // a rank was seen to train
  bool done() const;                     // all ranks ended without an error
  bool trouble() const;                  // a rank failed, died or hangs
  bool settled() const;                  // every rank has published how it ends, or is dead
  // Whether a fault in the program ended a rank by a signal. `launcher` is the launcher's exit
  // code, which is used if the rank's own ending is not known.
  bool crashed(std::optional<int> launcher) const;
  // Whether steps were done, a rank published how it ends, or the reason why none did is known.
  bool explained() const;

  // Sends the signal once to each rank, including ranks that started after the last call.
  void forward(int signal);

  // The rank at fault, as a message, and the exit code. `launcher`: how the launcher ended, if it
  // has; `killed`: the launcher ended by a signal before any rank was in trouble, so it is at fault
  // for the ranks that ended with it.
  Ending verdict(std::optional<int> launcher, bool killed) const;

 private:
  struct Rank {
    int process = -1;  // a pidfd
    bool any_seen = false;
    bool dead = false;
    std::optional<int> ending;  // of a dead rank, if known: exit code, or 128 + signal
    bool has_signal = false;
    std::uint64_t movement = 0;  // the last value in the liveness table
    double still = 0;            // seconds since it last changed
  };
  bool is_elsewhere(int rank) const;
  bool is_lost(int rank) const;  // whether its process ended without a report
  std::optional<int> code(int rank) const;
  void look_at_process(int rank);
  void look_at_movement(int rank, double seconds);
  void find_lost();
  void find_unseen();
  void find_stalled();
  void diagnose_absent(const std::vector<int>& absent);
  std::string remedy_for_hosts() const;  // of a job that did not start; "" on one machine
  std::string state_of(int rank) const;
  std::string reasons_of_ranks() const;
  std::string how_it_died(int rank, std::optional<int> launcher) const;

  const LivenessTable& liveness_table_;
  const double stall_timeout_, start_timeout_;
  const bool several_machines_;
  const std::optional<std::uint64_t> kills_before_;  // out_of_memory_kills()
  std::vector<Rank> ranks_;
  double seconds_ = 0;
  bool began_ = false;
  bool was_trouble_ = false;  // at the last look()
  bool elsewhere_ = false;    // a rank is on another machine
  int lost_ = kNoRank;        // the first lost rank
  std::string lost_state_;    // its last known step and activity
  int unseen_ = kNoRank;      // a rank that ended earlier, before it was seen
  int stalled_ = kNoRank;
  std::string stall_;  // the description of the stall
};

}  // namespace convoy::app
