// SPDX-License-Identifier: Apache-2.0
// dense.hpp as products: the vector form of reference/dense.hpp.
#if defined(CONVOY_OPS_SIMD_PRODUCTS_DENSE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVOY_OPS_SIMD_PRODUCTS_DENSE_INL_HPP
#undef CONVOY_OPS_SIMD_PRODUCTS_DENSE_INL_HPP
#else
#define CONVOY_OPS_SIMD_PRODUCTS_DENSE_INL_HPP
#endif

#include "ops/op.hpp"
#include "ops/pass.hpp"
#include "ops/rectangle.hpp"
#include "ops/simd/products/dense_weight_gradient-inl.hpp"
#include "ops/simd/products/product-inl.hpp"
#include "ops/simd/products/transpose-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convoy::HWY_NAMESPACE {

// y[b][n] = sum over k of x[b][k] * w[k][n], then + bias, for units (column block, sample).
inline void dense_product(const float* x, Index terms, const float* w, const float* bias, float* y,
                          Index columns, Index samples, Range units) {
  const Rectangles parts = rectangles(units, samples);
  for (int i = 0; i < parts.count; ++i) {
    const Rectangle& r = parts.parts[i];
    const Index begin = r.rows.begin * kColumnBlock;
    Product p;
    p.m_inner = r.columns.size();
    p.n = std::min(r.rows.end * kColumnBlock, columns) - begin;
    p.row_length = terms;
    p.a = x + r.columns.begin * terms;
    p.a_inner = terms;
    p.a_term = 1;
    p.b = w + begin;
    p.b_term = columns;
    p.c = y + r.columns.begin * columns + begin;
    p.c_inner = columns;
    p.bias = bias ? bias + begin : nullptr;
    product(p);
  }
}

inline void forward(const Dense& op, const Forward<float>& pass, Range units) {
  const Index K = op.in.size(), N = op.units;
  dense_product(pass.x, K, pass.parameters, op.bias ? pass.parameters + K * N : nullptr, pass.y, N,
                pass.samples, units);
}

inline void input_gradient(const Dense& op, const InputGradient<float>& pass, Range units) {
  dense_product(pass.dy, op.units, pass.packed, nullptr, pass.dx, op.in.size(), pass.samples,
                units);
}

// Packed: [n][k]. Unit: a weight row k.
inline void pack(const Dense& op, const float* weights, float* packed, Range units) {
  const Index K = op.in.size(), N = op.units;
  transpose({weights + units.begin * N, N, units.size(), N, packed + units.begin, K});
}

// The bias is the row of sums of dy: M = 0. The other rows have M: k, N: n, terms: samples.
inline void weight_gradient(const Dense& op, const WeightGradient<float>& pass, Range units) {
  const Index K = op.in.size(), N = op.units;
  if (pass.samples <= kSegmentTerms) {
    const GrainPush all{pass.samples, 0};
    return weight_gradient_sum(op, {pass.x, pass.dy, {&all, 1}, pass.gradient, 0, 0}, units);
  }
  Product p;
  p.m_inner = std::max<Index>(0, std::min(units.end, K) - units.begin);
  p.n = N;
  p.row_length = pass.samples;
  p.a = pass.x + units.begin;
  p.a_inner = 1;
  p.a_term = K;
  p.b = pass.dy;
  p.b_term = N;
  p.c = pass.gradient + units.begin * N;
  p.c_inner = N;
  p.column_sums = units.end > K ? pass.gradient + K * N : nullptr;
  product(p);
}

}  // namespace convoy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
