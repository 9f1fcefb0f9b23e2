// SPDX-License-Identifier: Apache-2.0
#include "study/record.hpp"

#include <fmt/format.h>

#include <limits>
#include <set>
#include <span>
#include <stdexcept>
#include <tuple>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "base/safe_text.hpp"
#include "study/record/json.hpp"

namespace convoy::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "convoy.study/1";

template <class T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Empty for null.
std::optional<Index> optional_whole(const nlohmann::json& j, const char* key) {
  constexpr std::int64_t kMany = std::numeric_limits<std::int32_t>::max();  // as in a study file
  if (member(j, key).is_null()) return std::nullopt;
  return whole_in<Index>(j, key, 1, kMany);
}

std::optional<double> optional_real(const nlohmann::json& j, const char* key, double high) {
  if (member(j, key).is_null()) return std::nullopt;
  return real_in(j, key, 0, high);
}

Json json_of(const TimeShares& shares) {
  Json json;
  for (const TimePart& part : kTimeParts) json[part.name] = shares.*part.seconds;
  return json;
}

Json json_of(const EpochRecord& e) {
  return {{"train_loss", e.train_loss},
          {"test_loss", e.test_loss},
          {"test_accuracy", e.test_accuracy},
          {"seconds", e.seconds}};
}

Json json_of(const LayerRecord& layer) {
  Json json{{"layer", layer.layer}, {"pass", layer.pass}, {"seconds", layer.seconds}};
  if (!layer.kernels) return json;
  for (const KernelPart& part : kKernelParts) json[part.name] = (*layer.kernels).*part.value;
  return json;
}

Json json_of(const RunRecord& run) {
  Json json{{"experiment", run.experiment},
            {"layout", run.layout},
            {"round", run.round},
            {"load", run.load},
            {"busy_before", run.busy_before},
            {"busy_during", run.busy_during},
            {"process_seconds", run.process_seconds},
            {"train_seconds", run.train_seconds},
            {"samples", run.samples},
            {"batch", run.batch},
            {"steps", run.steps},
            {"ranks", run.ranks},
            {"threads", run.threads},
            {"working", run.working},
            {"contract", run.contract},
            {"isa", run.isa},
            {"weights_sha256", run.weights_sha256},
            {"cpu", run.cpu},
            {"epochs", Json::array()},
            {"profile_seconds", run.profile_seconds},
            {"shares", json_of(run.shares)},
            {"bytes_sent", run.bytes_sent},
            {"peak_memory_bytes", run.peak_memory_bytes},
            {"layers", Json::array()}};
  for (const EpochRecord& epoch : run.epochs) json["epochs"].push_back(json_of(epoch));
  for (const LayerRecord& layer : run.layers) json["layers"].push_back(json_of(layer));
  if (run.launches_per_step) json["launches_per_step"] = *run.launches_per_step;
  return json;
}

RunRecord run_of(const nlohmann::json& j) {
  RunRecord run;
  run.experiment = whole_in<std::size_t>(j, "experiment");
  run.layout = whole_in<std::size_t>(j, "layout");
  run.round = whole_in<int>(j, "round", 1);
  run.load = real_in(j, "load");
  run.busy_before = real_in(j, "busy_before");
  run.busy_during = real_in(j, "busy_during");
  run.process_seconds = real_in(j, "process_seconds");
  run.train_seconds = real_in(j, "train_seconds");
  run.samples = whole_in<std::int64_t>(j, "samples", 1);
  run.batch = whole_in<std::int64_t>(j, "batch", 1);
  run.steps = whole_in<std::int64_t>(j, "steps", 1);
  run.ranks = whole_in<int>(j, "ranks", 1, kMostWorkers);
  run.threads = whole_in<int>(j, "threads", 1, kMostWorkers);
  run.working = whole_in<int>(j, "working", 0, kMostWorkers);
  run.contract = flag_in(j, "contract");
  run.isa = text_in(j, "isa");
  run.weights_sha256 = text_in(j, "weights_sha256");
  run.cpu = text_in(j, "cpu");
  for (const auto& epoch : array_in(j, "epochs")) run.epochs.push_back(epoch_of(epoch));
  run.profile_seconds = real_in(j, "profile_seconds");
  run.shares = shares_of(member(j, "shares"));
  run.bytes_sent = whole_in<std::int64_t>(j, "bytes_sent");
  run.peak_memory_bytes = whole_in<std::int64_t>(j, "peak_memory_bytes");
  for (const auto& layer : array_in(j, "layers")) {
    run.layers.push_back({text_in(layer, "layer"), text_in(layer, "pass"),
                          real_in(layer, "seconds"), kernels_of(layer)});
  }
  if (j.contains("launches_per_step")) run.launches_per_step = real_in(j, "launches_per_step");
  return run;
}

Json json_of(const Experiment& e) {
  Json layouts = Json::array();
  for (const Grid& grid : e.layouts) layouts.push_back(to_string(grid));
  return {{"name", e.name},
          {"scaling", to_string(e.scaling)},
          {"layouts", std::move(layouts)},
          {"ranks_by", e.ranks_by},
          {"threads_by", e.threads_by},
          {"per_layer", e.per_layer},
          {"batch", optional(e.batch)},
          {"epochs", optional(e.epochs)},
          {"limit", optional(e.limit)},
          {"order", e.order},
          {"set", e.set}};
}

Experiment experiment_of(const nlohmann::json& j) {
  Experiment e;
  e.name = text_in(j, "name");
  e.scaling = text_in(j, "scaling") == "weak" ? Scaling::weak : Scaling::strong;
  for (const std::string& layout : texts_in(j, "layouts")) e.layouts.push_back(parse_grid(layout));
  e.ranks_by = text_in(j, "ranks_by");
  e.threads_by = text_in(j, "threads_by");
  e.per_layer = flag_in(j, "per_layer");
  e.batch = optional_whole(j, "batch");
  e.epochs = optional_whole(j, "epochs");
  e.limit = optional_whole(j, "limit");
  e.order = text_in(j, "order");
  e.set = texts_in(j, "set");
  return e;
}

Json json_of(const StudyPlan& plan) {
  Json json{{"name", plan.name},
            {"model", plan.model},
            {"data", plan.data},
            {"device", plan.device},
            {"repeats", plan.repeats},
            {"seed", plan.seed},
            {"target_accuracy", optional(plan.target_accuracy)},
            {"launcher", plan.launcher},
            {"experiments", Json::array()}};
  if (plan.test_fraction > 0) json["test_fraction"] = plan.test_fraction;
  if (plan.validation > 0) json["validation"] = plan.validation;
  if (plan.bad_images != StudyPlan().bad_images) json["bad_images"] = plan.bad_images;
  if (!plan.cache.empty()) json["cache"] = plan.cache;
  for (const Experiment& e : plan.experiments) json["experiments"].push_back(json_of(e));
  return json;
}

StudyPlan plan_of(const nlohmann::json& j) {
  StudyPlan plan;
  plan.name = text_in(j, "name");
  plan.model = text_in(j, "model");
  plan.data = text_in(j, "data");
  // These four are only there where they are not the default.
  if (j.contains("test_fraction")) plan.test_fraction = real_in(j, "test_fraction", 0, 1);
  if (j.contains("validation")) plan.validation = real_in(j, "validation", 0, 1);
  if (j.contains("bad_images")) plan.bad_images = text_in(j, "bad_images");
  if (j.contains("cache")) plan.cache = text_in(j, "cache");
  plan.device = text_in(j, "device");
  plan.repeats = whole_in<int>(j, "repeats", 1);
  plan.seed = whole_in<std::uint64_t>(j, "seed", 0, std::numeric_limits<std::int64_t>::max());
  plan.target_accuracy = optional_real(j, "target_accuracy", 1);
  plan.launcher = text_in(j, "launcher");
  for (const auto& e : array_in(j, "experiments")) plan.experiments.push_back(experiment_of(e));
  return plan;
}

Json json_of(const MachineRecord& machine) {
  Json json{{"cpu", machine.facts.cpu},
            {"cores", machine.facts.cores},
            {"usable_cores", machine.facts.usable_cores},
            {"memory_bytes", machine.facts.memory_bytes},
            {"system", machine.facts.system},
            {"compiler", machine.facts.compiler},
            {"cpu_quota", optional(machine.cpu_quota)},
            {"mpi", machine.mpi},
            {"threading", machine.threading}};
  if (machine.gpus.empty()) return json;
  json["gpus"] = machine.gpus;
  json["cuda"] = machine.cuda;
  return json;
}

MachineRecord machine_of(const nlohmann::json& j) {
  MachineRecord machine;
  machine.facts = {text_in(j, "cpu"),
                   whole_in<int>(j, "cores", 1),
                   whole_in<int>(j, "usable_cores", 1),
                   whole_in<std::uint64_t>(j, "memory_bytes"),
                   text_in(j, "system"),
                   text_in(j, "compiler")};
  machine.cpu_quota = optional_real(j, "cpu_quota", std::numeric_limits<double>::max());
  machine.mpi = text_in(j, "mpi");
  machine.threading = text_in(j, "threading");
  if (!j.contains("gpus")) return machine;
  machine.gpus = texts_in(j, "gpus");
  machine.cuda = text_in(j, "cuda");
  return machine;
}

// Checks that complete() would leave the plan as it is, and that its runs took time: the analysis
// uses the plan for indices and divides by the times.
void check_whole(const Study& study) {
  StudyPlan whole = study.plan;
  complete(whole, "the plan", Fault::bad_data);
  if (!(whole == study.plan)) {
    throw std::invalid_argument("an experiment does not begin with the layout 1x1");
  }
  std::set<std::tuple<std::size_t, std::size_t, int>> seen;
  for (const RunRecord& run : study.runs) {
    const bool known = run.experiment < study.plan.experiments.size() &&
                       run.layout < study.plan.experiments[run.experiment].layouts.size();
    if (!known) throw std::invalid_argument("a run does not belong to the plan");
    if (!(run.train_seconds > 0) || run.epochs.empty()) {
      throw std::invalid_argument("a run has no training time or no epoch");
    }
    if (!seen.insert({run.experiment, run.layout, run.round}).second) {
      throw std::invalid_argument("a run is listed twice");
    }
  }
}

}  // namespace

double TimeShares::sum() const {
  double all = 0;
  for (const TimePart& part : kTimeParts) all += this->*part.seconds;
  return all;
}

TimeShares& TimeShares::operator+=(const TimeShares& other) {
  for (const TimePart& part : kTimeParts) this->*part.seconds += other.*part.seconds;
  return *this;
}

TimeShares TimeShares::operator/(double divisor) const {
  TimeShares result = *this;
  for (const TimePart& part : kTimeParts) result.*part.seconds /= divisor;
  return result;
}

std::string to_json(const Study& study) {
  Json json{{"schema", kSchema},
            {"version", study.version},
            {"date", study.date},
            {"plan", json_of(study.plan)},
            {"machine", json_of(study.machine)},
            {"flops_per_sample", study.flops_per_sample},
            {"parameters", study.parameters},
            {"model_sha256", study.model_sha256},
            {"data_sha256", study.data_sha256},
            {"layers", Json::array()},
            {"peaks", Json::array()},
            {"commands", study.commands},
            {"runs", Json::array()}};
  for (const LayerFacts& layer : study.layers) {
    json["layers"].push_back({{"name", layer.name}, {"type", layer.type}});
  }
  for (const PeakRecord& peak : study.peaks) {
    json["peaks"].push_back(
        {{"threads", peak.threads}, {"flops_per_second", peak.flops_per_second}});
    if (peak.bytes_per_second > 0) json["peaks"].back()["bytes_per_second"] = peak.bytes_per_second;
  }
  for (const RunRecord& run : study.runs) json["runs"].push_back(json_of(run));
  return printable_json(json.dump(1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

Study parse_study(std::string_view text) {
  const nlohmann::json j = parse_strict_json(text);
  if (text_in(j, "schema") != kSchema) {
    throw std::invalid_argument(fmt::format("it is not {}", kSchema));
  }
  Study study;
  study.version = text_in(j, "version");
  study.date = text_in(j, "date");
  study.machine = machine_of(member(j, "machine"));
  study.flops_per_sample = whole_in<std::int64_t>(j, "flops_per_sample");
  study.parameters = whole_in<std::int64_t>(j, "parameters");
  study.model_sha256 = text_in(j, "model_sha256");
  study.data_sha256 = text_in(j, "data_sha256");
  for (const auto& layer : array_in(j, "layers")) {
    study.layers.push_back({text_in(layer, "name"), text_in(layer, "type")});
  }
  for (const auto& peak : array_in(j, "peaks")) {
    study.peaks.push_back(
        {whole_in<int>(peak, "threads", 1), real_in(peak, "flops_per_second"),
         peak.contains("bytes_per_second") ? real_in(peak, "bytes_per_second") : 0.0});
  }
  for (const auto& command : array_in(j, "commands")) {
    study.commands.push_back(texts_of(command, "commands"));
  }
  try {
    study.plan = plan_of(member(j, "plan"));
    for (const auto& run : array_in(j, "runs")) study.runs.push_back(run_of(run));
    check_whole(study);
  } catch (const UserError& error) {
    throw std::invalid_argument(error.what());
  }
  return study;
}

Capacity capacity_of(const Study& study) {
  if (study.plan.device != "cuda") return {study.machine.facts.usable_cores, "core"};
  // With a launcher they may be on machines that this process has not seen.
  const bool known = !study.machine.gpus.empty() && study.plan.launcher.empty();
  return {known ? static_cast<int>(study.machine.gpus.size()) : std::numeric_limits<int>::max(),
          "GPU"};
}

std::string sha256_of(std::string_view text) {
  return sha256(std::as_bytes(std::span(text)));
}

std::string difference(const Study& a, const Study& b) {
  const auto machine = [](const Study& study) {
    Json json = json_of(study.machine);
    json.erase("system");  // a new kernel, or its use of memory, does not make another machine
    json.erase("memory_bytes");
    return json;
  };
  if (a.version != b.version) return "its version of Convoy";
  if (!(a.plan == b.plan)) return "its plan";
  if (a.model_sha256 != b.model_sha256) return "its model file";
  if (a.data_sha256 != b.data_sha256) return "its data";
  if (machine(a) != machine(b)) return "its machine";
  return "";
}

}  // namespace convoy::study
