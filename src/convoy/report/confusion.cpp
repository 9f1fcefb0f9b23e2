// SPDX-License-Identifier: Apache-2.0
#include "convoy/report/confusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "convoy/base/check.hpp"
#include "convoy/report/metrics.hpp"
#include "convoy/report/svg.hpp"

namespace convoy {
namespace {

double share(Index part, Index of) {
  return static_cast<double>(part) / static_cast<double>(std::max<Index>(of, 1));
}

std::string cell(Index count, bool hit, double of_row) {
  if (count == 0) return "<td class=\"zero\">0</td>";
  // The root of what is wrong: a few mistakes of a thousand are still seen. Black or white on the
  // darkest shade keeps its contrast.
  constexpr double kDarkest = 0.5;
  const double shade = kDarkest * (hit ? of_row : std::sqrt(of_row));
  return fmt::format("<td class=\"{}\" style=\"--share:{:.3f}\">{}</td>", hit ? "hit" : "miss",
                     std::max(shade, 0.03), count);
}

}  // namespace

Confusion::Confusion(Index classes, std::span<const Label> labels,
                     std::span<const std::uint16_t> predictions)
    : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {
  CONVOY_ASSERT(labels.size() == predictions.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++counts_[static_cast<std::size_t>(Index{labels[i]} * classes + predictions[i])];
  }
}

Index Confusion::samples(Index truth) const {
  Index sum = 0;
  for (Index predicted = 0; predicted < classes_; ++predicted) sum += (*this)(truth, predicted);
  return sum;
}

Index Confusion::largest() const {
  return *std::max_element(counts_.begin(), counts_.end());
}

std::vector<Confusion::Mistake> Confusion::mistakes() const {
  std::vector<Mistake> result;
  for (Index truth = 0; truth < classes_; ++truth) {
    for (Index predicted = 0; predicted < classes_; ++predicted) {
      const Index count = (*this)(truth, predicted);
      if (truth != predicted && count > 0) result.push_back({truth, predicted, count});
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Mistake& a, const Mistake& b) { return a.count > b.count; });
  return result;
}

std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption) {
  CONVOY_ASSERT(static_cast<Index>(names.size()) == confusion.classes());
  const Index classes = confusion.classes();
  std::string text = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n"
      "<table class=\"confusion\">\n<caption>{0}</caption>\n<thead>\n"
      "<tr><th scope=\"col\" rowspan=\"2\">true class</th>"
      "<th scope=\"colgroup\" colspan=\"{1}\">predicted class</th>"
      "<th scope=\"col\" rowspan=\"2\">correct</th></tr>\n<tr>",
      svg::escaped(caption), classes);
  for (const std::string& name : names) {
    text += fmt::format("<th scope=\"col\">{}</th>", svg::escaped(name));
  }
  text += "</tr>\n</thead>\n<tbody>\n";
  for (Index truth = 0; truth < classes; ++truth) {
    const Index samples = confusion.samples(truth);
    text += fmt::format("<tr><th scope=\"row\">{}</th>",
                        svg::escaped(names[static_cast<std::size_t>(truth)]));
    for (Index predicted = 0; predicted < classes; ++predicted) {
      const Index count = confusion(truth, predicted);
      text += cell(count, truth == predicted, share(count, samples));
    }
    text += fmt::format(
        "<td class=\"number\">{}</td></tr>\n",
        samples > 0 ? as_percent(share(confusion(truth, truth), samples)) : std::string("-"));
  }
  return text + "</tbody>\n</table>\n</div>\n";
}

}  // namespace convoy
