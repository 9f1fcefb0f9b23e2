// SPDX-License-Identifier: Apache-2.0
// The confusion matrix of a trained net: counts of test samples by their class and the predicted
// class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

class Confusion {
 public:
  // How many samples of class `truth` were predicted as `predicted`.
  struct Cell {
    Index truth, predicted, count;
  };

  // Takes the class and the predicted class of each sample, all less than `classes`. The memory
  // grows with the number of classes and of samples, not with the square of the classes.
  Confusion(Index classes, std::span<const Label> labels,
            std::span<const std::uint16_t> predictions);

  Index classes() const { return classes_; }
  Index operator()(Index truth, Index predicted) const;
  // The cells whose count is not 0, by truth, then by prediction.
  std::span<const Cell> cells() const { return cells_; }
  Index samples(Index truth) const;  // number of samples of that class
  Index largest() const;             // the largest count

  // The pairs of classes that were mistaken: the most frequent first, equal ones by class number.
  std::vector<Cell> mistakes() const;
  // The class that samples of `truth` were most often mistaken for; its count is 0 if there is
  // none.
  Cell most_frequent_mistake(Index truth) const;

 private:
  std::span<const Cell> row(Index truth) const;

  Index classes_;
  std::vector<Cell> cells_;
  std::vector<std::size_t> rows_;  // [classes + 1]: where the cells of each class begin
};

// The most classes that a list of classes names; of more, those with the most wrong predictions.
inline constexpr Index kMostClassesOfList = 256;

// The matrix as text, then recall, precision and F1 of each class and their macro averages. Above
// 20 classes, whose columns are too wide for a terminal, there is one list, whose rows name the
// class that each was most often mistaken for. Above kMostClassesOfList classes only those with the
// most wrong predictions have a row, these first, and a last line says so. `names` is [classes];
// long names are shortened.
std::string confusion_text(const Confusion& confusion, std::span<const std::string> names);

// The most columns that confusion_html() shows.
inline constexpr Index kMostClassesOfMatrix = 40;

// The matrix as a table whose cells are shaded by their share of the row: right predictions in one
// hue, wrong ones in another, with recall, precision and F1 of each class. Above
// kMostClassesOfMatrix classes it has the rows of confusion_text(), and its caption says where
// classes are left out. `names` is [classes].
std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption);

}  // namespace convoy
