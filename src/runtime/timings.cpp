// SPDX-License-Identifier: Apache-2.0
#include "runtime/timings.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>

#include "base/check.hpp"
#include "base/machine.hpp"
#include "parallel/collectives.hpp"
#include "plan/stage_names.hpp"

namespace convoy {
namespace {

// The fixed part of a rank's message; its stages and workers follow.
struct RankHeader {
  Index steps, missing_from;
  std::uint64_t bytes_sent, peak_memory_bytes;
  std::int64_t step_range_ticks;
  double nanoseconds_per_tick;
  TickScale::Reading begin;
  std::int64_t left_barrier_at;  // nanoseconds of its own clock when it left a barrier of all ranks
  Index host;                    // the first rank of its host
  Index stages, workers;
};

template <class T>
std::string bytes_of(std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

template <class T>
std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// A track as three texts: ticks of the kinds, ticks of the stages (alone, then their barriers),
// marks.
constexpr std::size_t kTextsOfTrack = 3;

void add_track(const Track& track, Index stages, std::vector<std::string>& texts) {
  std::vector<std::int64_t> kinds, of_stages;
  for (std::int32_t k = 0; k < kTimeKinds; ++k) kinds.push_back(track.total(TimeKind{k}));
  for (Index s = 0; s < stages; ++s) of_stages.push_back(track.total_of_stage(s));
  for (Index s = 0; s < stages; ++s) of_stages.push_back(track.barriers_after_stage(s));
  texts.push_back(bytes_of(std::span<const std::int64_t>(kinds)));
  texts.push_back(bytes_of(std::span<const std::int64_t>(of_stages)));
  texts.push_back(bytes_of(track.marks()));
}

std::string to_message(const Timeline& timeline, const Communicator& communicator,
                       std::int64_t left_barrier_at) {
  RankHeader head{};
  head.steps = timeline.steps();
  head.missing_from = -1;
  for (const Track& track : timeline.all_tracks()) {
    const Index missing = track.missing_from();
    if (missing >= 0 && (head.missing_from < 0 || missing < head.missing_from)) {
      head.missing_from = missing;
    }
  }
  head.bytes_sent = timeline.bytes_sent();
  head.peak_memory_bytes = peak_memory_bytes();
  head.step_range_ticks = timeline.step_range_ticks();
  head.nanoseconds_per_tick = 1e9 * timeline.scale().seconds_per_tick();
  head.begin = timeline.scale().start();
  head.left_barrier_at = left_barrier_at;
  head.host = communicator.host().begin;
  head.stages = static_cast<Index>(timeline.stages().size());
  head.workers = static_cast<Index>(timeline.all_tracks().size());
  std::vector<std::string> texts{bytes_of(std::span<const RankHeader>(&head, 1))};
  for (const Timeline::StageName& stage : timeline.stages()) {
    std::vector<std::string> names{std::string(stage.pass)};
    names.insert(names.end(), stage.layers.begin(), stage.layers.end());
    texts.push_back(pack(names));
  }
  for (const Track& track : timeline.all_tracks()) add_track(track, head.stages, texts);
  return pack(texts);
}

// The message of a rank, unpacked.
struct Message {
  explicit Message(const std::string& bytes) : texts(unpack(bytes)) {
    CONVOY_ASSERT(!texts.empty() && texts.front().size() == sizeof head);
    std::memcpy(&head, texts.front().data(), sizeof head);
  }
  std::vector<std::string> texts;
  RankHeader head;
};

StageTimings stage_of(const std::string& text) {
  std::vector<std::string> names = unpack(text);
  StageTimings stage;
  stage.pass = names.at(0);
  stage.layers.assign(names.begin() + 1, names.end());
  return stage;
}

WorkerTimings worker_of(std::span<const std::string> texts, double seconds_per_tick) {
  WorkerTimings worker;
  const auto seconds = [&](std::int64_t ticks) {
    return static_cast<double>(ticks) * seconds_per_tick;
  };
  const auto kinds = values_of<std::int64_t>(texts[0]), stages = values_of<std::int64_t>(texts[1]);
  std::transform(kinds.begin(), kinds.end(), worker.kinds.begin(), seconds);
  const std::size_t half = stages.size() / 2;
  for (std::size_t s = 0; s < half; ++s) {
    worker.stages.push_back(seconds(stages[s]));
    worker.stages_with_barriers.push_back(seconds(stages[s] + stages[half + s]));
  }
  worker.marks = values_of<TimeMark>(texts[2]);
  return worker;
}

RankTimings rank_of(const Message& message, int number) {
  const RankHeader& head = message.head;
  const std::span texts(message.texts);
  RankTimings rank;
  rank.bytes_sent = head.bytes_sent;
  rank.peak_memory_bytes = head.peak_memory_bytes;
  rank.missing_from = head.missing_from;
  rank.seconds = 1e-9 * head.nanoseconds_per_tick * static_cast<double>(head.step_range_ticks);
  rank.begin = head.begin;
  rank.nanoseconds_per_tick = head.nanoseconds_per_tick;
  const auto stages = static_cast<std::size_t>(head.stages);
  for (std::size_t s = 0; s < stages; ++s) rank.stages.push_back(stage_of(texts[1 + s]));
  for (int w = 0; w < static_cast<int>(head.workers); ++w) {
    const std::size_t first = 1 + stages + kTextsOfTrack * static_cast<std::size_t>(w);
    rank.workers.push_back(
        worker_of(texts.subspan(first, kTextsOfTrack), 1e-9 * head.nanoseconds_per_tick));
    rank.workers.back().rank = number;
    rank.workers.back().thread = w;
  }
  return rank;
}

}  // namespace

std::string StageTimings::name() const {
  return pass == to_string(StageKind::loss) ? pass : joined_name(layers) + " " + pass;
}

double WorkerTimings::compute() const {
  return std::accumulate(stages.begin(), stages.end(), 0.0);
}

double WorkerTimings::known() const {
  double sum = compute();
  for (const TimeKind kind : {TimeKind::input, TimeKind::waiting, TimeKind::communication,
                              TimeKind::reduction, TimeKind::update}) {
    sum += seconds_of(kind);
  }
  return sum;
}

std::int64_t RankTimings::nanoseconds(std::int64_t tick) const {
  return begin.nanoseconds +
         std::llround(static_cast<double>(tick - begin.tick) * nanoseconds_per_tick);
}

std::vector<StageTimings> Timings::stages() const {
  std::vector<StageTimings> all;
  for (const RankTimings& rank : ranks) {
    std::vector<bool> taken(all.size());  // two stages may add gradients of the same layer
    for (std::size_t s = 0; s < rank.stages.size(); ++s) {
      const StageTimings& stage = rank.stages[s];
      std::size_t at = 0;
      while (at < taken.size() &&
             (taken[at] || all[at].pass != stage.pass || all[at].layers != stage.layers)) {
        ++at;
      }
      if (at == all.size()) {
        all.push_back(stage);
        taken.push_back(false);
      }
      taken[at] = true;
      for (const WorkerTimings& worker : rank.workers) {
        all[at].seconds = std::max(all[at].seconds, worker.stages_with_barriers[s]);
      }
    }
  }
  return all;
}

std::uint64_t Timings::bytes_sent() const {
  std::uint64_t sum = 0;
  for (const RankTimings& rank : ranks) sum += rank.bytes_sent;
  return sum;
}

Index Timings::missing_from() const {
  Index first = -1;
  for (const RankTimings& rank : ranks) {
    if (rank.missing_from >= 0 && (first < 0 || rank.missing_from < first)) {
      first = rank.missing_from;
    }
  }
  return first;
}

bool Timings::one_machine() const {
  return std::ranges::all_of(ranks, [](const RankTimings& rank) { return rank.near; });
}

Timings gather_timings(const Timeline& timeline, Communicator& communicator) {
  all_gather(communicator, "", SyncPoint::end);  // all ranks leave it at about the same time
  const std::int64_t left_barrier_at = TickScale::read().nanoseconds;
  const auto messages =
      gather(communicator, to_message(timeline, communicator, left_barrier_at), SyncPoint::end);
  Timings timings;
  std::vector<std::int64_t> all_left_at;  // on the clock of each rank
  for (const std::string& bytes : messages) {
    const Message message(bytes);
    const RankHeader& head = message.head;
    const auto number = static_cast<int>(timings.ranks.size());
    RankTimings rank = rank_of(message, number);
    if (number == 0) timings.steps = head.steps;
    timings.seconds = std::max(timings.seconds, rank.seconds);
    all_left_at.push_back(head.left_barrier_at);
    rank.near = head.host == 0;
    // The ranks of a host have one clock, so the offset of its first rank applies to all of them.
    if (!rank.near) {
      rank.begin.nanoseconds +=
          all_left_at.front() - all_left_at[static_cast<std::size_t>(head.host)];
    }
    timings.ranks.push_back(std::move(rank));
  }
  return timings;
}

}  // namespace convoy
