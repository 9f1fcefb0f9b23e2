// SPDX-License-Identifier: Apache-2.0
// Finds the rank for which the others wait in vain. A rank that waits looks at the liveness table
// from time to time. A rank that failed, left, or whose process has ended, ends the wait at once. A
// rank that shows no heartbeat and waits for no rank itself ends the wait after the stall timeout.
// No extra thread watches: a failure matters only while some rank waits, and that rank watches.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "parallel/liveness_table.hpp"
#include "parallel/transport.hpp"

namespace convoy {

// Processes of this host. Their end is noticed at once (by a pidfd; a zombie counts as ended).
// Move-only.
class Processes {
 public:
  Processes() = default;
  ~Processes();
  Processes(Processes&& other) noexcept : processes_(std::exchange(other.processes_, {})) {}
  Processes& operator=(Processes&& other) noexcept {
    processes_.swap(other.processes_);
    return *this;
  }

  void add(int rank, std::int32_t pid);
  void remove(int rank);
  bool has(int rank) const;
  bool gone(int rank) const;        // false where it was not added
  std::optional<int> gone() const;  // a rank whose process has ended

 private:
  struct Process {
    int rank;
    std::int32_t pid;
    int descriptor;  // -1 where the kernel has no pidfd
  };
  static bool ended(const Process& process);
  std::vector<Process> processes_;
};

class Watch {
 public:
  Watch(LivenessTable& liveness_table, int rank, double stall_timeout);

  // From this call on, the ranks that have a pid in the liveness table are watched as processes.
  void see_processes();

  // This rank begins to wait, for one rank or (kAllRanks, kDomainRanks) for all of `among`, and
  // publishes that in the liveness table.
  void begin(int waits_for, Range among, SyncPoint sync_point) noexcept;
  void end() noexcept;

  // Called about every tenth of a second during a wait. Throws SystemError(Fault::peer) with the
  // rank that will not arrive, its step and its activity. `transport` asks the ranks that the
  // liveness table does not show, by messages; may be null.
  void look(Transport* transport);

  // For ranks that arrived at different synchronization points: throws SystemError(Fault::peer)
  // with the rank that differs, by the liveness table.
  [[noreturn]] void throw_disagreement();

  // Called after SIGTERM, when a peer may be dead: from now on a wait for ranks that the liveness
  // table does not show ends after half a second.
  void on_sigterm();

 private:
  // The state of a rank now, from the liveness table or from its answer to a message.
  struct Standing {
    bool known = false;
    int sync_point = -1;  // where it waits; -1: it does not wait
    std::uint32_t sequence = 0;
    std::int64_t step = 0;
    Activity activity = Activity::starting;
    std::int32_t waits_for = kAllRanks;
    std::uint64_t heartbeat = 0;

    bool waits() const { return sync_point >= 0; }
    bool same_sync_point(const Standing& other) const {
      return sync_point == other.sync_point && sequence == other.sequence;
    }
  };
  // The state of a rank when it was last observed, and when that changed.
  struct Seen {
    Standing standing;
    double moved = 0;  // watched_ when it last began or ended a wait, or changed its step
    double lived = 0;  // watched_ when it last showed a heartbeat or moved
    bool left = false;
    StatusMessage message;
    double heard = -1;  // real time of the message
  };

  bool on_liveness_table(int rank) const;
  Standing standing(int rank) const;
  void pass_time();
  void observe();
  void listen(Transport* transport);
  void tell(Transport& transport);
  std::vector<int> awaited() const;

  void check_failed() const;
  void check_gone();
  void check_left(std::span<const int> awaited);
  void check_after_sigterm(Transport* transport, std::span<const int> awaited);
  void check_silent(std::span<const int> awaited) const;
  void check_sync_points(std::span<const int> awaited) const;
  void ask(Transport* transport, std::span<const int> awaited);
  void check_answers(std::span<const int> awaited);

  std::string state(int rank) const;
  std::string waiting(const Standing& standing) const;
  [[noreturn]] void throw_failure_of(int culprit, std::size_t how_many,
                                     const std::string& reason) const;
  [[noreturn]] void throw_cause_of_failure(int first) const;
  [[noreturn]] void throw_minority(std::span<const int> ranks) const;

  LivenessTable& liveness_table_;
  const int rank_;
  const double stall_timeout_;
  Processes processes_;
  std::vector<Seen> seen_;  // by rank

  // The current wait.
  Range among_;
  std::int32_t waits_for_ = kNoRank;
  SyncPoint sync_point_ = SyncPoint::start;
  bool fresh_ = true;  // look() was not called yet
  double began_ = 0;   // real time of its first look()
  double waiting_since_ =
      0;  // watched_ when the time limit of ranks outside the liveness table began anew
  double asked_ = -1;      // real time of the question; -1: none
  bool answered_ = false;  // all answered once

  // now_ is the real time since construction; watched_ is the part of it during which this process
  // watched. Where this process, or the whole machine, was stopped, that time does not count
  // against the others.
  Stopwatch real_time_;
  double now_ = 0;
  double watched_ = 0;
  double last_sent_ = -1;     // real time of the last message to the others; -1: none
  double sigterm_time_ = -1;  // real time of the first on_sigterm(); -1: none
};

}  // namespace convoy
