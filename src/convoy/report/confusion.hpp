// SPDX-License-Identifier: Apache-2.0
// What a trained net takes for what: counts of test samples by their class and by the predicted
// one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "convoy/base/tensor.hpp"

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

 private:
  Index classes_;
  std::vector<Index> counts_;  // [true][predicted]
};

// A table whose cells are shaded by their share of the row: what was right in one hue, what was
// wrong in another. `names`: [classes].
std::string confusion_html(const Confusion& confusion, std::span<const std::string> names,
                           const std::string& caption);

}  // namespace convoy
