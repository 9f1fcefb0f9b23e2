// SPDX-License-Identifier: Apache-2.0
#include "commands/trace.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace convoy::app {
namespace {

constexpr std::size_t kBytesAtOnce = 1 << 20;

constexpr std::array<std::string_view, kTimeKinds> kKindNames{
    "input",  "waiting",    "communication", "reduction",
    "update", "evaluation", "verification",  "checkpoint"};

// Name and category of each activity of this rank's workers, as the middle part of an event.
std::vector<std::string> labels_of(const RankTimings& rank) {
  std::vector<std::string> labels;
  for (const std::string_view kind : kKindNames) {
    labels.push_back(fmt::format(R"("name":"{0}","cat":"{0}")", kind));
  }
  for (const StageTimings& stage : rank.stages) {
    labels.push_back(fmt::format(R"("name":{},"cat":"compute")", Json(stage.name()).dump()));
  }
  return labels;
}

std::int64_t first_nanosecond(const Timings& timings) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const RankTimings& rank : timings.ranks) {
    for (const WorkerTimings& worker : rank.workers) {
      if (!worker.marks.empty()) {
        first = std::min(first, rank.nanoseconds(worker.marks.front().tick));
      }
    }
  }
  return first;
}

// Collects short texts and passes them on in long ones.
class TraceWriter {
 public:
  TraceWriter(const TextSink& write, const std::function<void()>& alive)
      : write_(write), alive_(alive) {}

  template <class... Values>
  void add(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    if (text_.size() >= kBytesAtOnce) flush();
  }
  void flush() {
    write_({text_.data(), text_.size()});
    text_.clear();
    alive_();
  }

 private:
  const TextSink& write_;
  const std::function<void()>& alive_;
  fmt::memory_buffer text_;
};

// Writes the names of processes and tracks, which are in the order of ranks and threads.
void add_names(TraceWriter& writer, const RankTimings& rank) {
  for (const WorkerTimings& worker : rank.workers) {
    const auto add = [&](std::string_view what, std::string_view argument) {
      writer.add(",\n{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"{}\",\"args\":{{{}}}}}",
                 worker.rank, worker.thread, what, argument);
    };
    if (worker.thread == 0) {
      add("process_name", fmt::format(R"("name":"rank {}")", worker.rank));
      add("process_sort_index", fmt::format(R"("sort_index":{})", worker.rank));
    }
    add("thread_name", fmt::format(R"("name":"thread {}")", worker.thread));
    add("thread_sort_index", fmt::format(R"("sort_index":{})", worker.thread));
  }
}

}  // namespace

// Times are microseconds with nanoseconds after the point, so that an event begins exactly where
// the previous one on its track ends.
void write_trace(const Timings& timings, const TextSink& write,
                 const std::function<void()>& alive) {
  TraceWriter writer(write, alive);
  const std::int64_t zero = first_nanosecond(timings);
  writer.add(
      "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"program\":\"convoy "
      "{}\",\"clocks\":\"{}\"}},\n",
      kVersion,
      timings.one_machine() ? "one for all ranks"
                            : "those of other machines than rank 0's were set at a barrier");
  writer.add(
      "\"traceEvents\":[\n{{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_labels\","
      "\"args\":{{\"labels\":\"convoy train\"}}}}");
  for (const RankTimings& rank : timings.ranks) add_names(writer, rank);
  for (const RankTimings& rank : timings.ranks) {
    const std::vector<std::string> labels = labels_of(rank);
    for (const WorkerTimings& worker : rank.workers) {
      for_each_event(rank, worker, [&](std::int32_t what, std::int64_t begin, std::int64_t end) {
        const std::int64_t from = begin - zero, length = end - begin;
        writer.add(",\n{{{},\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{}.{:03},\"dur\":{}.{:03}}}",
                   labels[static_cast<std::size_t>(what)], worker.rank, worker.thread, from / 1000,
                   from % 1000, length / 1000, length % 1000);
      });
    }
  }
  writer.add("\n]}}\n");
  writer.flush();
}

}  // namespace convoy::app
