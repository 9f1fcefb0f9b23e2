// SPDX-License-Identifier: Apache-2.0
#include "report/confusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "report/class_scores.hpp"
#include "report/metrics.hpp"
#include "report/svg.hpp"
#include "report/table.hpp"

namespace convoy {
namespace {

double share(Index part, Index of) {
  return static_cast<double>(part) / static_cast<double>(std::max<Index>(of, 1));
}

constexpr Index kMostColumnsOfText = 20;

// As percentages, or "-" of a class that has no samples and was not predicted.
struct ScoreTexts {
  std::string recall, precision, f1;

  explicit ScoreTexts(const ClassScores& scores)
      : recall(scores.appears() ? as_percent(scores.recall()) : "-"),
        precision(scores.appears() ? as_percent(scores.precision()) : "-"),
        f1(scores.appears() ? as_percent(scores.f1()) : "-") {}
};

std::string score_columns(const ScoreTexts& texts) {
  return fmt::format("  {:>9}  {:>9}  {:>9}", texts.recall, texts.precision, texts.f1);
}

std::string score_cells(const ClassScores& scores) {
  const ScoreTexts texts(scores);
  return fmt::format(
      "<td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>",
      texts.recall, texts.precision, texts.f1);
}

// The name, cut at a whole character if it has too many bytes.
std::string shortened(const std::string& name) {
  constexpr std::size_t kMost = 28;
  if (name.size() <= kMost) return name;
  std::size_t end = kMost - 3;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return name.substr(0, end) + "...";
}

// "7 Sneaker", or "7" if the class has no other name.
std::string numbered(std::span<const std::string> names, Index label) {
  const std::string number = fmt::format("{}", label);
  const std::string name = printable(names[static_cast<std::size_t>(label)]);
  return name == number ? number : fmt::format("{} {}", number, shortened(name));
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, characters(text)), ' ');
}

// "Sneaker (12)", or "".
std::string mistaken_for(const Confusion& confusion, std::span<const std::string> names,
                         Index truth) {
  const Confusion::Cell mistake = confusion.most_frequent_mistake(truth);
  if (mistake.count == 0) return "";
  return fmt::format("{} ({})", names[static_cast<std::size_t>(mistake.predicted)], mistake.count);
}

// A row of the macro averages, without its title.
std::string macro_columns(const std::vector<ClassScores>& scores) {
  const MacroAverage macro = macro_average(scores);
  return fmt::format("  {:>9}  {:>9}  {:>9}\n", as_percent(macro.recall),
                     as_percent(macro.precision), as_percent(macro.f1));
}

constexpr std::string_view kMacro = "macro average";

// The scores of the classes, one a row.
std::string scores_text(const Confusion& confusion, std::span<const std::string> labels,
                        std::size_t label_width) {
  const std::vector<ClassScores> scores = class_scores(confusion);
  std::string text =
      fmt::format("{:{}}  samples     recall  precision         F1\n", "class", label_width);
  for (Index i = 0; i < confusion.classes(); ++i) {
    const ClassScores& of_class = scores[static_cast<std::size_t>(i)];
    text += fmt::format("{}  {:>7}{}\n", padded(labels[static_cast<std::size_t>(i)], label_width),
                        of_class.samples, score_columns(ScoreTexts(of_class)));
  }
  return text + fmt::format("{:{}}  {:>7}", kMacro, label_width, "") + macro_columns(scores);
}

std::string matrix_text(const Confusion& matrix, std::span<const std::string> labels,
                        std::size_t label_width) {
  const int width = 2 + static_cast<int>(std::max(fmt::formatted_size("{}", matrix.largest()),
                                                  fmt::formatted_size("{}", matrix.classes() - 1)));
  std::string text = fmt::format("{:{}}  predicted\n{:{}}", "", label_width, "true", label_width);
  for (Index j = 0; j < matrix.classes(); ++j) text += fmt::format("{:{}}", j, width);
  text += "\n";
  for (Index i = 0; i < matrix.classes(); ++i) {
    text += padded(labels[static_cast<std::size_t>(i)], label_width);
    for (Index j = 0; j < matrix.classes(); ++j) text += fmt::format("{:{}}", matrix(i, j), width);
    text += "\n";
  }
  return text + "\n" + scores_text(matrix, labels, label_width);
}

// The classes of a list, in its order.
std::vector<Index> listed(const Confusion& confusion) {
  std::vector<Index> classes(static_cast<std::size_t>(confusion.classes()));
  std::iota(classes.begin(), classes.end(), Index{0});
  if (confusion.classes() <= kMostClassesOfList) return classes;
  std::vector<Index> wrong(classes.size());
  for (const Confusion::Cell& cell : confusion.cells()) {
    if (cell.truth != cell.predicted) wrong[static_cast<std::size_t>(cell.truth)] += cell.count;
  }
  std::ranges::stable_sort(classes, std::ranges::greater{},
                           [&](Index c) { return wrong[static_cast<std::size_t>(c)]; });
  classes.resize(static_cast<std::size_t>(kMostClassesOfList));
  return classes;
}

// Says which classes a list leaves out; empty where it has all.
std::string left_out(const Confusion& confusion) {
  if (confusion.classes() <= kMostClassesOfList) return "";
  return fmt::format("The {} of {} classes with the most wrong predictions are listed.",
                     kMostClassesOfList, with_commas(confusion.classes()));
}

std::string list_text(const Confusion& confusion, std::span<const std::string> labels,
                      std::size_t label_width) {
  std::string text =
      fmt::format("{:{}}  samples     recall  precision         F1  most often mistaken for\n",
                  "true", label_width);
  const std::vector<ClassScores> scores = class_scores(confusion);
  for (const Index i : listed(confusion)) {
    text += padded(labels[static_cast<std::size_t>(i)], label_width);
    const ClassScores& of_class = scores[static_cast<std::size_t>(i)];
    text += fmt::format("  {:>7}{}", of_class.samples, score_columns(ScoreTexts(of_class)));
    const std::string taken = mistaken_for(confusion, labels, i);
    text += taken.empty() ? "\n" : fmt::format("  {}\n", taken);
  }
  text += fmt::format("{:{}}  {:>7}", kMacro, label_width, "") + macro_columns(scores);
  const std::string others = left_out(confusion);
  return others.empty() ? text : text + others + "\n";
}

// The last row; `before` and `behind` are its cells beside the scores.
std::string macro_html(const std::vector<ClassScores>& scores, std::string_view before,
                       std::string_view behind) {
  const MacroAverage macro = macro_average(scores);
  return fmt::format(
      "<tfoot>\n<tr><th scope=\"row\">{}</th>{}<td class=\"number\">{}</td>"
      "<td class=\"number\">{}</td><td class=\"number\">{}</td>{}</tr>\n</tfoot>\n",
      kMacro, before, as_percent(macro.recall), as_percent(macro.precision), as_percent(macro.f1),
      behind);
}

std::string list_html(const Confusion& confusion, std::span<const std::string> names,
                      const std::string& caption) {
  const std::string others = left_out(confusion);
  std::string text = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n"
      "<table>\n<caption>{0}</caption>\n<thead>\n"
      "<tr><th scope=\"col\">true class</th><th scope=\"col\">samples</th>"
      "<th scope=\"col\">recall</th><th scope=\"col\">precision</th><th scope=\"col\">F1</th>"
      "<th scope=\"col\">most often mistaken for</th></tr>\n"
      "</thead>\n<tbody>\n",
      svg::escaped(others.empty() ? caption : caption + " " + others));
  const std::vector<ClassScores> scores = class_scores(confusion);
  for (const Index truth : listed(confusion)) {
    const ClassScores& of_class = scores[static_cast<std::size_t>(truth)];
    text +=
        fmt::format("<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td>{}<td>{}</td></tr>\n",
                    svg::escaped(names[static_cast<std::size_t>(truth)]), of_class.samples,
                    score_cells(of_class), svg::escaped(mistaken_for(confusion, names, truth)));
  }
  return text + "</tbody>\n" + macro_html(scores, "<td></td>", "<td></td>") + "</table>\n</div>\n";
}

std::string cell(Index count, bool hit, double of_row) {
  if (count == 0) return "<td class=\"zero\">0</td>";
  // The square root of the share of mistakes keeps a few mistakes in a thousand visible. Black or
  // white text has enough contrast on the darkest shade.
  constexpr double kDarkest = 0.5;
  const double shade = kDarkest * (hit ? of_row : std::sqrt(of_row));
  return fmt::format("<td class=\"{}\" style=\"--share:{:.3f}\">{}</td>", hit ? "hit" : "miss",
                     std::max(shade, 0.03), count);
}

}  // namespace

Confusion::Confusion(Index classes, std::span<const Label> labels,
                     std::span<const std::uint16_t> predictions)
    : classes_(classes), rows_(static_cast<std::size_t>(classes) + 1) {
  CONVOY_ASSERT(labels.size() == predictions.size());
  std::vector<std::pair<Label, std::uint16_t>> pairs;
  pairs.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) pairs.emplace_back(labels[i], predictions[i]);
  std::ranges::sort(pairs);
  for (const auto& [truth, predicted] : pairs) {
    if (cells_.empty() || cells_.back().truth != truth || cells_.back().predicted != predicted) {
      cells_.push_back({truth, predicted, 0});
      ++rows_[std::size_t{truth} + 1];
    }
    ++cells_.back().count;
  }
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
}

std::span<const Confusion::Cell> Confusion::row(Index truth) const {
  const auto t = static_cast<std::size_t>(truth);
  return std::span(cells_).subspan(rows_[t], rows_[t + 1] - rows_[t]);
}

Index Confusion::operator()(Index truth, Index predicted) const {
  const auto cells = row(truth);
  const auto found = std::ranges::lower_bound(cells, predicted, {}, &Cell::predicted);
  return found != cells.end() && found->predicted == predicted ? found->count : 0;
}

Index Confusion::samples(Index truth) const {
  Index sum = 0;
  for (const Cell& cell : row(truth)) sum += cell.count;
  return sum;
}

Index Confusion::largest() const {
  Index most = 0;
  for (const Cell& cell : cells_) most = std::max(most, cell.count);
  return most;
}

std::vector<Confusion::Cell> Confusion::mistakes() const {
  std::vector<Cell> result;
  for (const Cell& cell : cells_) {
    if (cell.truth != cell.predicted) result.push_back(cell);
  }
  std::ranges::stable_sort(result, std::ranges::greater{}, &Cell::count);
  return result;
}

Confusion::Cell Confusion::most_frequent_mistake(Index truth) const {
  Cell most{truth, truth, 0};
  for (const Cell& cell : row(truth)) {
    if (cell.predicted != truth && cell.count > most.count) most = cell;
  }
  return most;
}

std::string confusion_text(const Confusion& confusion, std::span<const std::string> names) {
  CONVOY_ASSERT(static_cast<Index>(names.size()) == confusion.classes());
  std::vector<std::string> labels;
  std::size_t width = kMacro.size();
  for (Index i = 0; i < confusion.classes(); ++i) {
    width = std::max(width, characters(labels.emplace_back(numbered(names, i))));
  }
  return confusion.classes() <= kMostColumnsOfText ? matrix_text(confusion, labels, width)
                                                   : list_text(confusion, labels, width);
}

std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption) {
  CONVOY_ASSERT(static_cast<Index>(names.size()) == confusion.classes());
  const Index classes = confusion.classes();
  if (classes > kMostClassesOfMatrix) return list_html(confusion, names, caption);
  std::string text = fmt::format(
      "<table class=\"confusion\">\n<thead>\n"
      "<tr><th scope=\"col\" rowspan=\"2\">true class</th>"
      "<th scope=\"colgroup\" colspan=\"{}\">predicted class</th>"
      "<th scope=\"col\" rowspan=\"2\">recall</th><th scope=\"col\" rowspan=\"2\">precision</th>"
      "<th scope=\"col\" rowspan=\"2\">F1</th></tr>\n<tr>",
      classes);
  for (const std::string& name : names) {
    text += fmt::format("<th scope=\"col\">{}</th>", svg::escaped(name));
  }
  text += "</tr>\n</thead>\n<tbody>\n";
  const std::vector<ClassScores> scores = class_scores(confusion);
  for (Index truth = 0; truth < classes; ++truth) {
    const ClassScores& of_class = scores[static_cast<std::size_t>(truth)];
    text += fmt::format("<tr><th scope=\"row\">{}</th>",
                        svg::escaped(names[static_cast<std::size_t>(truth)]));
    for (Index predicted = 0; predicted < classes; ++predicted) {
      const Index count = confusion(truth, predicted);
      text += cell(count, truth == predicted, share(count, of_class.samples));
    }
    text += score_cells(of_class) + "</tr>\n";
  }
  const std::string empty = fmt::format("<td colspan=\"{}\"></td>", classes);
  return table_figure(caption, text + "</tbody>\n" + macro_html(scores, empty, "") + "</table>\n");
}

}  // namespace convoy
