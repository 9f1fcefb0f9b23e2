// SPDX-License-Identifier: Apache-2.0
// Reads the [train] section of a model file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/suggest.hpp"
#include "net/model_reader.hpp"
#include "net/table_reader.hpp"

namespace convoy {
namespace {

constexpr NameTable<ScheduleKind, 6> kSchedules = {{{"constant", ScheduleKind::constant},
                                                    {"step", ScheduleKind::step},
                                                    {"cosine", ScheduleKind::cosine},
                                                    {"multi_step", ScheduleKind::multi_step},
                                                    {"exponential", ScheduleKind::exponential},
                                                    {"one_cycle", ScheduleKind::one_cycle}}};
constexpr NameTable<AnnealStrategy, 2> kAnnealStrategies = {
    {{"cos", AnnealStrategy::cos}, {"linear", AnnealStrategy::linear}}};

constexpr Index kMaxShards = 1 << 20;

// Reads shuffled | sequential | shards:N.
std::string read_order(const TableReader& train, std::string_view fallback) {
  std::string order = train.string("order", fallback);
  if (order == "shuffled" || order == "sequential") return order;
  constexpr std::string_view kPrefix = "shards:";
  const ConfigLocation& location = train.find("order")->location;
  if (!order.starts_with(kPrefix)) {
    constexpr std::array<std::string_view, 3> kOrders = {"shuffled", "sequential", "shards:N"};
    train.choose("order", *train.find("order"), kOrders);
  }
  Index shards = 0;
  const char* end = order.data() + order.size();
  const auto [stop, error] = std::from_chars(order.data() + kPrefix.size(), end, shards);
  if (error != std::errc{} || stop != end || shards < 1 || shards > kMaxShards) {
    train.fail(location, fmt::format("'order' is '{}'", order), "",
               fmt::format("write shards:N with N from 1 to {}", kMaxShards));
  }
  return fmt::format("shards:{}", shards);
}

std::vector<double> read_milestones(const TableReader& train) {
  const ConfigValue* value = train.find("milestones");
  if (value == nullptr) return {};
  const auto* elements = std::get_if<ConfigArray>(&value->data);
  const std::string_view example = "write milestones = [10, 15], in epochs, in ascending order";
  if (elements == nullptr) {
    train.fail(value->location, fmt::format("'milestones' is {}", describe(*value)), "", example);
  }
  std::vector<double> milestones;
  for (const ConfigValue& element : *elements) {
    const double epochs = train.number_of("milestones", element, kPositive);
    if (!milestones.empty() && epochs <= milestones.back()) {
      train.fail(element.location,
                 fmt::format("the milestone {} follows {}", epochs, milestones.back()), "",
                 example);
    }
    milestones.push_back(epochs);
  }
  return milestones;
}

void check_schedule(const TableReader& train, const TrainSettings& s) {
  // The rate is multiplied once for each drop; this must not become the longest part of a step.
  constexpr double kMostDrops = 1e6;
  const auto epochs = static_cast<double>(s.epochs);
  if (s.schedule == ScheduleKind::step && epochs / s.step_epochs > kMostDrops) {
    const ConfigValue* value = train.find("step_epochs");
    train.fail((value ? value : train.find("epochs"))->location,
               fmt::format("'step_epochs' is {}", s.step_epochs),
               fmt::format("the learning rate would drop more than a million times in {} epochs",
                           s.epochs),
               "give the number of epochs between two drops, for example 1");
  }
  if (s.schedule == ScheduleKind::multi_step && s.milestones.empty()) {
    train.fail(train.find("schedule")->location, "the schedule 'multi_step' needs milestones",
               "the learning rate drops at each of them",
               "add milestones = [10, 15], in epochs, in ascending order");
  }
  if (s.schedule == ScheduleKind::one_cycle && s.warmup_epochs > 0) {
    train.fail(train.find("warmup_epochs")->location,
               fmt::format("'warmup_epochs' is {}", s.warmup_epochs),
               "the schedule 'one_cycle' has a rise of its own",
               "remove it, and choose pct_start and div_factor");
  }
}

// Names the section of settings that many programs, and the first version, have among these.
void refuse_optimizer_keys(const ConfigValue& table) {
  const auto* entries = std::get_if<ConfigTable>(&table.data);
  if (entries == nullptr) return;
  std::vector<std::string_view> keys(kTrainKeys.begin(), kTrainKeys.end());
  for (const std::string_view key : optimizer_keys()) keys.push_back(key);
  for (const ConfigEntry& entry : *entries) {
    if (std::ranges::count(kTrainKeys, entry.key) != 0) continue;
    const std::string_view meant = entry.key == "lr" ? "learning_rate" : nearest(entry.key, keys);
    if (!is_optimizer_key(meant)) continue;
    fail_at(entry.value.location, fmt::format("[train]: unknown key '{}'", entry.key),
            fmt::format("{} is a setting of the optimizer", meant),
            fmt::format("did you mean 'optimizer.{}'? (the section is [optimizer])", meant));
  }
}

}  // namespace

std::string_view to_string(ScheduleKind kind) {
  return name_of(kSchedules, kind);
}

std::string_view to_string(AnnealStrategy strategy) {
  return name_of(kAnnealStrategies, strategy);
}

TrainSettings read_train(const ConfigValue& table) {
  refuse_optimizer_keys(table);
  const TableReader train(table, "[train]", kTrainKeys);
  const TrainSettings defaults;
  TrainSettings s;
  s.batch = train.integer("batch", defaults.batch, 1, kLargestBatch);
  s.grain = train.integer("grain", defaults.grain, 1, kLargestGrain);
  s.epochs = train.integer("epochs", defaults.epochs, 1, kMostEpochs);
  s.order = read_order(train, defaults.order);
  s.seed = static_cast<std::uint64_t>(train.integer("seed", static_cast<Index>(defaults.seed), 0,
                                                    std::numeric_limits<Index>::max()));
  s.drop_last = train.flag("drop_last", defaults.drop_last);
  s.schedule = train.choice("schedule", defaults.schedule, kSchedules);
  s.warmup_epochs = train.number("warmup_epochs", defaults.warmup_epochs, kNotNegative);
  s.step_epochs = train.number("step_epochs", defaults.step_epochs, kPositive);
  s.step_factor = train.number("step_factor", defaults.step_factor, kPositive);
  s.final_learning_rate =
      train.number("final_learning_rate", defaults.final_learning_rate, kNotNegativeFloat);
  s.milestones = read_milestones(train);
  s.pct_start = train.number("pct_start", defaults.pct_start, kZeroToOne);
  s.div_factor = train.number("div_factor", defaults.div_factor, kPositiveFloat);
  s.anneal_strategy = train.choice("anneal_strategy", defaults.anneal_strategy, kAnnealStrategies);
  check_schedule(train, s);
  return s;
}

std::string train_text(const TrainSettings& s) {
  return fmt::format(
      "batch = {}\ngrain = {}\nepochs = {}\norder = \"{}\"\nseed = {}\ndrop_last = {}\n"
      "schedule = \"{}\"\nwarmup_epochs = {}\nstep_epochs = {}\nstep_factor = {}\n"
      "final_learning_rate = {}\nmilestones = [{}]\npct_start = {}\ndiv_factor = {}\n"
      "anneal_strategy = \"{}\"\n",
      s.batch, s.grain, s.epochs, s.order, s.seed, s.drop_last, to_string(s.schedule),
      s.warmup_epochs, s.step_epochs, s.step_factor, s.final_learning_rate,
      fmt::join(s.milestones, ", "), s.pct_start, s.div_factor, to_string(s.anneal_strategy));
}

}  // namespace convoy
