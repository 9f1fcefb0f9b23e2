// SPDX-License-Identifier: Apache-2.0
#include "job_watch.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "convoy/convoy.hpp"

namespace convoy::app {
namespace {

constexpr int kPeer = static_cast<int>(Fault::peer);
// Ranks watch each other, and know better what happened: they have so long to speak first.
double ranks_first(double stall_timeout) {
  return std::min(2.0, stall_timeout);
}

bool is_users(int code) {
  return code == static_cast<int>(Fault::usage) || code == static_cast<int>(Fault::bad_data) ||
         code == static_cast<int>(Fault::not_found) ||
         code == static_cast<int>(Fault::unavailable) || code == static_cast<int>(Fault::io);
}

Activity activity(const BoardEntry& entry) {
  return static_cast<Activity>(entry.activity.load(std::memory_order_acquire));
}

// Changes when the rank does something. One that waits gets nowhere, however lively it looks out:
// unless it waits for a rank that we do not see.
std::uint64_t movement(const BoardEntry& entry, bool elsewhere) {
  const bool waits = entry.waiting != 0 && !elsewhere;
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::uint64_t value :
       {std::uint64_t{entry.activity}, std::uint64_t{waits}, std::uint64_t{entry.sequence},
        static_cast<std::uint64_t>(entry.step.load()), waits ? 0 : entry.pulse.load()}) {
    hash = (hash ^ value) * 0x100000001b3U;
  }
  return hash;
}

// By a signal, or a debugger.
bool is_stopped(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text;
  std::getline(file, text);
  const std::size_t behind = text.rfind(") ");  // "pid (name) state ...": a name may hold anything
  return behind != std::string::npos && (text[behind + 2] == 'T' || text[behind + 2] == 't');
}

// How a process ended that the launcher had started, by the launcher's own exit code.
std::string in_words(std::optional<int> status) {
  constexpr int kBySignal = 128;
  constexpr int kHydraKnowsNot = 255;
  if (!status || *status == 0 || *status == kHydraKnowsNot) return "its process ended";
  if (*status > kBySignal && *status < kBySignal + 65) {
    return fmt::format("ended by signal {}, {}", *status - kBySignal,
                       strsignal(*status - kBySignal));
  }
  return fmt::format("its process ended with exit code {}", *status);
}

}  // namespace

JobWatch::JobWatch(const Board& board, double stall_timeout, double start_timeout,
                   bool several_machines)
    : board_(board),
      stall_timeout_(stall_timeout),
      start_timeout_(start_timeout),
      several_machines_(several_machines),
      ranks_(static_cast<std::size_t>(board.size())) {}

JobWatch::~JobWatch() {
  for (const Rank& rank : ranks_) {
    if (rank.process >= 0) close(rank.process);
  }
}

void JobWatch::look(double seconds) {
  seconds_ += seconds;
  bool all_came = false;  // no rank gets beyond its start without the others
  for (int r = 0; r < board_.size(); ++r) {
    const Activity now = activity(board_[r]);
    began_ = began_ || now == Activity::training || now == Activity::evaluating ||
             now == Activity::saving || board_[r].step > 0;
    all_came = all_came || began_ || (code(r) && is_clean(*code(r)));
  }
  for (int r = 0; r < board_.size(); ++r) {
    look_at_process(r);
    elsewhere_ =
        elsewhere_ || (several_machines_ && all_came && !ranks_[static_cast<std::size_t>(r)].came);
    look_at_movement(r, seconds);
  }
  find_lost();
  find_stalled();
}

void JobWatch::look_at_process(int r) {
  Rank& rank = ranks_[static_cast<std::size_t>(r)];
  const pid_t pid = board_[r].pid.load(std::memory_order_acquire);
  if (!rank.came && pid > 0) {
    rank.came = true;
    rank.process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    rank.dead = rank.process < 0 && errno == ESRCH;
  }
  if (rank.process < 0 || rank.dead) return;
  pollfd process{rank.process, POLLIN, 0};
  rank.dead = poll(&process, 1, 0) > 0;
}

void JobWatch::look_at_movement(int r, double seconds) {
  Rank& rank = ranks_[static_cast<std::size_t>(r)];
  const std::uint64_t now = movement(board_[r], elsewhere_);
  rank.still = now == rank.movement ? rank.still + seconds : 0;
  rank.movement = now;
}

std::optional<int> JobWatch::code(int rank) const {
  const int stored = board_[rank].exit_code.load(std::memory_order_acquire);
  return stored > 0 ? std::optional(stored - 1) : std::nullopt;
}

bool JobWatch::is_lost(int rank) const {
  return ranks_[static_cast<std::size_t>(rank)].dead && !code(rank);
}

// Where several are found at once, one that kept the others waiting. After a failure the launcher
// ends the others: they are not lost.
void JobWatch::find_lost() {
  if (trouble()) return;
  for (int r = 0; r < board_.size(); ++r) {
    if (!is_lost(r)) continue;
    if (lost_ == kNobody || (board_[lost_].waiting != 0 && board_[r].waiting == 0)) lost_ = r;
  }
  if (lost_ != kNobody) lost_place_ = place(lost_);
}

void JobWatch::find_stalled() {
  if (stalled_ != kNobody) return;
  int busy = kNobody, waiting = kNobody;  // the ones that have not moved for the longest
  std::vector<int> absent;
  for (int r = 0; r < board_.size(); ++r) {
    const Rank& rank = ranks_[static_cast<std::size_t>(r)];
    if (rank.dead || code(r) || is_elsewhere(r)) continue;
    if (!rank.came || board_[r].pulse == 0) {
      absent.push_back(r);
      continue;
    }
    int& worst = board_[r].waiting == 0 ? busy : waiting;
    const auto still = [&](int other) { return ranks_[static_cast<std::size_t>(other)].still; };
    if (worst == kNobody || still(r) > still(worst)) worst = r;
  }
  if (!absent.empty() && seconds_ >= start_timeout_) return blame_absent(absent);
  // Who waits is excused by one that is busy, or still to come.
  const int suspect = busy != kNobody ? busy : absent.empty() ? waiting : kNobody;
  if (suspect == kNobody) return;
  const double still = ranks_[static_cast<std::size_t>(suspect)].still;
  if (still < stall_timeout_ + ranks_first(stall_timeout_)) return;
  stalled_ = suspect;
  stall_ = fmt::format("rank {} hangs {} (no sign of life for {:.0f} s)", suspect, place(suspect),
                       still);
}

// Where MPI starts, ranks wait for each other unseen: one that never came, or is stopped, keeps the
// others.
void JobWatch::blame_absent(const std::vector<int>& absent) {
  auto culprit = std::ranges::find_if(
      absent, [this](int r) { return !ranks_[static_cast<std::size_t>(r)].came; });
  if (culprit == absent.end()) {
    culprit = std::ranges::find_if(absent, [this](int r) { return is_stopped(board_[r].pid); });
  }
  const bool any = culprit == absent.end();
  stalled_ = any ? absent.front() : *culprit;
  const std::string more =
      any && absent.size() > 1 ? fmt::format(" (and {} more)", absent.size() - 1) : "";
  stall_ = fmt::format("rank {}{} did not start (in {:.0f} s)", stalled_, more, start_timeout_);
}

std::string JobWatch::place(int rank) const {
  const Activity now = activity(board_[rank]);
  if (now == Activity::starting) return "at the start";
  if (now == Activity::left) return "at the end";
  return fmt::format("in step {}, {}", board_[rank].step.load(), to_string(now));
}

std::vector<int> JobWatch::living() const {
  std::vector<int> processes;
  for (const Rank& rank : ranks_) {
    if (rank.process >= 0 && !rank.dead) processes.push_back(rank.process);
  }
  return processes;
}

bool JobWatch::came() const {
  return std::ranges::any_of(ranks_, &Rank::came);
}

bool JobWatch::is_elsewhere(int rank) const {
  return elsewhere_ && !ranks_[static_cast<std::size_t>(rank)].came;
}

bool JobWatch::done() const {
  for (int r = 0; r < board_.size(); ++r) {
    if (!is_elsewhere(r) && !is_clean(code(r).value_or(kPeer))) return false;
  }
  return came();
}

bool JobWatch::trouble() const {
  if (lost_ != kNobody || stalled_ != kNobody) return true;
  for (int r = 0; r < board_.size(); ++r) {
    if (activity(board_[r]) == Activity::failed || !is_clean(code(r).value_or(kDone))) return true;
  }
  return false;
}

bool JobWatch::settled() const {
  for (int r = 0; r < board_.size(); ++r) {
    if (!code(r) && !is_elsewhere(r) && !ranks_[static_cast<std::size_t>(r)].dead) return false;
  }
  return true;
}

void JobWatch::forward(int signal) {
  for (Rank& rank : ranks_) {
    if (rank.process < 0 || rank.dead || rank.has_signal) continue;
    syscall(SYS_pidfd_send_signal, rank.process, signal, nullptr, 0);
    rank.has_signal = true;
  }
}

Ending JobWatch::verdict(std::optional<int> launcher, bool killed) const {
  if (done()) {
    int seen = 0;
    while (is_elsewhere(seen)) ++seen;
    return {*code(seen), ""};
  }
  // What a rank says of itself explains what the others say of it.
  for (int r = 0; r < board_.size(); ++r) {
    if (is_users(code(r).value_or(kDone))) return {*code(r), board_.reason(r)};
  }
  for (int r = 0; r < board_.size(); ++r) {
    if (activity(board_[r]) != Activity::failed || code(r) == kPeer) continue;
    std::string reason = board_.reason(r);
    if (const std::string name = fmt::format("rank {}: ", r); reason.starts_with(name)) {
      reason.erase(0, name.size());
    }
    return {kPeer, fmt::format("rank {} failed in step {} ({})", r, board_[r].step.load(), reason)};
  }
  if (lost_ != kNobody && !killed) {
    // The launcher's exit code may be that of another rank.
    bool of_another = false;
    for (int r = 0; r < board_.size(); ++r) of_another = of_another || launcher == code(r);
    return {kPeer, fmt::format("rank {} died {} ({})", lost_, lost_place_,
                               in_words(of_another ? std::nullopt : launcher))};
  }
  // A reason that quotes another rank's is longer: the shortest is nearest to the cause.
  std::string blame;
  for (int r = 0; r < board_.size(); ++r) {
    const std::string reason = code(r) == kPeer ? board_.reason(r) : std::string();
    if (!reason.empty() && (blame.empty() || reason.size() < blame.size())) blame = reason;
  }
  if (!blame.empty() && !killed) return {kPeer, blame};
  if (stalled_ != kNobody && !killed) return {kPeer, stall_};
  return {came() ? kPeer : static_cast<int>(Fault::unavailable),
          fmt::format("the launcher ended {} ({})",
                      came() ? "before the ranks" : "and started nothing", in_words(launcher))};
}

}  // namespace convoy::app
