// SPDX-License-Identifier: Apache-2.0
// The update of a matrix by Muon: its momentum, which Newton-Schulz iterations make nearly
// orthogonal (K. Jordan et al., "Muon", 2024; PyTorch 2.15, _zeropower_via_newtonschulz).
//
//   X = u / max(|u|, epsilon), as a matrix [r][c] with r <= c: transposed where taps > columns
//   ns_steps times: G = X X^T,  Q = G G,  P = b G + c Q,  Y = P X,  X = a X + Y
//   o = X, transposed back
//
// |u| is computed in double as norms.hpp says and rounded to Real once. All else is in Real. A product
// has the segments of ops/segments.hpp; b G + c Q and a X + Y are two or one product, each rounded,
// and a sum.
#pragma once

#include <algorithm>

#include "optim/muon.hpp"
#include "optim/norms.hpp"

namespace convoy {

// The shape [r][c] of X.
struct WideShape {
  Index rows = 0, columns = 0;
  bool transposed = false;
};
CONVOY_HOST_DEVICE inline WideShape wide(const MatrixShape& shape) {
  if (shape.taps > shape.columns) return {shape.columns, shape.taps, true};
  return {shape.taps, shape.columns, false};
}

// The numbers that update_matrix() needs as scratch: u, X, its transpose, Y, G and Q.
inline Index newton_schulz_scratch(const MatrixShape& shape) {
  const WideShape x = wide(shape);
  return 4 * shape.size() + 2 * x.rows * x.rows;
}

// Products of Newton-Schulz for a matrix, about: the cost of its update.
inline Index newton_schulz_cost(const MatrixShape& shape) {
  const WideShape x = wide(shape);
  return x.rows * x.rows * (2 * x.columns + x.rows);
}

template <class Real>
void transpose(const Real* from, Index rows, Index columns, Real* to) {
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
}

// Replaces u [taps][columns] by o. product(a, b, c, n, k, m) computes c [n][m] = a [n][k] * b
// [k][m]. `scratch`: newton_schulz_scratch() - shape.size() numbers.
template <class Real, class Product>
void newton_schulz(const Muon& op, const MatrixShape& shape, Real* u, Real* scratch,
                   const Product& product) {
  const WideShape wide_shape = wide(shape);
  const Index rows = wide_shape.rows, columns = wide_shape.columns, size = shape.size();
  Real* const x = scratch;
  Real* const transposed = x + size;
  Real* const y = transposed + size;
  Real* const g = y + size;
  Real* const q = g + rows * rows;
  double squares = 0;
  for (Index k = 0; k < shape.taps; ++k) {
    squares += sum_of_squares(u + k * shape.columns, shape.columns);
  }
  const auto norm = static_cast<Real>(std::max(std::sqrt(squares), op.epsilon));
  for (Index i = 0; i < size; ++i) u[i] /= norm;
  if (wide_shape.transposed) {
    transpose(u, columns, rows, x);
  } else {
    std::copy_n(u, size, x);
  }
  const auto a = static_cast<Real>(op.ns_a), b = static_cast<Real>(op.ns_b),
             c = static_cast<Real>(op.ns_c);
  for (Index step = 0; step < op.ns_steps; ++step) {
    transpose(x, rows, columns, transposed);
    product(x, transposed, g, rows, columns, rows);
    product(g, g, q, rows, rows, rows);
    for (Index i = 0; i < rows * rows; ++i) q[i] = b * g[i] + c * q[i];
    product(q, x, y, rows, rows, columns);
    for (Index i = 0; i < size; ++i) x[i] = a * x[i] + y[i];
  }
  if (wide_shape.transposed) {
    transpose(x, rows, columns, u);
  } else {
    std::copy_n(x, size, u);
  }
}

// Updates a whole matrix: `pass` is that of all its elements. Returns whether all new weights and
// slots are finite. `scratch`: newton_schulz_scratch() numbers.
template <class Real, class Product>
bool update_matrix(const Muon& op, const MatrixShape& shape, const UpdatePass<Real>& pass,
                   Real* scratch, const Product& product) {
  const MuonRule<Real> rule = make_rule<Real>(op, pass.numbers, rate_ratio(op, shape));
  Real* const u = scratch;
  bool finite = true;
  for (Index i = 0; i < pass.size; ++i) {
    Real slot = pass.slots[0][i];
    u[i] = rule.direction(pass.gradient_sum[i] * pass.scale, &slot);
    pass.new_slots[0][i] = slot;
    finite = finite && std::isfinite(slot);
  }
  newton_schulz(op, shape, u, scratch + pass.size, product);
  for (Index i = 0; i < pass.size; ++i) {
    const Real w = rule.apply(pass.weights[i], u[i]);
    pass.new_weights[i] = w;
    finite = finite && std::isfinite(w);
  }
  return finite;
}

}  // namespace convoy
