// SPDX-License-Identifier: Apache-2.0
// Who keeps the others waiting. A rank that waits looks at the board from time to time: a rank that
// failed, left, or whose process is gone ends the wait at once; one that gives no sign of life and
// waits for nobody, after the stall timeout. So no thread is needed to watch: whoever waits
// watches, and if nobody waits nobody is kept waiting.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "parallel/board.hpp"
#include "parallel/transport.hpp"

namespace convoy {

// Processes of this machine, whose end is noticed at once (pidfd; a zombie is gone). Move-only.
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
  Watch(Board& board, int rank, double stall_timeout);

  // Ranks whose pid stands on the board are watched as processes from here on.
  void see_processes();

  // This rank waits: for one rank, or (kEveryone, kNodeMates) all of `among`. Publishes it.
  void begin(int waits_for, Range among, Meeting meeting) noexcept;
  void end() noexcept;

  // Called every tenth of a second or so while waiting. Throws SystemError(Fault::peer) naming the
  // rank that the wait is vain for, its step and what it was doing.
  // `transport`: where ranks that the board does not show are asked by messages; may be null.
  void look(Transport* transport);

  // Ranks at different meetings, by the board: throws SystemError(Fault::peer) naming the odd one.
  [[noreturn]] void disagree();

  // SIGTERM came while a peer may be dead: from now on give up after half a second of waiting for
  // ranks that are not seen to live.
  void hurry();

 private:
  // What is known of a rank now: from the board, or from its answer to a message.
  struct Standing {
    bool known = false;
    int meeting = -1;  // that it waits in; -1: in none
    std::uint32_t sequence = 0;
    std::int64_t step = 0;
    Activity activity = Activity::starting;
    std::int32_t waits_for = kEveryone;
    std::uint64_t pulse = 0;

    bool waits() const { return meeting >= 0; }
    bool same_place(const Standing& other) const {
      return meeting == other.meeting && sequence == other.sequence;
    }
  };
  // How a rank was when it was last looked at, and when that changed.
  struct Seen {
    Standing standing;
    double moved = 0;  // watched_ when it came to or left a meeting, or to another step
    double lived = 0;  // when it gave any sign of life
    bool left = false;
    StatusMessage message;
    double heard = -1;  // real time of the message
  };

  bool on_board(int rank) const;
  Standing standing(int rank) const;
  void pass_time();
  void observe();
  void listen(Transport* transport);
  void tell(Transport& transport);
  std::vector<int> awaited() const;

  void check_failed() const;
  void check_gone();
  void check_left(std::span<const int> awaited);
  void check_hurry(Transport* transport, std::span<const int> awaited);
  void check_silent(std::span<const int> awaited) const;
  void check_places(std::span<const int> awaited) const;
  void ask(Transport* transport, std::span<const int> awaited);
  void check_answers(std::span<const int> awaited);

  std::string state(int rank) const;
  std::string waiting(const Standing& standing) const;
  [[noreturn]] void blame(int culprit, std::size_t how_many, const std::string& reason) const;
  [[noreturn]] void blame_failed(int first) const;
  [[noreturn]] void blame_odd(std::span<const int> ranks) const;

  Board& board_;
  const int rank_;
  const double stall_timeout_;
  Processes processes_;
  std::vector<Seen> seen_;  // by rank

  // The wait.
  Range among_;
  std::int32_t waits_for_ = kNobody;
  Meeting meeting_ = Meeting::start;
  bool fresh_ = true;      // not looked at yet
  double began_ = 0;       // its first look, real time
  double patience_ = 0;    // watched_ when the ranks that the board does not show got a new chance
  double asked_ = -1;      // real time of the question; -1: none
  bool answered_ = false;  // all did, once

  // Real time since this was made, and the part of it that was watched: where this process, or the
  // whole machine, was stopped for a while, the others get the time that they missed.
  Stopwatch real_time_;
  double now_ = 0;
  double watched_ = 0;
  double told_ = -1;     // when the others last heard from this rank
  double hurried_ = -1;  // when hurry() was first called
};

}  // namespace convoy
