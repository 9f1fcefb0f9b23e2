// SPDX-License-Identifier: Apache-2.0
#include "convoy/study/record.hpp"

#include <fmt/format.h>

#include <limits>
#include <set>
#include <span>
#include <stdexcept>
#include <tuple>

#include "convoy/base/digest.hpp"
#include "convoy/study/record_json.hpp"
#include "convoy/train/strict_json.hpp"

namespace convoy::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "convoy.study/1";

template <class T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <class T>
std::optional<T> optional(const nlohmann::json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
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
  run.experiment = j.at("experiment");
  run.layout = j.at("layout");
  run.round = j.at("round");
  run.load = j.at("load");
  run.busy_before = j.at("busy_before");
  run.busy_during = j.at("busy_during");
  run.process_seconds = j.at("process_seconds");
  run.train_seconds = j.at("train_seconds");
  run.samples = j.at("samples");
  run.batch = j.at("batch");
  run.steps = j.at("steps");
  run.ranks = j.at("ranks");
  run.threads = j.at("threads");
  run.working = j.at("working");
  run.contract = j.at("contract");
  run.isa = j.at("isa");
  run.weights_sha256 = j.at("weights_sha256");
  run.cpu = j.at("cpu");
  for (const auto& epoch : j.at("epochs")) run.epochs.push_back(epoch_of(epoch));
  run.profile_seconds = j.at("profile_seconds");
  run.shares = shares_of(j.at("shares"));
  run.bytes_sent = j.at("bytes_sent");
  run.peak_memory_bytes = j.at("peak_memory_bytes");
  for (const auto& layer : j.at("layers")) {
    run.layers.push_back(
        {layer.at("layer"), layer.at("pass"), layer.at("seconds"), kernels_of(layer)});
  }
  if (j.contains("launches_per_step")) run.launches_per_step = j.at("launches_per_step");
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
  e.name = j.at("name");
  e.scaling = j.at("scaling") == "weak" ? Scaling::weak : Scaling::strong;
  for (const auto& layout : j.at("layouts")) {
    e.layouts.push_back(parse_grid(layout.get<std::string>()));
  }
  e.ranks_by = j.at("ranks_by");
  e.threads_by = j.at("threads_by");
  e.per_layer = j.at("per_layer");
  e.batch = optional<Index>(j.at("batch"));
  e.epochs = optional<Index>(j.at("epochs"));
  e.limit = optional<Index>(j.at("limit"));
  e.order = j.at("order");
  e.set = j.at("set").get<std::vector<std::string>>();
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
  for (const Experiment& e : plan.experiments) json["experiments"].push_back(json_of(e));
  return json;
}

StudyPlan plan_of(const nlohmann::json& j) {
  StudyPlan plan;
  plan.name = j.at("name");
  plan.model = j.at("model");
  plan.data = j.at("data");
  plan.device = j.at("device");
  plan.repeats = j.at("repeats");
  plan.seed = j.at("seed");
  plan.target_accuracy = optional<double>(j.at("target_accuracy"));
  plan.launcher = j.at("launcher");
  for (const auto& e : j.at("experiments")) plan.experiments.push_back(experiment_of(e));
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
  machine.facts = {j.at("cpu"),          j.at("cores"),  j.at("usable_cores"),
                   j.at("memory_bytes"), j.at("system"), j.at("compiler")};
  machine.cpu_quota = optional<double>(j.at("cpu_quota"));
  machine.mpi = j.at("mpi");
  machine.threading = j.at("threading");
  if (!j.contains("gpus")) return machine;
  machine.gpus = j.at("gpus").get<std::vector<std::string>>();
  machine.cuda = j.at("cuda");
  return machine;
}

// A plan that complete() leaves as it is, and runs of it that took time: what is computed indexes
// by the one and divides by the other.
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
    if (!known || run.round < 1) throw std::invalid_argument("a run is none of its plan's");
    if (!(run.train_seconds > 0) || run.steps < 1 || run.samples < 1 || run.epochs.empty()) {
      throw std::invalid_argument("a run has trained nothing");
    }
    if (!seen.insert({run.experiment, run.layout, run.round}).second) {
      throw std::invalid_argument("a run stands in it twice");
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
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Study parse_study(std::string_view text) {
  return reading([&] {
    const nlohmann::json j = parse_strict_json(text);
    if (j.at("schema") != kSchema) {
      throw std::invalid_argument(fmt::format("it is not {}", kSchema));
    }
    Study study;
    study.version = j.at("version");
    study.date = j.at("date");
    study.plan = plan_of(j.at("plan"));
    study.machine = machine_of(j.at("machine"));
    study.flops_per_sample = j.at("flops_per_sample");
    study.parameters = j.at("parameters");
    study.model_sha256 = j.at("model_sha256");
    study.data_sha256 = j.at("data_sha256");
    for (const auto& layer : j.at("layers")) {
      study.layers.push_back({layer.at("name"), layer.at("type")});
    }
    for (const auto& peak : j.at("peaks")) {
      study.peaks.push_back(
          {peak.at("threads"), peak.at("flops_per_second"), peak.value("bytes_per_second", 0.0)});
    }
    study.commands = j.at("commands").get<std::vector<std::vector<std::string>>>();
    for (const auto& run : j.at("runs")) study.runs.push_back(run_of(run));
    check_whole(study);
    return study;
  });
}

Places places_of(const Study& study) {
  if (study.plan.device != "cuda") return {study.machine.facts.usable_cores, "core"};
  // Behind a launcher they may be of machines that nobody has seen here.
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
    json.erase("system");  // a new kernel, and the memory that it leaves, make no other machine
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
