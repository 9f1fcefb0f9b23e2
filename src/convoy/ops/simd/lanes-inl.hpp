// SPDX-License-Identifier: Apache-2.0
// Vectors over the columns of a row: the widest, or half or a quarter of it where a row is that
// thin. No include guard for the whole file: compiled once for every vector width (see
// backend.cpp).
#if defined(CONVOY_OPS_SIMD_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_LANES_INL_HPP
#undef CONVOY_OPS_SIMD_LANES_INL_HPP
#else
#define CONVOY_OPS_SIMD_LANES_INL_HPP
#endif

#include <hwy/highway.h>

#include "convoy/base/tensor.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Full = hn::ScalableTag<float>;
using Half = hn::CappedTag<float, HWY_LANES(float) / 2>;
using Quarter = hn::CappedTag<float, HWY_LANES(float) / 4>;

// Calls Function<D>::call(arguments...) with the narrowest tag D whose vector holds `columns`, else
// the widest.
template <template <class> class Function, class... Arguments>
HWY_INLINE void with_lanes_for(Index columns, Arguments&&... arguments) {
  if (columns <= static_cast<Index>(hn::Lanes(Quarter()))) {
    Function<Quarter>::call(arguments...);
  } else if (columns <= static_cast<Index>(hn::Lanes(Half()))) {
    Function<Half>::call(arguments...);
  } else {
    Function<Full>::call(arguments...);
  }
}

template <class D>
HWY_INLINE Index lanes(D d) {
  return static_cast<Index>(hn::Lanes(d));
}

// The lanes of a vector that starts `left` elements before the end.
template <class D>
HWY_INLINE hn::Mask<D> first_lanes(D d, Index left) {
  return hn::FirstN(d, static_cast<size_t>(left < lanes(d) ? left : lanes(d)));
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
