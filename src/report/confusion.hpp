// SPDX-License-Identifier: Apache-2.0
// What a trained net takes for what: counts of test samples by their class and by the predicted
// one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

class Confusion {
 public:
  // Of each sample its class and the predicted one, both less than `classes`.
  Confusion(Index classes, std::span<const Label> labels,
            std::span<const std::uint16_t> predictions);

  Index classes() const { return classes_; }
  Index operator()(Index truth, Index predicted) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
  }
  Index samples(Index truth) const;  // of that class
  Index largest() const;             // count

  // Pairs that were mistaken, the most frequent first; of equal ones in order of classes.
  struct Mistake {
    Index truth, predicted, count;
  };
  std::vector<Mistake> mistakes() const;
  // The class that samples of `truth` were most often mistaken for; a count of 0: there is none.
  Mistake most_frequent_mistake(Index truth) const;

 private:
  Index classes_;
  std::vector<Index> counts_;  // [true][predicted]
};

// As text: the matrix with a row for each class and its share of right predictions. Above 20
// classes, whose columns no terminal shows, a row says which class it was most often mistaken for
// instead. `names`: [classes]; long ones are cut.
std::string confusion_text(const Confusion& confusion, std::span<const std::string> names);

// The most columns that confusion_html() shows.
inline constexpr Index kMostClassesOfMatrix = 40;

// A table whose cells are shaded by their share of the row: what was right in one hue, what was
// wrong in another. Above kMostClassesOfMatrix classes the rows are as those of confusion_text().
// `names`: [classes].
std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption);

}  // namespace convoy
