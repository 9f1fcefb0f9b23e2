// SPDX-License-Identifier: Apache-2.0
// One sum, in the order of segments.hpp.
#pragma once

#include <cmath>

namespace convoy::reference {

template <class Real>
class Chain {
 public:
  void term(Real a, Real b) { segment_ = std::fma(a, b, segment_); }
  void term(Real a) { segment_ = a + segment_; }
  void end_segment() {
    total_ = first_ ? segment_ : total_ + segment_;
    first_ = false;
    segment_ = 0;
  }
  Real total() const { return total_; }

 private:
  Real segment_ = 0;
  Real total_ = 0;
  bool first_ = true;
};

}  // namespace convoy::reference
