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
  // Takes the class and the predicted class of each sample, all less than `classes`.
  Confusion(Index classes, std::span<const Label> labels,
            std::span<const std::uint16_t> predictions);

  Index classes() const { return classes_; }
  Index operator()(Index truth, Index predicted) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
  }
  Index samples(Index truth) const;  // number of samples of that class
  Index largest() const;             // the largest count

  // The pairs of classes that were mistaken: the most frequent first, equal ones by class number.
  struct Mistake {
    Index truth, predicted, count;
  };
  std::vector<Mistake> mistakes() const;
  // The class that samples of `truth` were most often mistaken for; its count is 0 if there is
  // none.
  Mistake most_frequent_mistake(Index truth) const;

 private:
  Index classes_;
  std::vector<Index> counts_;  // [true][predicted]
};

// The matrix as text, with a row for each class and its share of right predictions. Above 20
// classes, whose columns are too wide for a terminal, a row names the class that it was most often
// mistaken for instead. `names` is [classes]; long names are shortened.
std::string confusion_text(const Confusion& confusion, std::span<const std::string> names);

// The most columns that confusion_html() shows.
inline constexpr Index kMostClassesOfMatrix = 40;

// The matrix as a table whose cells are shaded by their share of the row: right predictions in one
// hue, wrong ones in another. Above kMostClassesOfMatrix classes it has the rows of
// confusion_text(). `names` is [classes].
std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption);

}  // namespace convoy
