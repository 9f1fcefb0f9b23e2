// SPDX-License-Identifier: Apache-2.0
// Vectors over the columns of a row: the widest, or half or a quarter of it where a row is so thin.
// The file as a whole has no include guard, because it is compiled once for every vector width (see
// backend.cpp).
#if defined(CONVOY_OPS_SIMD_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_LANES_INL_HPP
#undef CONVOY_OPS_SIMD_LANES_INL_HPP
#else
#define CONVOY_OPS_SIMD_LANES_INL_HPP
#endif

#include <algorithm>

#include "base/tensor.hpp"
#include "ops/simd/targets.hpp"
#include "ops/thin_conv.hpp"
// Highway must come after the selection of its targets.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Full = hn::ScalableTag<float>;
using Vector = hn::Vec<Full>;
using Half = hn::ScalableTag<float, -1>;
using Quarter = hn::ScalableTag<float, -2>;

// A vector, and a mask, that may be an element of an array or a member. C++ does not know the size
// of SVE's vectors unless the compiler is told the one length for which it compiles (see
// backend.cpp).
#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SVE_256 || HWY_TARGET == HWY_SVE2_128
typedef svfloat32_t SizedVector __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)));
typedef svbool_t SizedMask __attribute__((arm_sve_vector_bits(__ARM_FEATURE_SVE_BITS)));
static_assert(__ARM_FEATURE_SVE_BITS / 32 <= kMostLanes);
template <class D>
using Register = SizedVector;
template <class D>
using MaskRegister = SizedMask;
#else
template <class D>
using Register = hn::Vec<D>;
template <class D>
using MaskRegister = hn::Mask<D>;
#endif

// Calls Function<D>::call(arguments...) with the narrowest tag D whose vector holds `columns`, or
// else with the widest.
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

// A mask for the lanes of a vector that starts `left` elements before the end.
template <class D>
HWY_INLINE hn::Mask<D> first_lanes(D d, Index left) {
  return hn::FirstN(d, static_cast<size_t>(left < lanes(d) ? left : lanes(d)));
}

// Writes the first lanes, those of a mask of first_lanes(), and touches no others, which may belong
// to another worker. (Highway's blended store for NEON reads a whole vector and writes it back.)
template <class V, class M, class D>
HWY_INLINE void store_lanes(V v, M first, D d, hn::TFromD<D>* to) {
  if constexpr (HWY_TARGET == CONVOY_NEON) {
    hn::TFromD<D> all[HWY_LANES(hn::TFromD<D>)];
    hn::StoreU(v, d, all);
    std::copy_n(all, hn::CountTrue(d, first), to);
  } else {
    hn::BlendedStore(v, first, d, to);
  }
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
