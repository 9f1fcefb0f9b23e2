// SPDX-License-Identifier: Apache-2.0
#include "parallel/watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/check.hpp"

namespace convoy {
namespace {

// All in seconds. A gap between two looks counts for at most kLongestGap: in a longer gap this
// process was stopped, or got no processor.
constexpr double kLongestGap = 0.2;
// After ranks have waited at different synchronization points for this long, none of them is about
// to continue.
constexpr double kDisagreeAfter = 2;
constexpr double kAnswerWithin = 1.5;
constexpr double kAfterSigterm = 0.5;
// A rank that receives a status answers with its own, unless it sent one less than this time ago.
constexpr double kBetweenMessages = 1;

}  // namespace

Watch::Watch(LivenessTable& liveness_table, int rank, double stall_timeout)
    : liveness_table_(liveness_table),
      rank_(rank),
      stall_timeout_(stall_timeout),
      seen_(static_cast<std::size_t>(liveness_table.size())),
      among_{0, liveness_table.size()} {}

void Watch::see_processes() {
  for (int rank = 0; rank < liveness_table_.size(); ++rank) {
    const std::int32_t pid = liveness_table_[rank].pid.load(std::memory_order_acquire);
    if (rank != rank_ && pid != 0 && pid != getpid()) processes_.add(rank, pid);
  }
}

// Every wait calls this, so it does a few stores only.
void Watch::begin(int waits_for, Range among, SyncPoint sync_point) noexcept {
  waits_for_ = waits_for;
  among_ = among;
  sync_point_ = sync_point;
  fresh_ = true;
  LivenessTableEntry& mine = liveness_table_[rank_];
  mine.sync_point.store(static_cast<std::uint8_t>(sync_point), std::memory_order_relaxed);
  mine.waits_for.store(waits_for, std::memory_order_relaxed);
  mine.waiting.store(1, std::memory_order_release);
}

void Watch::end() noexcept {
  liveness_table_[rank_].waiting.store(0, std::memory_order_release);
}

void Watch::on_sigterm() {
  if (sigterm_time_ < 0) sigterm_time_ = real_time_.seconds();
}

void Watch::look(Transport* transport) {
  pass_time();
  liveness_table_[rank_].heartbeat.fetch_add(1, std::memory_order_relaxed);
  observe();
  fresh_ = false;
  listen(transport);
  check_failed();
  check_gone();
  const std::vector<int> ranks = awaited();
  check_left(ranks);
  check_after_sigterm(transport, ranks);
  check_silent(ranks);
  check_sync_points(ranks);
  ask(transport, ranks);
}

void Watch::pass_time() {
  const double now = real_time_.seconds();
  if (fresh_) {
    began_ = now;
    waiting_since_ = watched_;
    asked_ = -1;
    answered_ = false;
  } else {
    watched_ += std::min({now - now_, kLongestGap, stall_timeout_ / 2});
  }
  now_ = now;
}

bool Watch::on_liveness_table(int rank) const {
  return liveness_table_[rank].pid.load(std::memory_order_acquire) != 0;
}

Watch::Standing Watch::standing(int rank) const {
  Standing now;
  const Seen& seen = seen_[static_cast<std::size_t>(rank)];
  if (on_liveness_table(rank) || rank == rank_) {
    const LivenessTableEntry& entry = liveness_table_[rank];
    now.known = true;
    now.heartbeat = entry.heartbeat.load(std::memory_order_relaxed);
    now.activity = static_cast<Activity>(entry.activity.load(std::memory_order_acquire));
    if (entry.waiting.load(std::memory_order_acquire)) now.sync_point = entry.sync_point;
    now.waits_for = entry.waits_for;
    now.sequence = entry.sequence;
    now.step = entry.step;
  } else if (asked_ >= 0 && seen.heard >= asked_ - kBetweenMessages) {
    now.known = true;
    now.activity = static_cast<Activity>(seen.message.activity);
    now.sync_point = seen.message.sync_point;
    now.sequence = static_cast<std::uint32_t>(seen.message.sequence);
    now.step = seen.message.step;
  }
  return now;
}

void Watch::observe() {
  for (int rank = 0; rank < liveness_table_.size(); ++rank) {
    if (rank == rank_ || !on_liveness_table(rank)) continue;
    Seen& seen = seen_[static_cast<std::size_t>(rank)];
    const Standing now = standing(rank), &before = seen.standing;
    const bool moved = fresh_ || !now.same_sync_point(before) || now.step != before.step ||
                       now.activity != before.activity || now.waits_for != before.waits_for;
    if (moved) seen.moved = watched_;
    if (moved || now.heartbeat != before.heartbeat) seen.lived = watched_;
    seen.standing = now;
  }
}

void Watch::listen(Transport* transport) {
  if (!transport) return;
  bool heard = false;
  while (const auto message = transport->hear()) {
    if (message->rank < 0 || message->rank >= liveness_table_.size()) continue;
    Seen& seen = seen_[static_cast<std::size_t>(message->rank)];
    seen.message = *message;
    seen.heard = now_;
    heard = true;
  }
  if (heard && (last_sent_ < 0 || now_ - last_sent_ > kBetweenMessages)) tell(*transport);
}

void Watch::tell(Transport& transport) {
  const Standing mine = standing(rank_);
  last_sent_ = now_;
  transport.tell_all({rank_, static_cast<std::int32_t>(mine.activity),
                      static_cast<int>(sync_point_), static_cast<std::int32_t>(mine.sequence),
                      mine.step});
}

// The ranks that this rank waits for, and the ranks that those wait for. A rank that waits for the
// same ranks at the same synchronization point as this one adds none. (The points differ where one
// rank waits for its memory domain, and the first rank of the domain waits for all.)
std::vector<int> Watch::awaited() const {
  std::vector<int> ranks;
  std::vector<char> is_in(seen_.size(), 0);
  const auto add = [&](Index rank) {
    if (rank < 0 || rank >= liveness_table_.size() || rank == rank_) return;
    if (std::exchange(is_in[static_cast<std::size_t>(rank)], char{1}) == 0) {
      ranks.push_back(static_cast<int>(rank));
    }
  };
  const auto add_all = [&](Range range) {
    for (Index rank = range.begin; rank < range.end; ++rank) add(rank);
  };
  if (waits_for_ >= 0) add(waits_for_);
  if (waits_for_ == kAllRanks || waits_for_ == kDomainRanks) add_all(among_);
  const Standing mine = standing(rank_);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const Standing other = standing(ranks[i]);
    if (!other.known || !other.waits()) continue;
    add(other.waits_for);
    if (other.waits_for == waits_for_ && other.same_sync_point(mine)) continue;
    if (other.waits_for == kAllRanks) add_all({0, liveness_table_.size()});
    if (other.waits_for == kDomainRanks) {
      for (int rank = 0; rank < liveness_table_.size(); ++rank) {
        if (on_liveness_table(rank)) add(rank);
      }
    }
  }
  std::ranges::sort(ranks);
  return ranks;
}

void Watch::check_failed() const {
  for (int rank = 0; rank < liveness_table_.size(); ++rank) {
    if (rank != rank_ && standing(rank).activity == Activity::failed) throw_cause_of_failure(rank);
  }
}

// A rank that left before its process ended is not reported here: check_left() finds it.
void Watch::check_gone() {
  while (const auto rank = processes_.gone()) {
    const Activity activity = standing(*rank).activity;
    if (activity == Activity::failed) throw_cause_of_failure(*rank);
    if (activity != Activity::left) {
      throw_failure_of(*rank, 1, fmt::format("its process has ended; it was in {}", state(*rank)));
    }
    processes_.remove(*rank);
  }
}

// Messages that a rank sent before it left may not have arrived yet: they have until the next look.
void Watch::check_left(std::span<const int> awaited) {
  for (const int rank : awaited) {
    const Standing now = standing(rank);
    if (now.activity != Activity::left) continue;
    bool& left = seen_[static_cast<std::size_t>(rank)].left;
    if (left) throw_failure_of(rank, 1, fmt::format("it left in step {}", now.step));
    left = true;
  }
}

// A launcher that sends SIGTERM ends this rank soon, so a long wait for a rank that may be dead is
// impossible. A rank that does not answer is reported before one that does.
void Watch::check_after_sigterm(Transport* transport, std::span<const int> awaited) {
  if (sigterm_time_ < 0) return;
  std::vector<int> unseen(awaited.begin(), awaited.end());
  std::erase_if(unseen, [this](int rank) { return on_liveness_table(rank); });
  if (unseen.empty()) return;
  if (asked_ < 0 && transport) {
    asked_ = now_;
    tell(*transport);
  }
  if (now_ - std::max(sigterm_time_, began_) <= kAfterSigterm) return;
  const auto silent =
      std::ranges::find_if(unseen, [this](int rank) { return !standing(rank).known; });
  const int rank = silent == unseen.end() ? unseen.front() : *silent;
  throw_failure_of(
      rank, 1,
      fmt::format("stopped while waiting for rank {} for half a second after SIGTERM", rank));
}

// A rank that waits shows heartbeats, too: look() counts one. So a rank whose process is stopped
// during a wait is found.
void Watch::check_silent(std::span<const int> awaited) const {
  std::vector<int> silent, silent_waiting;
  bool all_stuck = !awaited.empty();
  for (const int rank : awaited) {
    const Seen& seen = seen_[static_cast<std::size_t>(rank)];
    if (!on_liveness_table(rank)) {
      all_stuck = false;
      continue;
    }
    if (watched_ - seen.lived >= stall_timeout_) {
      (seen.standing.waits() ? silent_waiting : silent).push_back(rank);
    }
    all_stuck = all_stuck && seen.standing.waits() && watched_ - seen.moved >= stall_timeout_;
  }
  for (const auto& ranks : {silent, silent_waiting}) {
    if (ranks.empty()) continue;
    const Standing now = standing(ranks.front());
    throw_failure_of(
        ranks.front(), ranks.size(),
        fmt::format("no response for {:g} s, the stall timeout; it is in {}{}", stall_timeout_,
                    state(ranks.front()), now.waits() ? ", and " + waiting(now) : ""));
  }
  if (all_stuck) {
    const Standing now = standing(awaited.front());
    throw_failure_of(awaited.front(), awaited.size(),
                     fmt::format("all wait for each other for {:g} s; it is in {}, and {}",
                                 stall_timeout_, state(awaited.front()), waiting(now)));
  }
}

// Reports ranks that wait at different synchronization points: each of them waits, has shown
// heartbeats during the wait, and has not moved for kDisagreeAfter seconds (or half the stall
// timeout, if less).
void Watch::check_sync_points(std::span<const int> awaited) const {
  const double time = std::min(kDisagreeAfter, stall_timeout_ / 2);
  const Standing mine = standing(rank_);
  bool differ = false;
  for (const int rank : awaited) {
    const Seen& seen = seen_[static_cast<std::size_t>(rank)];
    if (!on_liveness_table(rank) || !seen.standing.waits() || seen.lived - seen.moved < time)
      return;
    differ = differ || !seen.standing.same_sync_point(mine);
  }
  if (!differ) return;
  std::vector<int> ranks(awaited.begin(), awaited.end());
  ranks.push_back(rank_);
  throw_minority(ranks);
}

// Ranks that the liveness table does not show are asked by messages.
void Watch::ask(Transport* transport, std::span<const int> awaited) {
  if (std::ranges::all_of(awaited, [this](int rank) { return on_liveness_table(rank); })) return;
  if (watched_ - waiting_since_ < stall_timeout_) return;
  if (asked_ < 0) {
    asked_ = now_;
    if (transport) tell(*transport);
    return;
  }
  const bool all_known =
      std::ranges::all_of(awaited, [this](int rank) { return standing(rank).known; });
  if (all_known || !transport || now_ - asked_ > kAnswerWithin) check_answers(awaited);
}

void Watch::check_answers(std::span<const int> awaited) {
  std::vector<int> silent;
  bool all_wait = true, differ = false;
  const Standing mine = standing(rank_);
  for (const int rank : awaited) {
    const Standing now = standing(rank);
    if (now.activity == Activity::failed) throw_failure_of(rank, 1, "it failed");
    if (!now.known) silent.push_back(rank);
    all_wait = all_wait && now.waits();
    differ = differ || (now.waits() && !now.same_sync_point(mine));
  }
  if (!silent.empty()) {
    throw_failure_of(silent.front(), silent.size(),
                     fmt::format("no response for {:g} s, and it gave no answer", stall_timeout_));
  }
  // All answered. A rank that arrived late may have ended the wait by now, so only the second round
  // of answers counts.
  if (std::exchange(answered_, true) && all_wait) {
    std::vector<int> ranks(awaited.begin(), awaited.end());
    ranks.push_back(rank_);
    if (differ) throw_minority(ranks);
    throw_failure_of(awaited.front(), awaited.size(),
                     fmt::format("all wait for each other for {:g} s; it {}", 2 * stall_timeout_,
                                 waiting(standing(awaited.front()))));
  }
  waiting_since_ = watched_;
  asked_ = -1;
}

}  // namespace convoy
