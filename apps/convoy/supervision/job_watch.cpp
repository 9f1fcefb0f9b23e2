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
// Ranks watch each other, and know better what happened. They get this time to report first.
double ranks_first(double stall_timeout) {
  return std::min(2.0, stall_timeout);
}

bool is_users(int code) {
  return code == static_cast<int>(Fault::usage) || code == static_cast<int>(Fault::bad_data) ||
         code == static_cast<int>(Fault::not_found) ||
         code == static_cast<int>(Fault::unavailable) || code == static_cast<int>(Fault::io);
}

Activity activity(const LivenessTableEntry& entry) {
  return static_cast<Activity>(entry.activity.load(std::memory_order_acquire));
}

// A value that changes when the rank makes progress. A rank that waits makes none, whatever its
// heartbeat, unless it waits for a rank that this process does not see.
std::uint64_t movement(const LivenessTableEntry& entry, bool elsewhere) {
  const bool waits = entry.waiting != 0 && !elsewhere;
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::uint64_t value :
       {std::uint64_t{entry.activity}, std::uint64_t{waits}, std::uint64_t{entry.sequence},
        static_cast<std::uint64_t>(entry.step.load()), waits ? 0 : entry.heartbeat.load()}) {
    hash = (hash ^ value) * 0x100000001b3U;
  }
  return hash;
}

// The first rank that a message names.
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

JobWatch::JobWatch(const LivenessTable& liveness_table, double stall_timeout, double start_timeout,
                   bool several_machines)
    : liveness_table_(liveness_table),
      stall_timeout_(stall_timeout),
      start_timeout_(start_timeout),
      several_machines_(several_machines),
      kills_before_(out_of_memory_kills()),
      ranks_(static_cast<std::size_t>(liveness_table.size())) {}

JobWatch::~JobWatch() {
  for (const Rank& rank : ranks_) {
    if (rank.process >= 0) close(rank.process);
  }
}

void JobWatch::look(double seconds) {
  seconds_ += seconds;
  bool all_arrived = false;  // no rank leaves its start before all have arrived
  for (int r = 0; r < liveness_table_.size(); ++r) {
    const Activity now = activity(liveness_table_[r]);
    began_ = began_ || now == Activity::training || now == Activity::evaluating ||
             now == Activity::saving || liveness_table_[r].step > 0;
    all_arrived = all_arrived || began_ || (code(r) && is_clean(*code(r)));
  }
  for (int r = 0; r < liveness_table_.size(); ++r) {
    look_at_process(r);
    elsewhere_ = elsewhere_ || (several_machines_ && all_arrived &&
                                !ranks_[static_cast<std::size_t>(r)].any_seen);
    look_at_movement(r, seconds);
  }
  find_lost();
  find_stalled();
  was_trouble_ = trouble();
}

void JobWatch::look_at_process(int r) {
  Rank& rank = ranks_[static_cast<std::size_t>(r)];
  const pid_t pid = liveness_table_[r].pid.load(std::memory_order_acquire);
  if (!rank.any_seen && pid > 0) {
    rank.any_seen = true;
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
  const std::uint64_t now = movement(liveness_table_[r], elsewhere_);
  rank.still = now == rank.movement ? rank.still + seconds : 0;
  rank.movement = now;
}

std::optional<int> JobWatch::code(int rank) const {
  const int stored = liveness_table_[rank].exit_code.load(std::memory_order_acquire);
  return stored > 0 ? std::optional(stored - 1) : std::nullopt;
}

bool JobWatch::is_lost(int rank) const {
  return ranks_[static_cast<std::size_t>(rank)].dead && !code(rank);
}

// If several ranks are found lost at once, the one that did not wait for others is chosen. After a
// failure the launcher ends the other ranks: they are not lost. (A rank that is found together with
// another rank's report about it is lost.)
void JobWatch::find_lost() {
  if (was_trouble_ || lost_ != kNoRank) return;
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (!is_lost(r)) continue;
    if (lost_ == kNoRank ||
        (liveness_table_[lost_].waiting != 0 && liveness_table_[r].waiting == 0))
      lost_ = r;
  }
  if (lost_ == kNoRank) return;
  lost_state_ = state_of(lost_);
  if (!began_ && !several_machines_) find_unseen();
}

// A launcher starts all ranks at once. A rank that was never seen, and has no process, ended before
// those that were seen: the launcher ended these because of it.
void JobWatch::find_unseen() {
  const std::vector<int> there = ranks_of_descendants();
  for (int r = 0; r < liveness_table_.size() && unseen_ == kNoRank; ++r) {
    const bool any_seen = ranks_[static_cast<std::size_t>(r)].any_seen;
    if (!any_seen && std::ranges::find(there, r) == there.end()) unseen_ = r;
  }
}

void JobWatch::find_stalled() {
  if (stalled_ != kNoRank) return;
  int busy = kNoRank, waiting = kNoRank;  // the ones that have not moved for the longest time
  std::vector<int> absent;
  for (int r = 0; r < liveness_table_.size(); ++r) {
    const Rank& rank = ranks_[static_cast<std::size_t>(r)];
    if (rank.dead || code(r) || is_elsewhere(r)) continue;
    if (!rank.any_seen || liveness_table_[r].heartbeat == 0) {
      absent.push_back(r);
      continue;
    }
    int& worst = liveness_table_[r].waiting == 0 ? busy : waiting;
    const auto still = [&](int other) { return ranks_[static_cast<std::size_t>(other)].still; };
    if (worst == kNoRank || still(r) > still(worst)) worst = r;
  }
  if (!absent.empty() && seconds_ >= start_timeout_) return diagnose_absent(absent);
  // A waiting rank is not suspected while another is busy, or has not started.
  const int suspect = busy != kNoRank ? busy : absent.empty() ? waiting : kNoRank;
  if (suspect == kNoRank) return;
  const double still = ranks_[static_cast<std::size_t>(suspect)].still;
  if (still < stall_timeout_ + ranks_first(stall_timeout_)) return;
  stalled_ = suspect;
  stall_ =
      fmt::format("rank {} hangs {} (no response for {:.0f} s)", suspect, state_of(suspect), still);
}

// While MPI starts, ranks wait for each other without publishing it: a rank that never started, or
// is stopped, blocks the others.
void JobWatch::diagnose_absent(const std::vector<int>& absent) {
  auto culprit = std::ranges::find_if(
      absent, [this](int r) { return !ranks_[static_cast<std::size_t>(r)].any_seen; });
  if (culprit == absent.end()) {
    culprit =
        std::ranges::find_if(absent, [this](int r) { return is_stopped(liveness_table_[r].pid); });
  }
  const bool any = culprit == absent.end();
  stalled_ = any ? absent.front() : *culprit;
  const std::string more =
      any && absent.size() > 1 ? fmt::format(" (and {} more)", absent.size() - 1) : "";
  stall_ = fmt::format("rank {}{} did not start within {:.0f} s{}", stalled_, more, start_timeout_,
                       remedy_for_hosts());
}

// A machine that cannot be reached is the usual reason why ranks on several do not start.
std::string JobWatch::remedy_for_hosts() const {
  return several_machines_ ? ": check the names in --hosts, and that ssh reaches each of these "
                             "machines without a password"
                           : "";
}

std::string JobWatch::state_of(int rank) const {
  const Activity now = activity(liveness_table_[rank]);
  if (now == Activity::starting) return "at the start";
  if (now == Activity::left) return "at the end";
  return fmt::format("in step {}, {}", liveness_table_[rank].step.load(), to_string(now));
}

std::string JobWatch::how_it_died(int rank, std::optional<int> launcher) const {
  constexpr int kHydraKnowsNot = 255;
  std::optional<int> ending = ranks_[static_cast<std::size_t>(rank)].ending;
  if (!ending || *ending == kBySignal + SIGKILL) {
    const auto kills = out_of_memory_kills();
    if (kills && kills_before_ && *kills > *kills_before_) {
      const auto limit = cgroup_memory_limit();
      return limit ? fmt::format(
                         "killed by the kernel, because its control group's memory limit of {} was "
                         "reached",
                         memory_in_words(static_cast<Index>(*limit)))
                   : "killed by the kernel, because memory ran out";
    }
  }
  if (ending) return in_words(ending);
  // Otherwise the launcher's exit code explains it, unless it is another rank's.
  for (int r = 0; r < liveness_table_.size(); ++r) {
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

bool JobWatch::any_seen() const {
  return std::ranges::any_of(ranks_, &Rank::any_seen);
}

bool JobWatch::is_elsewhere(int rank) const {
  return elsewhere_ && !ranks_[static_cast<std::size_t>(rank)].any_seen;
}

bool JobWatch::done() const {
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (!is_elsewhere(r) && !is_clean(code(r).value_or(kPeer))) return false;
  }
  return any_seen();
}

bool JobWatch::trouble() const {
  if (lost_ != kNoRank || stalled_ != kNoRank) return true;
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (activity(liveness_table_[r]) == Activity::failed || !is_clean(code(r).value_or(kDone)))
      return true;
  }
  return false;
}

// The messages of ranks about each other. A rank that is named and has a message itself is a link
// in a chain: it left because of another. A message that quotes another rank's is longer, so the
// shortest is nearest to the cause.
std::string JobWatch::reasons_of_ranks() const {
  std::string diagnosis;
  bool names_a_reporting_rank = true;
  for (int r = 0; r < liveness_table_.size(); ++r) {
    const std::string reason = code(r) == kPeer ? liveness_table_.reason(r) : std::string();
    if (reason.empty()) continue;
    const std::optional<int> named = rank_named_in(reason);
    const bool reported = named && *named < liveness_table_.size() && code(*named) == kPeer;
    const bool nearer = reported != names_a_reporting_rank ? names_a_reporting_rank
                                                           : reason.size() < diagnosis.size();
    if (!diagnosis.empty() && !nearer) continue;
    diagnosis = reason;
    names_a_reporting_rank = reported;
  }
  return diagnosis;
}

bool JobWatch::crashed(std::optional<int> launcher) const {
  const auto is_crash = [](std::optional<int> ending) {
    static constexpr std::array kCrashes{SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
    return ending && std::ranges::find(kCrashes, *ending - kBySignal) != kCrashes.end();
  };
  const bool known = lost_ != kNoRank && ranks_[static_cast<std::size_t>(lost_)].ending;
  return std::ranges::any_of(ranks_, is_crash, &Rank::ending) || (!known && is_crash(launcher));
}

bool JobWatch::explained() const {
  if (began_ || stalled_ != kNoRank) return true;
  // A signal from outside ended it, so it could not report.
  if (lost_ != kNoRank) {
    const auto ending = ranks_[static_cast<std::size_t>(lost_)].ending;
    if (ending == kBySignal + SIGKILL) return true;
  }
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (code(r)) return true;
  }
  return false;
}

bool JobWatch::settled() const {
  for (int r = 0; r < liveness_table_.size(); ++r) {
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
  // A rank's message about itself explains the other ranks' messages about it.
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (is_users(code(r).value_or(kDone))) return {*code(r), liveness_table_.reason(r)};
  }
  for (int r = 0; r < liveness_table_.size(); ++r) {
    if (activity(liveness_table_[r]) != Activity::failed || code(r) == kPeer) continue;
    std::string reason = liveness_table_.reason(r);
    if (const std::string name = fmt::format("rank {}: ", r); reason.starts_with(name)) {
      reason.erase(0, name.size());
    }
    return {kPeer, fmt::format("rank {} failed in step {} ({})", r, liveness_table_[r].step.load(),
                               reason)};
  }
  if (unseen_ != kNoRank && !killed) {
    return {
        kPeer,
        fmt::format("rank {} ended before it started training (and the launcher ended the others)",
                    unseen_)};
  }
  if (lost_ != kNoRank && !killed) {
    return {kPeer,
            fmt::format("rank {} died {} ({})", lost_, lost_state_, how_it_died(lost_, launcher))};
  }
  if (const std::string diagnosis = reasons_of_ranks(); !diagnosis.empty() && !killed)
    return {kPeer, diagnosis};
  if (stalled_ != kNoRank && !killed) return {kPeer, stall_};
  if (any_seen()) {
    return {kPeer, fmt::format("the launcher ended before the ranks ({})", in_words(launcher))};
  }
  return {static_cast<int>(Fault::unavailable),
          fmt::format("the launcher ended without starting any rank ({}){}", in_words(launcher),
                      remedy_for_hosts())};
}

}  // namespace convoy::app
