// SPDX-License-Identifier: Apache-2.0
#include "commands/run_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "commands/run_curves.hpp"
#include "report/gallery.hpp"
#include "report/metrics.hpp"
#include "report/page.hpp"
#include "report/svg.hpp"

namespace convoy::app {
namespace {

using Runs = std::span<const RunRecord>;

constexpr std::size_t kPrefix = 12;  // digits of a digest, enough to distinguish some runs

std::string decimals(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "not finite";
}

std::string percent(double fraction) {
  return std::isfinite(fraction) ? as_percent(fraction) : "not finite";
}

std::string percent(const std::optional<double>& fraction) {
  return fraction ? percent(*fraction) : "-";
}

// "-" where the data have no test images.
std::string test_loss_of(const EpochMetrics& epoch) {
  return std::isnan(epoch.test_accuracy) ? "-" : decimals(epoch.test_loss, 4);
}
std::string test_accuracy_of(const EpochMetrics& epoch) {
  return std::isnan(epoch.test_accuracy) ? "-" : as_percent(epoch.test_accuracy);
}

std::string counted(Index count, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(count), noun, count == 1 ? "" : "s");
}

std::string epochs_of(const RunRecord& run) {
  return run.is_done() ? fmt::format("{}", run.epochs_done())
                       : fmt::format("{} of {}", run.epochs_done(), run.epochs_wanted());
}

// A setting of an optimizer or an average: ", weight decay 0.0005", or ", nesterov" if it is on.
std::string key_in_words(std::string_view key) {
  std::string words(key);
  std::ranges::replace(words, '_', ' ');
  return ", " + words;
}
template <class Number>
std::string setting_in_words(std::string_view key, Number value) {
  return fmt::format("{} {}", key_in_words(key), value);
}
std::string setting_in_words(std::string_view key, bool is_on) {
  return key_in_words(key) + (is_on ? "" : " off");
}

// "ema, decay 0.999, warmup; tested: the average"
std::string average_in_words(const TrainSettings& train) {
  std::string text(type_name(train.average));
  std::visit(
      [&](const auto& average) {
        visit_settings(average, [&](std::string_view key, const auto& field, const auto&...) {
          text += setting_in_words(key, field);
        });
      },
      train.average);
  const bool average = train.evaluate == WeightsCopy::average;
  return text + (average ? "; tested: the average" : "; tested: the trained weights");
}

// The settings that differ from the optimizer's defaults: "sgd, learning rate 0.1, momentum 0.9,
// nesterov, weight decay 0.0005".
std::string optimizer_in_words(const TrainSettings& train) {
  std::string text(type_name(train.optimizer));
  const auto named = std::ranges::find(kOptimizers, text, &NamedOptimizer::name);
  std::visit(
      [&](const auto& op) {
        const auto& plain = std::get<std::decay_t<decltype(op)>>(named->defaults);
        std::vector<std::string> usual;
        visit_settings(plain, [&](std::string_view, const auto& field, const auto&...) {
          usual.push_back(fmt::format("{}", field));
        });
        std::size_t i = 0;
        visit_settings(op, [&](std::string_view key, const auto& field, const auto&...) {
          const bool is_usual = fmt::format("{}", field) == usual[i++];
          if (!is_usual || key == "learning_rate") text += setting_in_words(key, field);
        });
      },
      train.optimizer);
  if (train.clip_norm) text += fmt::format(", gradients clipped to norm {}", *train.clip_norm);
  if (!train.optimizer_groups.empty()) {
    text += fmt::format(", {} with settings of their own",
                        counted(static_cast<Index>(train.optimizer_groups.size()), "group"));
  }
  switch (train.schedule) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::step:
      text += fmt::format(", times {} every {:g} epochs", train.step_factor, train.step_epochs);
      break;
    case ScheduleKind::cosine:
      text += fmt::format(", decreasing along a cosine to {}", train.final_learning_rate);
      break;
    case ScheduleKind::multi_step:
      text += fmt::format(", times {} after {:g} epochs", train.step_factor,
                          fmt::join(train.milestones, ", "));
      break;
    case ScheduleKind::exponential:
      text += fmt::format(", times {} in every {:g} epochs, exponentially", train.step_factor,
                          train.step_epochs);
      break;
    case ScheduleKind::one_cycle:
      text +=
          fmt::format(", one cycle: from 1/{:g} of it up in {:g} % of the epochs, down to {} ({})",
                      train.div_factor, 100 * train.pct_start, train.final_learning_rate,
                      to_string(train.anneal_strategy));
      break;
  }
  if (train.warmup_epochs > 0) text += fmt::format(", warm-up {:g} epochs", train.warmup_epochs);
  return text;
}

// The rate of the last epoch; if it changed, also that of the first.
std::string learning_rates(const RunRecord& run) {
  if (run.epochs.empty())
    return fmt::format("{:.4g}", learning_rate(run.config.model.train.optimizer));
  const std::optional<double> first = run.epochs.front().learning_rate;
  const std::optional<double> last = run.epochs.back().learning_rate;
  if (!last) return fmt::format("{:.4g}", learning_rate(run.config.model.train.optimizer));
  if (!first || *first == *last) return fmt::format("{:.4g}", *last);
  return fmt::format("{:.4g} to {:.4g}", *first, *last);
}

Table runs_table(Runs runs) {
  Table table{
      "runs",
      "The results after each run's last epoch. The seconds are those of the training steps only.",
      {{"run", false},
       {"model", false},
       {"data", false},
       {"batch"},
       {"seed"},
       {"learning rate"},
       {"epochs"},
       {"training loss"},
       {"training accuracy"},
       {"test loss"},
       {"test accuracy"},
       {"seconds"},
       {"weights (SHA-256)", false}},
      {}};
  for (const RunRecord& run : runs) {
    const TrainSettings& train = run.config.model.train;
    const bool any = !run.epochs.empty();
    table.rows.push_back({run.name, run.config.model.net.name(), run.config.data.name,
                          fmt::format("{}", train.batch), fmt::format("{}", train.seed),
                          learning_rates(run), epochs_of(run),
                          any ? decimals(run.epochs.back().train_loss, 4) : "-",
                          any ? percent(run.epochs.back().train_accuracy) : "-",
                          any ? test_loss_of(run.epochs.back()) : "-",
                          any ? test_accuracy_of(run.epochs.back()) : "-",
                          decimals(run.seconds(), 2), run.weights_sha256.substr(0, kPrefix)});
  }
  return table;
}

// Names of runs that ended with the same bits, and their digest; in the order in which they were
// given.
std::vector<std::pair<std::vector<std::string>, std::string>> same_weights(Runs runs) {
  std::vector<std::pair<std::vector<std::string>, std::string>> groups;
  for (const RunRecord& run : runs) {
    const std::string& digest = run.weights_sha256;
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& other) { return other.second == digest; });
    if (group != groups.end()) {
      group->first.push_back(run.name);
    } else {
      groups.push_back({{run.name}, digest});
    }
  }
  std::erase_if(groups, [](const auto& group) { return group.first.size() < 2; });
  return groups;
}

void tell_overview(Page& page, Runs runs) {
  page.section("Runs");
  page.table(runs_table(runs));
  for (const auto& [names, digest] : same_weights(runs)) {
    page.good(fmt::format("{} have the same weights, bit for bit (SHA-256 {}).",
                          fmt::join(names, ", "), digest));
  }
  for (const RunRecord& run : runs) {
    if (!run.is_done()) {
      page.warning(fmt::format("{} is not finished: {} of {} are done.", run.name,
                               run.epochs_done(), counted(run.epochs_wanted(), "epoch")));
    }
    if (!run.result) page.warning(fmt::format("{} could not be tested: {}", run.name, run.why_not));
    if (run.other_test_data) {
      page.warning(fmt::format("{} is tested here on {}, but its curves come from other test data.",
                               run.name, run.data));
    }
  }
  page.note(fmt::format(
      "Thread and rank counts are not stored in a run folder; they affect time only. Made by "
      "convoy {}.",
      kVersion));
}

void tell_curves(Page& page, Runs runs) {
  page.section("Learning curves");
  const std::vector<CurvePlot> curves = learning_curves(runs);
  const std::vector<Plot> plots(curves.begin(), curves.end());
  const std::vector<std::string> svgs = draw(plots);
  if (!same_weights(runs).empty()) {
    page.paragraph("Over epochs, curves of runs with equal weights coincide.");
  }
  // In pairs: over epochs, over seconds.
  for (std::size_t i = 0; i + 1 < svgs.size(); i += 2) {
    page.figures(
        {{svgs[i], curve_caption(curves[i])}, {svgs[i + 1], curve_caption(curves[i + 1])}});
  }
}

void tell_facts(Page& page, const RunRecord& run) {
  const TrainSettings& train = run.config.model.train;
  const DataSettings& data = run.config.data;
  std::string samples = data.name;
  if (data.limit > 0) samples += fmt::format(", the first {}", counted(data.limit, "sample"));
  if (!data.validation_sha256.empty()) {
    samples += ", its validation images held out";
  } else if (data.validation > 0) {
    samples += fmt::format(", {} held out", as_percent(data.validation));
  }
  if (data.test_fraction > 0)
    samples += fmt::format(", {} of the pictures made test images", as_percent(data.test_fraction));
  if (data.bad_images == BadImages::skip) samples += ", without pictures that cannot be read";
  std::vector<std::pair<std::string, std::string>> facts{
      {"folder", run.folder.string()},
      {"model", fmt::format("{}, {}", run.config.model.net.name(),
                            counted(run.config.model.net.parameter_count(), "parameter"))},
      {"training data", samples},
      {"batch", fmt::format("{}, in grains of {}", train.batch, train.grain)},
      {"optimizer", optimizer_in_words(train)},
      {"order", fmt::format("{}, seed {}", train.order, train.seed)},
      {"done", fmt::format("{} of {}, {}", run.epochs_done(), counted(run.epochs_wanted(), "epoch"),
                           counted(run.position.step, "step"))},
      {"weights (SHA-256)", run.weights_sha256}};
  if (exists(train.average)) {
    facts.push_back({"average", average_in_words(train)});
    facts.push_back({"average (SHA-256)", run.average_sha256});
  }
  page.facts(facts);
  page.html(fmt::format("<details><summary>Model file</summary>\n<pre>{}</pre>\n</details>\n",
                        svg::escaped_lines(run.config.model.text)));
}

void tell_epochs(Page& page, const RunRecord& run) {
  if (run.epochs.empty()) return;
  const bool validated = run.epochs.front().validation_loss.has_value();
  Table table{"epochs",
              "Loss and accuracy after each epoch.",
              {{"epoch"}, {"learning rate"}, {"training loss"}, {"training accuracy"}},
              {}};
  if (validated) table.columns.insert(table.columns.end(), {{"validation loss"}, {"validation"}});
  table.columns.insert(table.columns.end(),
                       {{"test loss"}, {"test accuracy"}, {"seconds"}, {"images/s"}});
  for (const EpochMetrics& epoch : run.epochs) {
    std::vector<std::string> row{
        fmt::format("{}", epoch.epoch),
        epoch.learning_rate ? fmt::format("{:.4g}", *epoch.learning_rate) : "-",
        decimals(epoch.train_loss, 4), percent(epoch.train_accuracy)};
    if (validated) {
      row.push_back(decimals(epoch.validation_loss.value_or(NAN), 4));
      row.push_back(percent(epoch.validation_accuracy.value_or(NAN)));
    }
    const double rate = std::isfinite(epoch.images_per_second) ? epoch.images_per_second : 0;
    row.insert(row.end(), {test_loss_of(epoch), test_accuracy_of(epoch), decimals(epoch.seconds, 3),
                           with_commas(rounded(rate))});
    table.rows.push_back(std::move(row));
  }
  page.table(table);
}

void tell_confused(Page& page, const RunRecord& run, const std::vector<std::string>& names) {
  page.subsection("Most confused");
  if (run.too_many_probabilities) {
    return page.note(fmt::format(
        "The images are not shown, because the probabilities of {} classes for all test images "
        "take more than 256 MiB.",
        with_commas(run.result->confusion.classes())));
  }
  if (run.confused.empty()) return page.paragraph("The model made no mistake.");
  const auto name = [&](Index label) { return names[static_cast<std::size_t>(label)]; };
  if (run.confused.front().png.empty()) {
    return page.note("The images are not shown, because they are neither grey nor RGB.");
  }
  page.paragraph(
      fmt::format("The {} that were predicted wrongly with the highest confidence, each with the "
                  "probability of the predicted class (and of the true one):",
                  counted(static_cast<Index>(run.confused.size()), "test image")));
  std::vector<GalleryPicture> pictures;
  for (const ConfusedImage& image : run.confused) {
    pictures.push_back({image.png,
                        name(image.truth),
                        {fmt::format("taken for {}", name(image.predicted)),
                         fmt::format("{} ({})", as_percent(image.probability),
                                     as_percent(image.truth_probability)),
                         fmt::format("test image {}", image.sample)}});
  }
  page.html(gallery_html(pictures));
}

void tell_mistakes(Page& page, const RunRecord& run) {
  if (!run.result) return page.paragraph(fmt::format("Not tested: {}", run.why_not));
  const Confusion& confusion = run.result->confusion;
  const std::vector<std::string> names = class_names(run.tested.checkpoint);
  const auto name = [&](Index label) { return names[static_cast<std::size_t>(label)]; };
  page.subsection("Confusion matrix");
  std::string text =
      fmt::format("On {}, by the {}: accuracy {}, loss {}.", run.data, in_words(run.tested),
                  percent(run.result->accuracy), decimals(run.result->loss, 4));
  std::vector<std::string> frequent;
  for (const Confusion::Cell& mistake : confusion.mistakes()) {
    if (frequent.size() == 3) break;
    frequent.push_back(fmt::format("{} taken for {} ({})", name(mistake.truth),
                                   name(mistake.predicted), with_commas(mistake.count)));
  }
  if (!frequent.empty()) text += fmt::format(" Most frequent: {}.", fmt::join(frequent, ", "));
  page.paragraph(text);
  page.html(confusion_html(
      confusion, names,
      fmt::format("{}: test images by true class (rows) and predicted class{}.", run.name,
                  confusion.classes() > kMostClassesOfMatrix
                      ? ""
                      : " (columns); shades are shares of a row")));
  tell_confused(page, run, names);
}

std::string title(Runs runs) {
  if (runs.size() > 1) return fmt::format("Training report: {} runs", runs.size());
  return fmt::format("Training report: {} on {}", runs[0].config.model.net.name(),
                     runs[0].config.data.name);
}

std::string subtitle(Runs runs) {
  std::vector<std::string> folders;
  for (const RunRecord& run : runs) folders.push_back(run.folder.string());
  return fmt::format("{}", fmt::join(folders, ", "));
}

}  // namespace

std::string run_report(Runs runs) {
  Page page(title(runs), subtitle(runs));
  tell_overview(page, runs);
  tell_curves(page, runs);
  for (const RunRecord& run : runs) {
    page.section(fmt::format("Run {}", run.name));
    tell_facts(page, run);
    tell_epochs(page, run);
    tell_mistakes(page, run);
  }
  return page.text();
}

}  // namespace convoy::app
