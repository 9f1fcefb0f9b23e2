// SPDX-License-Identifier: Apache-2.0
#include "supervision/job_watch.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/memory.hpp"
#include "internal.hpp"
#include "supervision/process_state.hpp"
#include "supervision/process_tree.hpp"

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

// The first that a message names.
std::optional<int> rank_named_in(std::string_view message) {
  constexpr std::string_view kRank = "rank ";
  const std::size_t begin = message.find(kRank);
  if (begin == std::string_view::npos) return std::nullopt;
  int rank = 0;
  const char* const digits = message.data() + begin + kRank.size();
  const auto read = std::from_chars(digits, message.data() + message.size(), rank);
  return read.ec == std::errc() ? std::optional(rank) : std::nullopt;
}

std::string in_words(std::optional<int> ending) {
  if (!ending) return "its process ended";
  if (*ending > kBySignal && *ending < kBySignal + 65) {
    return fmt::format("ended by signal {}, {}", *ending - kBySignal,
                       strsignal(*ending - kBySignal));
  }
  return fmt::format("its process ended with exit code {}", *ending);
}

}  // namespace

JobWatch::JobWatch(const Board& board, double stall_timeout, double start_timeout,
                   bool several_machines)
    : board_(board),
      stall_timeout_(stall_timeout),
      start_timeout_(start_timeout),
      several_machines_(several_machines),
      kills_before_(out_of_memory_kills()),
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
  was_trouble_ = trouble();
}

void JobWatch::look_at_process(int r) {
  Rank& rank = ranks_[static_cast<std::size_t>(r)];
  const pid_t pid = board_[r].pid.load(std::memory_order_acquire);
  if (!rank.came && pid > 0) {
    rank.came = true;
    rank.process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    rank.dead = rank.process < 0 && errno == ESRCH;
  }
  if (rank.process < 0 || rank.ending) return;
  pollfd process{rank.process, POLLIN, 0};
  rank.dead = rank.dead || poll(&process, 1, 0) > 0;
  if (rank.dead) rank.ending = ending_of_process(rank.process, pid);
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
// ends the others: they are not lost. (But one that is found together with another's report of it
// is.)
void JobWatch::find_lost() {
  if (was_trouble_ || lost_ != kNobody) return;
  for (int r = 0; r < board_.size(); ++r) {
    if (!is_lost(r)) continue;
    if (lost_ == kNobody || (board_[lost_].waiting != 0 && board_[r].waiting == 0)) lost_ = r;
  }
  if (lost_ == kNobody) return;
  lost_place_ = place(lost_);
  if (!began_ && !several_machines_) find_unseen();
}

// A rank that was never seen, and whose process is not there (a launcher starts all at once), ended
// before those that were seen: the launcher ends these because of it.
void JobWatch::find_unseen() {
  const std::vector<int> there = ranks_of_descendants();
  for (int r = 0; r < board_.size() && unseen_ == kNobody; ++r) {
    const bool came = ranks_[static_cast<std::size_t>(r)].came;
    if (!came && std::ranges::find(there, r) == there.end()) unseen_ = r;
  }
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

std::string JobWatch::how_it_died(int rank, std::optional<int> launcher) const {
  constexpr int kHydraKnowsNot = 255;
  std::optional<int> ending = ranks_[static_cast<std::size_t>(rank)].ending;
  if (!ending || *ending == kBySignal + SIGKILL) {
    const auto kills = out_of_memory_kills();
    if (kills && kills_before_ && *kills > *kills_before_) {
      const auto limit = cgroup_memory_limit();
      return limit ? fmt::format(
                         "killed by the kernel, because the {} of memory that its control group "
                         "may use ran out",
                         memory_in_words(static_cast<Index>(*limit)))
                   : "killed by the kernel, because memory ran out";
    }
  }
  if (ending) return in_words(ending);
  // Else by the launcher's exit code, where that is not another rank's.
  for (int r = 0; r < board_.size(); ++r) {
    if (launcher == code(r)) launcher.reset();
  }
  if (launcher && (*launcher == 0 || *launcher == kHydraKnowsNot)) launcher.reset();
  if (!launcher || *launcher > kBySignal) return in_words(launcher);
  return fmt::format("its process ended; the launcher's exit code is {}", *launcher);
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

// What ranks say of each other. One that is named and says something itself is a link of a chain:
// it left because of another. A reason that quotes another rank's is longer: the shortest is
// nearest to the cause.
std::string JobWatch::words_of_ranks() const {
  std::string blame;
  bool blames_a_speaker = true;
  for (int r = 0; r < board_.size(); ++r) {
    const std::string reason = code(r) == kPeer ? board_.reason(r) : std::string();
    if (reason.empty()) continue;
    const std::optional<int> named = rank_named_in(reason);
    const bool speaker = named && *named < board_.size() && code(*named) == kPeer;
    const bool nearer =
        speaker != blames_a_speaker ? blames_a_speaker : reason.size() < blame.size();
    if (!blame.empty() && !nearer) continue;
    blame = reason;
    blames_a_speaker = speaker;
  }
  return blame;
}

bool JobWatch::crashed(std::optional<int> launcher) const {
  const auto is_crash = [](std::optional<int> ending) {
    static constexpr std::array kCrashes{SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
    return ending && std::ranges::find(kCrashes, *ending - kBySignal) != kCrashes.end();
  };
  const bool known = lost_ != kNobody && ranks_[static_cast<std::size_t>(lost_)].ending;
  return std::ranges::any_of(ranks_, is_crash, &Rank::ending) || (!known && is_crash(launcher));
}

bool JobWatch::explained() const {
  if (began_ || stalled_ != kNobody) return true;
  // A signal from outside: it had no last words.
  if (lost_ != kNobody) {
    const auto ending = ranks_[static_cast<std::size_t>(lost_)].ending;
    if (ending == kBySignal + SIGKILL) return true;
  }
  for (int r = 0; r < board_.size(); ++r) {
    if (code(r)) return true;
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
  if (unseen_ != kNobody && !killed) {
    return {kPeer, fmt::format("rank {} ended before it began (and the launcher ended the others)",
                               unseen_)};
  }
  if (lost_ != kNobody && !killed) {
    return {kPeer,
            fmt::format("rank {} died {} ({})", lost_, lost_place_, how_it_died(lost_, launcher))};
  }
  if (const std::string blame = words_of_ranks(); !blame.empty() && !killed) return {kPeer, blame};
  if (stalled_ != kNobody && !killed) return {kPeer, stall_};
  return {came() ? kPeer : static_cast<int>(Fault::unavailable),
          fmt::format("the launcher ended {} ({})",
                      came() ? "before the ranks" : "and started nothing", in_words(launcher))};
}

}  // namespace convoy::app
