// SPDX-License-Identifier: Apache-2.0
#include "parallel/watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/check.hpp"

namespace convoy {
namespace {

// A gap between two looks counts for at most this much: we were stopped, or starved.
constexpr double kLongestGap = 0.2;
// Ranks wait in different places for this long: none of them is about to go on.
constexpr double kDisagreeAfter = 2;
constexpr double kAnswerWithin = 1.5;
constexpr double kAfterSigterm = 0.5;
// Who hears a question answers, unless it spoke this short a time ago.
constexpr double kBetweenWords = 1;

}  // namespace

Watch::Watch(Board& board, int rank, double stall_timeout)
    : board_(board),
      rank_(rank),
      stall_timeout_(stall_timeout),
      seen_(static_cast<std::size_t>(board.size())),
      among_{0, board.size()} {}

void Watch::see_processes() {
  for (int rank = 0; rank < board_.size(); ++rank) {
    const std::int32_t pid = board_[rank].pid.load(std::memory_order_acquire);
    if (rank != rank_ && pid != 0 && pid != getpid()) processes_.add(rank, pid);
  }
}

// On the way of every meeting: a few stores.
void Watch::begin(int waits_for, Range among, Meeting meeting) noexcept {
  waits_for_ = waits_for;
  among_ = among;
  meeting_ = meeting;
  fresh_ = true;
  BoardEntry& mine = board_[rank_];
  mine.meeting.store(static_cast<std::uint8_t>(meeting), std::memory_order_relaxed);
  mine.waits_for.store(waits_for, std::memory_order_relaxed);
  mine.waiting.store(1, std::memory_order_release);
}

void Watch::end() noexcept {
  board_[rank_].waiting.store(0, std::memory_order_release);
}

void Watch::hurry() {
  if (hurried_ < 0) hurried_ = real_time_.seconds();
}

void Watch::look(Transport* transport) {
  pass_time();
  board_[rank_].pulse.fetch_add(1, std::memory_order_relaxed);
  observe();
  fresh_ = false;
  listen(transport);
  check_failed();
  check_gone();
  const std::vector<int> ranks = awaited();
  check_left(ranks);
  check_hurry(transport, ranks);
  check_silent(ranks);
  check_places(ranks);
  ask(transport, ranks);
}

void Watch::pass_time() {
  const double now = real_time_.seconds();
  if (fresh_) {
    began_ = now;
    patience_ = watched_;
    asked_ = -1;
    answered_ = false;
  } else {
    watched_ += std::min({now - now_, kLongestGap, stall_timeout_ / 2});
  }
  now_ = now;
}

bool Watch::on_board(int rank) const {
  return board_[rank].pid.load(std::memory_order_acquire) != 0;
}

Watch::Standing Watch::standing(int rank) const {
  Standing now;
  const Seen& seen = seen_[static_cast<std::size_t>(rank)];
  if (on_board(rank) || rank == rank_) {
    const BoardEntry& entry = board_[rank];
    now.known = true;
    now.pulse = entry.pulse.load(std::memory_order_relaxed);
    now.activity = static_cast<Activity>(entry.activity.load(std::memory_order_acquire));
    if (entry.waiting.load(std::memory_order_acquire)) now.meeting = entry.meeting;
    now.waits_for = entry.waits_for;
    now.sequence = entry.sequence;
    now.step = entry.step;
  } else if (asked_ >= 0 && seen.heard >= asked_ - kBetweenWords) {
    now.known = true;
    now.activity = static_cast<Activity>(seen.message.activity);
    now.meeting = seen.message.meeting;
    now.sequence = static_cast<std::uint32_t>(seen.message.sequence);
    now.step = seen.message.step;
  }
  return now;
}

void Watch::observe() {
  for (int rank = 0; rank < board_.size(); ++rank) {
    if (rank == rank_ || !on_board(rank)) continue;
    Seen& seen = seen_[static_cast<std::size_t>(rank)];
    const Standing now = standing(rank), &before = seen.standing;
    const bool moved = fresh_ || !now.same_place(before) || now.step != before.step ||
                       now.activity != before.activity || now.waits_for != before.waits_for;
    if (moved) seen.moved = watched_;
    if (moved || now.pulse != before.pulse) seen.lived = watched_;
    seen.standing = now;
  }
}

void Watch::listen(Transport* transport) {
  if (!transport) return;
  bool heard = false;
  while (const auto message = transport->hear()) {
    if (message->rank < 0 || message->rank >= board_.size()) continue;
    Seen& seen = seen_[static_cast<std::size_t>(message->rank)];
    seen.message = *message;
    seen.heard = now_;
    heard = true;
  }
  if (heard && (told_ < 0 || now_ - told_ > kBetweenWords)) tell(*transport);
}

void Watch::tell(Transport& transport) {
  const Standing mine = standing(rank_);
  told_ = now_;
  transport.tell_all({rank_, static_cast<std::int32_t>(mine.activity), static_cast<int>(meeting_),
                      static_cast<std::int32_t>(mine.sequence), mine.step});
}

// The ranks that this one waits for, and those that they wait for. Where we wait for all, one that
// waits for all at the same place waits for those that we wait for. (It is not the same place where
// one waits for its node, whose first rank waits for all.)
std::vector<int> Watch::awaited() const {
  std::vector<int> ranks;
  std::vector<char> is_in(seen_.size(), 0);
  const auto add = [&](Index rank) {
    if (rank < 0 || rank >= board_.size() || rank == rank_) return;
    if (std::exchange(is_in[static_cast<std::size_t>(rank)], char{1}) == 0) {
      ranks.push_back(static_cast<int>(rank));
    }
  };
  const auto add_all = [&](Range range) {
    for (Index rank = range.begin; rank < range.end; ++rank) add(rank);
  };
  if (waits_for_ >= 0) add(waits_for_);
  if (waits_for_ == kEveryone || waits_for_ == kNodeMates) add_all(among_);
  const Standing mine = standing(rank_);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const Standing other = standing(ranks[i]);
    if (!other.known || !other.waits()) continue;
    add(other.waits_for);
    if (other.waits_for == waits_for_ && other.same_place(mine)) continue;
    if (other.waits_for == kEveryone) add_all({0, board_.size()});
    if (other.waits_for == kNodeMates) {
      for (int rank = 0; rank < board_.size(); ++rank) {
        if (on_board(rank)) add(rank);
      }
    }
  }
  std::ranges::sort(ranks);
  return ranks;
}

void Watch::check_failed() const {
  for (int rank = 0; rank < board_.size(); ++rank) {
    if (rank != rank_ && standing(rank).activity == Activity::failed) blame_failed(rank);
  }
}

// Other checks come to the ranks that left before they ended.
void Watch::check_gone() {
  while (const auto rank = processes_.gone()) {
    const Activity activity = standing(*rank).activity;
    if (activity == Activity::failed) blame_failed(*rank);
    if (activity != Activity::left) {
      blame(*rank, 1, fmt::format("its process is gone; it was in {}", state(*rank)));
    }
    processes_.remove(*rank);
  }
}

// What a rank did before it left may be on its way: it gets until the next look.
void Watch::check_left(std::span<const int> awaited) {
  for (const int rank : awaited) {
    const Standing now = standing(rank);
    if (now.activity != Activity::left) continue;
    bool& left = seen_[static_cast<std::size_t>(rank)].left;
    if (left) blame(rank, 1, fmt::format("it left in step {}", now.step));
    left = true;
  }
}

// A launcher that sends SIGTERM ends this rank soon: there is no time to wait for who may be dead.
// One that does not answer is blamed before one that does.
void Watch::check_hurry(Transport* transport, std::span<const int> awaited) {
  if (hurried_ < 0) return;
  std::vector<int> unseen(awaited.begin(), awaited.end());
  std::erase_if(unseen, [this](int rank) { return on_board(rank); });
  if (unseen.empty()) return;
  if (asked_ < 0 && transport) {
    asked_ = now_;
    tell(*transport);
  }
  if (now_ - std::max(hurried_, began_) <= kAfterSigterm) return;
  const auto silent =
      std::ranges::find_if(unseen, [this](int rank) { return !standing(rank).known; });
  const int rank = silent == unseen.end() ? unseen.front() : *silent;
  blame(rank, 1,
        fmt::format("stopped while waiting for rank {} for half a second after SIGTERM", rank));
}

// Ranks that wait give signs of life, too: they look. So who is stopped while it waits is found
// out.
void Watch::check_silent(std::span<const int> awaited) const {
  std::vector<int> silent, silent_waiting;
  bool all_stuck = !awaited.empty();
  for (const int rank : awaited) {
    const Seen& seen = seen_[static_cast<std::size_t>(rank)];
    if (!on_board(rank)) {
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
    blame(ranks.front(), ranks.size(),
          fmt::format("no sign of life for {:g} s, the stall timeout; it is in {}, and {}",
                      stall_timeout_, state(ranks.front()), waiting(now)));
  }
  if (all_stuck) {
    const Standing now = standing(awaited.front());
    blame(awaited.front(), awaited.size(),
          fmt::format("all wait for each other for {:g} s; it is in {}, and {}", stall_timeout_,
                      state(awaited.front()), waiting(now)));
  }
}

// All wait, each looked at what it waits for in vain, and they wait at different places.
void Watch::check_places(std::span<const int> awaited) const {
  const double time = std::min(kDisagreeAfter, stall_timeout_ / 2);
  const Standing mine = standing(rank_);
  bool differ = false;
  for (const int rank : awaited) {
    const Seen& seen = seen_[static_cast<std::size_t>(rank)];
    if (!on_board(rank) || !seen.standing.waits() || seen.lived - seen.moved < time) return;
    differ = differ || !seen.standing.same_place(mine);
  }
  if (!differ) return;
  std::vector<int> ranks(awaited.begin(), awaited.end());
  ranks.push_back(rank_);
  blame_odd(ranks);
}

// Of ranks that the board does not show, messages tell more.
void Watch::ask(Transport* transport, std::span<const int> awaited) {
  if (std::ranges::all_of(awaited, [this](int rank) { return on_board(rank); })) return;
  if (watched_ - patience_ < stall_timeout_) return;
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
    if (now.activity == Activity::failed) blame(rank, 1, "it failed");
    if (!now.known) silent.push_back(rank);
    all_wait = all_wait && now.waits();
    differ = differ || (now.waits() && !now.same_place(mine));
  }
  if (!silent.empty()) {
    blame(silent.front(), silent.size(),
          fmt::format("no sign of life for {:g} s, and it gave no answer", stall_timeout_));
  }
  // All answered. One that came late may have ended the wait by now: a second chance.
  if (std::exchange(answered_, true) && all_wait) {
    std::vector<int> ranks(awaited.begin(), awaited.end());
    ranks.push_back(rank_);
    if (differ) blame_odd(ranks);
    blame(awaited.front(), awaited.size(),
          fmt::format("all wait for each other for {:g} s; it {}", 2 * stall_timeout_,
                      waiting(standing(awaited.front()))));
  }
  patience_ = watched_;
  asked_ = -1;
}

}  // namespace convoy
