// SPDX-License-Identifier: Apache-2.0
#include "report/class_scores.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace convoy {
namespace {

double quotient(Index part, Index of) {
  return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

}  // namespace

double ClassScores::precision() const {
  return quotient(hits, predicted);
}

double ClassScores::recall() const {
  return quotient(hits, samples);
}

double ClassScores::f1() const {
  return quotient(2 * hits, samples + predicted);
}

Index top_k_hits(std::span<const float> probabilities, std::span<const Label> labels, Index classes,
                 Index k) {
  CONVOY_ASSERT(static_cast<Index>(probabilities.size()) ==
                static_cast<Index>(labels.size()) * classes);
  Index hits = 0;
  const float* p = probabilities.data();
  for (const Label label : labels) {
    Index before = 0;  // a NaN comes before all
    for (Index n = 0; n < classes; ++n) {
      if (n < label ? !(p[n] < p[label]) : n > label && !(p[n] <= p[label])) ++before;
    }
    hits += before < k ? 1 : 0;
    p += classes;
  }
  return hits;
}

std::vector<ClassScores> class_scores(const Confusion& confusion) {
  std::vector<ClassScores> scores(static_cast<std::size_t>(confusion.classes()));
  for (const Confusion::Cell& cell : confusion.cells()) {
    scores[static_cast<std::size_t>(cell.truth)].samples += cell.count;
    scores[static_cast<std::size_t>(cell.predicted)].predicted += cell.count;
    if (cell.truth == cell.predicted)
      scores[static_cast<std::size_t>(cell.truth)].hits = cell.count;
  }
  return scores;
}

MacroAverage macro_average(const std::vector<ClassScores>& scores) {
  MacroAverage sum;
  for (const ClassScores& of_class : scores) {
    if (!of_class.appears()) continue;
    sum.precision += of_class.precision();
    sum.recall += of_class.recall();
    sum.f1 += of_class.f1();
    ++sum.classes;
  }
  const auto count = static_cast<double>(std::max<Index>(sum.classes, 1));
  return {sum.precision / count, sum.recall / count, sum.f1 / count, sum.classes};
}

}  // namespace convoy
