// SPDX-License-Identifier: Apache-2.0
#include "commands/bench_report.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "commands/missing_code.hpp"
#include "report/metrics.hpp"

namespace convoy::app {
namespace {

using measure::BenchResult;
using measure::Limits;
using measure::StageResult;
using measure::StepResult;

double ratio(double a, double b) {
  return b > 0 ? a / b : 0;
}
double ratio(Index a, Index b) {
  return ratio(static_cast<double>(a), static_cast<double>(b));
}

double flops_per_second(const StageResult& stage) {
  return ratio(static_cast<double>(stage.facts.flops), stage.seconds.median);
}
double flops_per_second(const BenchResult& result, const StepResult& step) {
  return ratio(static_cast<double>(result.step_flops), step.seconds.median);
}
double bytes_per_second(const StageResult& stage) {
  return ratio(static_cast<double>(stage.facts.bytes), stage.seconds.median);
}
// The share of the memory's bandwidth.
double share_of_bandwidth(const BenchResult& result, double bytes_per_second) {
  return ratio(bytes_per_second, result.limits.front().bandwidths.front().bytes_per_second);
}
double share_of_bandwidth(const BenchResult& result, const StageResult& stage) {
  return share_of_bandwidth(result, bytes_per_second(stage));
}
double share_of_bandwidth(const BenchResult& result, const StepResult& step) {
  return share_of_bandwidth(result,
                            ratio(static_cast<double>(result.step_bytes), step.seconds.median));
}
// The share of a step's time: of a step of one worker; on a GPU of the step with the first way of
// launching.
double share_of_step(const BenchResult& result, const StageResult& stage) {
  return ratio(stage.seconds.median, result.steps.front().seconds.median);
}

// The limits for a step: those of its number of threads, or of the GPU.
const Limits& limits_of(const BenchResult& result, std::size_t step) {
  return result.limits[result.gpu ? 0 : step];
}

std::string counted(Index count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string giga(double value) {
  return fmt::format("{:.1f}", value / 1e9);
}
std::string microseconds(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.2f}", 1e6 * seconds)
                        : with_commas(static_cast<Index>(std::floor(1e6 * seconds + 0.5)));
}
std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}
// A stage without work has no rate.
std::string or_blank(bool there_is, std::string text) {
  return there_is ? std::move(text) : std::string();
}

// "2 threads", "GPU"
std::string worker(const BenchResult& result, int threads) {
  return result.gpu ? "GPU" : counted(threads, "thread");
}
// "2 threads", "persistent"
std::string name(const StepResult& step) {
  return step.launching ? std::string(to_string(*step.launching)) : counted(step.threads, "thread");
}

std::string title(const BenchSubject& subject, const BenchResult& result) {
  const TrainSettings& settings = subject.model.train;
  return fmt::format("{} on {} images, batch {} in grains of {}, {}", subject.model.net.name(),
                     subject.data, settings.batch, settings.grain, result.isa);
}

std::string machine(const BenchResult& result) {
  const MachineFacts facts = machine_facts();
  return fmt::format("{}{}, {} usable of {}; {}; convoy {}",
                     result.gpu ? cuda_library() + "; " : "", facts.cpu, facts.usable_cores,
                     counted(facts.cores, "core"), facts.compiler, kVersion);
}

std::string limits_table(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows{{"at most"}, {"FMA peak"}};
  for (const Limits::Bandwidth& bandwidth : result.limits.front().bandwidths) {
    rows.push_back({bandwidth.level + " bandwidth"});
  }
  std::vector<bool> right{false};
  for (const Limits& limits : result.limits) {
    rows[0].push_back(worker(result, limits.threads));
    rows[1].push_back(giga(limits.flops_per_second));
    for (std::size_t i = 0; i < limits.bandwidths.size(); ++i) {
      rows[2 + i].push_back(giga(limits.bandwidths[i].bytes_per_second));
    }
    right.push_back(true);
  }
  for (std::size_t i = 1; i < rows.size(); ++i) rows[i].push_back(i == 1 ? "GFLOP/s" : "GB/s");
  right.push_back(false);
  return aligned(rows, right);
}

std::string stages_table(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows{
      {"stage", "pass", "us", "of step", "GFLOP/s", "of peak", "FLOP/byte", "GB/s"}};
  const double peak = result.limits.front().flops_per_second;
  double sum = 0;
  for (const StageResult& stage : result.stages) {
    const bool works = stage.facts.flops > 0;
    const double rate = flops_per_second(stage);
    sum += share_of_step(result, stage);
    rows.push_back(
        {stage.facts.name(), std::string(stage.facts.pass()), microseconds(stage.seconds.median),
         percent(share_of_step(result, stage)), or_blank(works, giga(rate)),
         or_blank(works, percent(ratio(rate, peak))),
         or_blank(works, fmt::format("{:.2f}", ratio(stage.facts.flops, stage.facts.bytes))),
         giga(bytes_per_second(stage))});
  }
  rows.push_back({"the rest", "", "", percent(1 - sum)});
  return aligned(rows, {false, false, true, true, true, true, true, true});
}

std::string gpu_stages_table(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows{{"stage", "pass", "us", "of step", "GFLOP/s",
                                              "of peak", "GB/s", "of memory", "threads",
                                              "launches"}};
  const double peak = result.limits.front().flops_per_second;
  double sum = 0;
  for (const StageResult& stage : result.stages) {
    const bool works = stage.facts.flops > 0;
    const double rate = flops_per_second(stage);
    const StageLaunches launches = stage.launches.value_or(StageLaunches{});
    sum += share_of_step(result, stage);
    rows.push_back({stage.facts.name(), std::string(stage.facts.pass()),
                    microseconds(stage.seconds.median), percent(share_of_step(result, stage)),
                    or_blank(works, giga(rate)), or_blank(works, percent(ratio(rate, peak))),
                    giga(bytes_per_second(stage)), percent(share_of_bandwidth(result, stage)),
                    with_commas(launches.threads), fmt::format("{}", launches.launches)});
  }
  rows.push_back({"the rest", "", "", percent(1 - sum)});
  return aligned(rows, {false, false, true, true, true, true, true, true, true, true});
}

std::string gpu_steps_table(const BenchResult& result, Index batch) {
  std::vector<std::vector<std::string>> rows{{"whole step", "us", "lowest", "highest", "images/s",
                                              "GFLOP/s", "of peak", "of memory", "launches"}};
  for (const StepResult& step : result.steps) {
    const double rate = flops_per_second(result, step);
    rows.push_back(
        {name(step), microseconds(step.seconds.median), microseconds(step.seconds.lowest),
         microseconds(step.seconds.highest),
         with_commas(static_cast<Index>(ratio(static_cast<double>(batch), step.seconds.median))),
         giga(rate), percent(ratio(rate, result.limits.front().flops_per_second)),
         percent(share_of_bandwidth(result, step)), fmt::format("{:.4g}", step.launches_per_step)});
  }
  std::string text = aligned(rows, {false, true, true, true, true, true, true, true, true});
  for (const measure::LeftOut& out : result.left_out) {
    text += fmt::format("not {}: {}\n", to_string(out.launching), out.reason);
  }
  return text;
}

std::string steps_table(const BenchResult& result, Index batch) {
  std::vector<std::vector<std::string>> rows{
      {"whole step", "us", "lowest", "highest", "images/s", "GFLOP/s", "of peak", "FLOP/byte"}};
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    const StepResult& step = result.steps[i];
    const double rate = flops_per_second(result, step);
    rows.push_back(
        {name(step), microseconds(step.seconds.median), microseconds(step.seconds.lowest),
         microseconds(step.seconds.highest),
         with_commas(static_cast<Index>(ratio(static_cast<double>(batch), step.seconds.median))),
         giga(rate), percent(ratio(rate, result.limits[i].flops_per_second)),
         fmt::format("{:.2f}", ratio(result.step_flops, result.step_bytes))});
  }
  return aligned(rows, {false, true, true, true, true, true, true, true});
}

Json to_json(const measure::Spread& spread) {
  return {{"median", spread.median}, {"lowest", spread.lowest}, {"highest", spread.highest}};
}

std::string about(const BenchResult& result) {
  const std::string images = counted(result.microbatch, "image");
  if (result.gpu) {
    return fmt::format(
        "Stages: median times of their kernels in a step of {}, each launched alone; threads of "
        "the\n"
        "largest kernel. FLOP: a multiply-add counts as two; no other operation counts. Bytes: "
        "each\n"
        "array counts once per step. A stage can exceed the memory's bandwidth if its data is in\n"
        "a cache. The rest is the time between kernels and the update of the weights.\n",
        images);
  }
  return fmt::format(
      "Stages: median times in a step of one worker, which processes {} per pass. FLOP: a\n"
      "multiply-add counts as two; no other operation counts. Bytes: each array counts once per\n"
      "pass. A stage can exceed the memory's bandwidth if its data is in a cache. The rest is\n"
      "barriers and the update of the weights.\n",
      images);
}

// Adds what is only in a GPU's document.
void add_gpu(Json& json, const BenchResult& result) {
  json["cuda"] = cuda_library();
  json["gpu"] = app::to_json(*result.gpu);
  json["left_out"] = Json::array();
  for (const measure::LeftOut& out : result.left_out) {
    json["left_out"].push_back({{"launching", to_string(out.launching)}, {"reason", out.reason}});
  }
}

void add_gpu(Json& json, const BenchResult& result, const StageResult& stage) {
  const StageLaunches launches = stage.launches.value_or(StageLaunches{});
  json["share_of_bandwidth"] = share_of_bandwidth(result, stage);
  json["launches"] = launches.launches;
  json["blocks"] = launches.blocks;
  json["threads"] = launches.threads;
}

// Whether the code that was measured has vector code for an operation. (A GPU needs none.)
HasCode implements(const BenchResult& result) {
  return (result.gpu ? reference::backend() : find_backend(result.isa)).implements;
}

}  // namespace

std::string table(const BenchSubject& subject, const BenchResult& result) {
  const Index batch = subject.model.train.batch;
  return fmt::format(
      "{}\n{}\n\n{}\n{}\n{}\n{}{}", printable(title(subject, result)), machine(result),
      limits_table(result), result.gpu ? gpu_stages_table(result) : stages_table(result),
      result.gpu ? gpu_steps_table(result, batch) : steps_table(result, batch), about(result),
      missing_code(subject.model.net, implements(result), runs_on_cuda));
}

Json document(const BenchSubject& subject, const BenchResult& result) {
  const TrainSettings& settings = subject.model.train;
  Json json{{"schema", "convoy.bench/2"},
            {"version", kVersion},
            {"model", subject.model.net.name()},
            {"data", subject.data},
            {"batch", settings.batch},
            {"grain", settings.grain},
            {"microbatch", result.microbatch},
            {"threads", result.steps.back().threads},
            {"device", result.gpu ? "cuda" : "cpu"},
            {"isa", result.isa},
            {"machine", to_json(machine_facts())},
            {"busy_cores", subject.busy_cores},
            {"limits", Json::array()},
            {"stages", Json::array()},
            {"steps", Json::array()}};
  for (const Limits& limits : result.limits) {
    Json bandwidths = Json::array();
    for (const Limits::Bandwidth& bandwidth : limits.bandwidths) {
      bandwidths.push_back({{"level", bandwidth.level},
                            {"bytes", bandwidth.bytes},
                            {"bytes_per_second", bandwidth.bytes_per_second}});
    }
    json["limits"].push_back({{"threads", limits.threads},
                              {"flops_per_second", limits.flops_per_second},
                              {"bandwidths", std::move(bandwidths)}});
  }
  const double peak = result.limits.front().flops_per_second;
  for (const StageResult& stage : result.stages) {
    const double rate = flops_per_second(stage);
    json["stages"].push_back({{"name", stage.facts.name()},
                              {"layers", stage.facts.layers},
                              {"pass", stage.facts.pass()},
                              {"seconds", to_json(stage.seconds)},
                              {"flops", stage.facts.flops},
                              {"bytes", stage.facts.bytes},
                              {"flops_per_second", rate},
                              {"flops_per_byte", ratio(stage.facts.flops, stage.facts.bytes)},
                              {"share_of_peak", ratio(rate, peak)},
                              {"share_of_step", share_of_step(result, stage)}});
    if (result.gpu) add_gpu(json["stages"].back(), result, stage);
  }
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    const StepResult& step = result.steps[i];
    const double rate = flops_per_second(result, step);
    json["steps"].push_back(
        {{"threads", step.threads},
         {"seconds", to_json(step.seconds)},
         {"images_per_second", ratio(static_cast<double>(settings.batch), step.seconds.median)},
         {"flops", result.step_flops},
         {"bytes", result.step_bytes},
         {"flops_per_second", rate},
         {"flops_per_byte", ratio(result.step_flops, result.step_bytes)},
         {"share_of_peak", ratio(rate, limits_of(result, i).flops_per_second)}});
    if (!step.launching) continue;
    json["steps"].back()["share_of_bandwidth"] = share_of_bandwidth(result, step);
    json["steps"].back()["launching"] = to_string(*step.launching);
    json["steps"].back()["launches_per_step"] = step.launches_per_step;
  }
  if (result.gpu) add_gpu(json, result);
  return json;
}

Roofline roofline(const BenchSubject& subject, const BenchResult& result) {
  Roofline picture;
  picture.title = title(subject, result);
  picture.subtitle = machine(result);
  for (const Limits& limits : result.limits) {
    const std::string threads = worker(result, limits.threads);
    Roofline::Roof roof{
        {fmt::format("FMA peak, {}: {} GFLOP/s", threads, giga(limits.flops_per_second)),
         limits.flops_per_second},
        {}};
    for (const Limits::Bandwidth& bandwidth : limits.bandwidths) {
      roof.bandwidths.push_back({fmt::format("{}, {}: {} GB/s", bandwidth.level, threads,
                                             giga(bandwidth.bytes_per_second)),
                                 bandwidth.bytes_per_second});
    }
    picture.roofs.push_back(std::move(roof));
  }
  // In the order of the series of points.
  constexpr std::array kPasses{StageKind::forward, StageKind::input_gradient,
                               StageKind::weight_gradient};
  for (std::size_t series = 0; series < kPasses.size(); ++series) {
    picture.series.emplace_back(to_string(kPasses[series]));
    for (const StageResult& stage : result.stages) {
      if (stage.facts.kind != kPasses[series] || stage.facts.flops == 0) continue;
      const double rate = flops_per_second(stage);
      picture.points.push_back({fmt::format("{} {}", stage.facts.name(), picture.series.back()),
                                series, ratio(stage.facts.flops, stage.facts.bytes), rate,
                                ratio(rate, result.limits.front().flops_per_second)});
    }
  }
  picture.series.emplace_back("whole step");
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    const double rate = flops_per_second(result, result.steps[i]);
    picture.points.push_back({fmt::format("whole step, {}", name(result.steps[i])), kPasses.size(),
                              ratio(result.step_flops, result.step_bytes), rate,
                              ratio(rate, limits_of(result, i).flops_per_second)});
  }
  return picture;
}

}  // namespace convoy::app
