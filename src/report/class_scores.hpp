// SPDX-License-Identifier: Apache-2.0
// Precision, recall and F1 of the classes of a confusion matrix, with the conventions of
// scikit-learn's classification_report: a quotient of 0 by 0 is 0, and a macro average is the mean,
// with equal weights, over the classes that have samples or were predicted.
#pragma once

#include <span>
#include <vector>

#include "base/tensor.hpp"
#include "report/confusion.hpp"

namespace convoy {

struct ClassScores {
  Index samples = 0;    // of the class
  Index predicted = 0;  // samples that were predicted as the class
  Index hits = 0;       // samples of the class that were predicted as it

  bool appears() const { return samples + predicted > 0; }
  double precision() const;  // hits / predicted
  double recall() const;     // hits / samples
  double f1() const;         // 2 hits / (samples + predicted): the harmonic mean of the two
};

struct MacroAverage {
  double precision = 0, recall = 0, f1 = 0;
  Index classes = 0;  // that appear
};

// The samples whose class is among the `k` most probable ones; of equal probabilities that of the
// lower class comes first. `probabilities` is [samples][classes].
Index top_k_hits(std::span<const float> probabilities, std::span<const Label> labels, Index classes,
                 Index k);

std::vector<ClassScores> class_scores(const Confusion& confusion);  // [classes]
MacroAverage macro_average(const std::vector<ClassScores>& scores);

}  // namespace convoy
