// SPDX-License-Identifier: Apache-2.0
#include "study/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "data/order.hpp"

namespace convoy::study {
namespace {

constexpr std::string_view kRanks = "{ranks}", kThreads = "{threads}";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), by);
    at += by.size();
  }
}

// Puts the serial layout first, and adds it if it is missing.
void complete_layouts(Experiment& experiment, Fault fault, std::string_view source) {
  auto& layouts = experiment.layouts;
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    if (std::find(layouts.begin(), layouts.begin() + static_cast<std::ptrdiff_t>(i), layouts[i]) !=
        layouts.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw UserError(fault,
                      fmt::format("{}: layout {} is listed twice in '{}'", source,
                                  to_string(layouts[i]), experiment.name),
                      "", "write it once; 'repeats' (--repeats) says how often it runs");
    }
  }
  const auto serial = std::find(layouts.begin(), layouts.end(), Grid{});
  if (serial == layouts.end()) {
    layouts.insert(layouts.begin(), Grid{});
  } else {
    std::rotate(layouts.begin(), serial, serial + 1);
  }
}

void check_name(const Experiment& experiment, Fault fault, std::string_view source) {
  if (is_printable(experiment.name) && !experiment.name.empty()) return;
  throw UserError(fault, fmt::format("{}: an experiment has no printable name", source), "",
                  "give it one line of text");
}

// On GPUs a worker is a rank, and ranks share the grains of a batch.
void check_device(const StudyPlan& plan, const Experiment& experiment, Fault fault,
                  std::string_view source) {
  if (plan.device != "cuda") return;
  for (const Grid& grid : experiment.layouts) {
    if (grid.threads == 1) continue;
    throw UserError(fault,
                    fmt::format("{}: layout {} of '{}' with device cuda", source, to_string(grid),
                                experiment.name),
                    "on GPUs a rank has one worker, its GPU",
                    fmt::format("write {}x1", grid.ranks));
  }
  if (experiment.ranks_by == "data" && experiment.threads_by == "data") return;
  throw UserError(
      fault,
      fmt::format("{}: '{}' splits work by tensor, with device cuda", source, experiment.name),
      "GPUs support only data parallel training", "set ranks_by and threads_by to data");
}

// These texts become words of each run's command, and must not be read as options there.
void check_words(const StudyPlan& plan, const Experiment& experiment, Fault fault,
                 std::string_view source) {
  const auto check = [&](std::string_view what, std::string_view word, std::string_view remedy) {
    if (!word.starts_with('-')) return;
    throw UserError(fault, fmt::format("{}: {} '{}' begins with '-'", source, what, word),
                    "convoy train would read it as an option", remedy);
  };
  check("the model", plan.model, "if it is a file, write ./ in front");
  check("the data", plan.data, "if it is a folder, write ./ in front");
  check("the cache", plan.cache, "write ./ in front");
  for (const std::string& set : experiment.set) check("the setting", set, "write KEY=VALUE");
}

void check_launcher(const StudyPlan& plan, Fault fault, std::string_view source) {
  if (plan.launcher.empty() || plan.launcher.find(kRanks) != std::string::npos) return;
  throw UserError(fault,
                  fmt::format("{}: the launcher '{}' has no {{ranks}}", source, plan.launcher),
                  "{ranks} stands for the number of ranks",
                  "write for example 'srun --mpi=pmix -n {ranks} -c {threads}'");
}

const Experiment& experiment_of(const StudyPlan& plan, const Configuration& which) {
  return plan.experiments[which.experiment];
}

const Grid& grid_of(const StudyPlan& plan, const Configuration& which) {
  return experiment_of(plan, which).layouts[which.layout];
}

}  // namespace

std::string to_string(const Grid& grid) {
  return fmt::format("{}x{}", grid.ranks, grid.threads);
}

Grid parse_grid(std::string_view text) {
  constexpr int kMost = 1 << 20;
  Grid grid;
  const char* end = text.data() + text.size();
  const auto [x, first_error] = std::from_chars(text.data(), end, grid.ranks);
  if (first_error == std::errc() && x != end && *x == 'x') {
    const auto [stop, error] = std::from_chars(x + 1, end, grid.threads);
    if (error == std::errc() && stop == end && grid.ranks >= 1 && grid.threads >= 1 &&
        Index{grid.ranks} * grid.threads <= kMost) {
      return grid;
    }
  }
  throw UserError(Fault::usage, fmt::format("'{}' is not a layout", text), "",
                  "write RANKSxTHREADS, for example 2x1");
}

std::string slug(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool capital = c >= 'A' && c <= 'Z';
    if (letter || capital) {
      result += capital ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.empty() ? "x" : result;
}

std::string_view to_string(Scaling scaling) {
  return scaling == Scaling::strong ? "strong" : "weak";
}

void complete(StudyPlan& plan, std::string_view source, Fault fault) {
  std::set<std::string> names;
  for (Experiment& experiment : plan.experiments) {
    check_name(experiment, fault, source);
    check_words(plan, experiment, fault, source);
    if (!names.insert(slug(experiment.name)).second) {
      throw UserError(fault,
                      fmt::format("{}: two experiments are called '{}'", source, experiment.name),
                      "their files would have the same name", "give each its own name");
    }
    if (experiment.per_layer && experiment.scaling == Scaling::weak) {
      throw UserError(
          fault, fmt::format("{}: '{}' has per_layer with weak scaling", source, experiment.name),
          "a layer's work would grow with the workers", "use per_layer with strong scaling only");
    }
    complete_layouts(experiment, fault, source);
    check_device(plan, experiment, fault, source);
  }
  if (plan.experiments.empty()) {
    throw UserError(fault, fmt::format("{} has no experiment", source), "",
                    "add a table [[experiment]]");
  }
  check_launcher(plan, fault, source);
}

std::vector<Configuration> configurations(const StudyPlan& plan) {
  std::vector<Configuration> all;
  for (std::size_t e = 0; e < plan.experiments.size(); ++e) {
    for (std::size_t l = 0; l < plan.experiments[e].layouts.size(); ++l) all.push_back({e, l});
  }
  return all;
}

std::vector<Configuration> shuffled_round(const StudyPlan& plan, int round) {
  const std::vector<Configuration> all = configurations(plan);
  std::vector<Configuration> shuffled;
  for (const std::uint32_t i :
       epoch_order(Order{}, static_cast<Index>(all.size()), plan.seed, round)) {
    shuffled.push_back(all[i]);
  }
  return shuffled;
}

std::vector<std::string> train_words(const StudyPlan& plan, const Configuration& which) {
  const Experiment& experiment = experiment_of(plan, which);
  const Grid& grid = grid_of(plan, which);
  std::vector<std::string> words{"train", plan.model, "--data", plan.data};
  const auto add = [&](const char* option, const auto& value) {
    words.insert(words.end(), {option, fmt::format("{}", value)});
  };
  if (plan.test_fraction > 0) add("--test-fraction", plan.test_fraction);
  if (plan.validation > 0) add("--validation", plan.validation);
  if (plan.bad_images != "stop") add("--bad-images", plan.bad_images);
  if (!plan.cache.empty()) add("--cache", plan.cache);
  if (experiment.batch) {
    const bool grows = experiment.scaling == Scaling::weak;
    add("--batch", *experiment.batch * (grows ? grid.workers() : 1));
  }
  if (experiment.epochs) add("--epochs", *experiment.epochs);
  if (experiment.limit) add("--limit", *experiment.limit);
  if (experiment.order == kOwnShards) {
    add("--order", fmt::format("shards:{}", grid.workers()));
  } else if (!experiment.order.empty()) {
    add("--order", experiment.order);
  }
  for (const std::string& set : experiment.set) add("--set", set);
  if (grid.ranks > 1 && plan.launcher.empty()) add("--ranks", grid.ranks);
  if (grid.ranks > 1) add("--ranks-by", experiment.ranks_by);
  const bool gpu = plan.device == "cuda";
  if (!gpu) {
    add("--threads", grid.threads);
    if (grid.threads > 1) add("--threads-by", experiment.threads_by);
    if (experiment.per_layer) words.emplace_back("--no-fusion");
  }
  if (plan.device != "cpu") add("--device", plan.device);
  if (!gpu) words.emplace_back("--oversubscribe");
  // A GPU's stages are timed only if each is launched alone, which is not the way it trains.
  if (!gpu || experiment.per_layer) words.emplace_back("--profile");
  words.insert(words.end(), {"--json", "--quiet"});
  return words;
}

std::vector<std::string> launcher_words(const StudyPlan& plan, const Configuration& which) {
  const Grid& grid = grid_of(plan, which);
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = plan.launcher.find_first_not_of(' ', at)) != std::string::npos) {
    const std::size_t end = std::min(plan.launcher.find(' ', at), plan.launcher.size());
    std::string word = plan.launcher.substr(at, end - at);
    replace_all(word, kRanks, fmt::format("{}", grid.ranks));
    replace_all(word, kThreads, fmt::format("{}", grid.threads));
    words.push_back(std::move(word));
    at = end;
  }
  return words;
}

}  // namespace convoy::study
