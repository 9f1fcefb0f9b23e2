// SPDX-License-Identifier: Apache-2.0
#include "commands/profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "measure/stage_facts.hpp"

namespace convoy::app {
namespace {

constexpr std::size_t kStagesShown = 5;

// The shares of a worker's time that a person sees, in this order.
struct Share {
  const char* name;
  double (*seconds)(const WorkerTimings& worker);
};
constexpr Share kShares[] = {
    {"compute", [](const WorkerTimings& w) { return w.compute(); }},
    {"input", [](const WorkerTimings& w) { return w.seconds_of(TimeKind::input); }},
    {"waiting", [](const WorkerTimings& w) { return w.seconds_of(TimeKind::waiting); }},
    {"communication", [](const WorkerTimings& w) { return w.seconds_of(TimeKind::communication); }},
    {"reduction", [](const WorkerTimings& w) { return w.seconds_of(TimeKind::reduction); }},
    {"update", [](const WorkerTimings& w) { return w.seconds_of(TimeKind::update); }}};

std::string percent(double part, double whole) {
  return fmt::format("{:.1f} %", whole > 0 ? 100 * part / whole : 0.0);
}

std::vector<const WorkerTimings*> all_workers(const Timings& timings) {
  std::vector<const WorkerTimings*> workers;
  for (const RankTimings& rank : timings.ranks) {
    for (const WorkerTimings& worker : rank.workers) workers.push_back(&worker);
  }
  return workers;
}

// On a GPU the stages of all ranks are those of the plan, in its order.
void add_kernels(Json& layers, const Net& net, Index batch, const Engine& engine) {
  const auto* gpu = dynamic_cast<const CudaEngine*>(&engine);
  if (gpu == nullptr) return;
  const std::vector<measure::StageFacts> facts = measure::gpu_stage_facts(net, batch);
  for (const StageLaunches& launches : gpu->stage_launches()) {
    if (launches.stage < 0) continue;  // the input is not a stage of the plan
    Json& layer = layers.at(static_cast<std::size_t>(launches.stage));
    const measure::StageFacts& fact = facts.at(static_cast<std::size_t>(launches.stage) + 1);
    layer["launches"] = launches.launches;
    layer["blocks"] = launches.blocks;
    layer["threads"] = launches.threads;
    layer["flops"] = fact.flops;
    layer["bytes"] = fact.bytes;
  }
}

}  // namespace

Json profile_json(const Timings& timings, const Net& net, Index batch, const Engine& engine) {
  Json json{{"steps", timings.steps},
            {"seconds", timings.seconds},
            {"bytes_sent", timings.bytes_sent()},
            {"peak_memory_bytes", Json::array()},
            {"workers", Json::array()},
            {"layers", Json::array()}};
  for (const RankTimings& rank : timings.ranks) {
    json["peak_memory_bytes"].push_back(rank.peak_memory_bytes);
  }
  for (const WorkerTimings* worker : all_workers(timings)) {
    Json entry{{"rank", worker->rank}, {"thread", worker->thread}};
    for (const Share& share : kShares) entry[share.name] = share.seconds(*worker);
    json["workers"].push_back(std::move(entry));
  }
  for (const StageTimings& stage : timings.stages()) {
    json["layers"].push_back(
        {{"layers", stage.layers}, {"pass", stage.pass}, {"seconds", stage.seconds}});
  }
  add_kernels(json["layers"], net, batch, engine);
  return json;
}

std::string profile_table(const Timings& timings) {
  const std::vector<const WorkerTimings*> workers = all_workers(timings);
  std::vector<std::vector<std::string>> rows{
      {fmt::format("of {:.3f} s of steps", timings.seconds), "mean", "lowest", "highest"}};
  const auto add = [&](const char* name, const auto& seconds) {
    std::vector<double> all;
    double sum = 0;
    for (const WorkerTimings* worker : workers) {
      all.push_back(seconds(*worker));
      sum += all.back();
    }
    const auto [lowest, highest] = std::ranges::minmax(all);
    rows.push_back({name, percent(sum / static_cast<double>(all.size()), timings.seconds),
                    percent(lowest, timings.seconds), percent(highest, timings.seconds)});
  };
  for (const Share& share : kShares) add(share.name, share.seconds);
  add("the rest", [&](const WorkerTimings& worker) { return timings.seconds - worker.known(); });
  std::vector<StageTimings> stages = timings.stages();
  std::ranges::stable_sort(stages, std::ranges::greater(), &StageTimings::seconds);
  stages.resize(std::min(stages.size(), kStagesShown));
  for (const StageTimings& stage : stages) {
    rows.push_back({stage.name(), "", "", percent(stage.seconds, timings.seconds)});
  }
  std::string text = aligned(rows, {false, true, true, true});
  text.pop_back();  // the last line end
  return text;
}

}  // namespace convoy::app
