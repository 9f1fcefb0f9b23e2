// SPDX-License-Identifier: Apache-2.0
// The parts of an update that depend on the gradients of many parameters: the norms of tensors
// (optim/norms.hpp) and the Newton-Schulz iterations of Muon (optim/newton_schulz.hpp). The
// gradient of a step is in one arena when they begin. Between two of them lies a barrier of the
// grid.
//
// The products of Muon's iterations are loops of their own, not tasks of product.hpp, which are
// made for the passes of layers. Their segments, and so their bits, are those of a dense layer.
//
// Traffic: a thread computes one number at a time (the squares of a row, an element of a product),
// and reads from memory all that it is computed from. Grid: any.
#pragma once

#include "ops/cuda/chain.cuh"
#include "ops/cuda/gradient_sum.cuh"
#include "ops/segments.hpp"
#include "optim/newton_schulz.hpp"

namespace convoy::cuda {

// The memory of these parts. All arenas have the layout of the parameters.
struct WholeGradient {
  float* gradient = nullptr;                // [arena]; then the momentum u of matrices
  Squares* row_squares = nullptr;           // the rows of all blocks
  Squares* tensor_squares = nullptr;        // [block][weight, bias]
  TensorFactors* tensor_factors = nullptr;  // the same; null: without norms
  int tensors = 0;
  NormSettings norms;
  float* x[2] = {};             // [arena]: an iteration reads one and writes the other
  float* gram = nullptr;        // G of each matrix
  float* polynomial = nullptr;  // likewise b G + c G G

  // Where the last of `steps` iterations leaves X.
  __device__ const float* result(Index steps) const { return x[steps % 2]; }
};

// Of row `row` of a block.
__device__ inline void row_squares(const WholeGradient& whole, const ParameterSource& source,
                                   Index row, const float* weights) {
  const Index begin = source.begin + row * source.columns;
  Squares squares;
  squares.gradient_sum = sum_of_squares(whole.gradient + begin, source.columns);
  if (whole.norms.has_local_rates()) {
    squares.weights = sum_of_squares(weights + begin, source.columns);
  }
  whole.row_squares[source.first_row + row] = squares;
}

__device__ inline void tensor_squares(const WholeGradient& whole, const ParameterSource& source,
                                      bool is_bias) {
  Squares squares;
  const Index first = is_bias ? source.taps : 0, end = is_bias ? source.rows : source.taps;
  if (!source.update.of(is_bias).frozen) {
    squares = sum_of_rows(whole.row_squares + source.first_row + first, end - first);
  }
  whole.tensor_squares[2 * source.block + (is_bias ? 1 : 0)] = squares;
}

__device__ inline void tensor_factors(const WholeGradient& whole, const ParameterSource& source,
                                      bool is_bias, Index samples) {
  Squares all;
  for (int t = 0; t < whole.tensors; ++t) all.add(whole.tensor_squares[t]);
  const int tensor = 2 * source.block + (is_bias ? 1 : 0);
  whole.tensor_factors[tensor] = whole.norms.factors_of(
      source.update.of(is_bias), whole.tensor_squares[tensor], all.gradient_sum, samples);
}

// Element `i` of the matrix X at the start: u / |u|.
__device__ inline void start_iterations(const Muon& op, const WholeGradient& whole,
                                        const ParameterSource& source, Index i) {
  const WideShape shape = wide(source.matrix());
  const double norm = std::sqrt(whole.tensor_squares[2 * source.block].gradient_sum);
  const Index row = i / source.columns, column = i - row * source.columns;
  const Index to = shape.transposed ? column * source.taps + row : i;
  whole.x[0][source.begin + to] =
      whole.gradient[source.begin + i] / static_cast<float>(norm > op.epsilon ? norm : op.epsilon);
}

// Element `i` of G.
__device__ inline void gram(const WholeGradient& whole, const ParameterSource& source, Index i,
                            int step) {
  const WideShape shape = wide(source.matrix());
  const float* const x = whole.x[step % 2] + source.begin;
  const float* const left = x + i / shape.rows * shape.columns;
  const float* const right = x + i % shape.rows * shape.columns;
  Chain sum;
  for (const Segment s : Segments(1, shape.columns)) {
    for (Index k = s.terms.begin; k < s.terms.end; ++k) sum.term(left[k], right[k]);
    sum.end_segment();
  }
  whole.gram[source.gram + i] = sum.total();
}

// Element `i` of P = b G + c G G.
__device__ inline void polynomial(const Muon& op, const WholeGradient& whole,
                                  const ParameterSource& source, Index i) {
  const Index rows = wide(source.matrix()).rows;
  const float* const g = whole.gram + source.gram;
  const Index row = i / rows, column = i - row * rows;
  Chain sum;
  for (const Segment s : Segments(1, rows)) {
    for (Index k = s.terms.begin; k < s.terms.end; ++k) {
      sum.term(g[row * rows + k], g[k * rows + column]);
    }
    sum.end_segment();
  }
  whole.polynomial[source.gram + i] =
      static_cast<float>(op.ns_b) * g[i] + static_cast<float>(op.ns_c) * sum.total();
}

// Element `i` of the next X = a X + P X.
__device__ inline void iterate(const Muon& op, const WholeGradient& whole,
                               const ParameterSource& source, Index i, int step) {
  const WideShape shape = wide(source.matrix());
  const float* const x = whole.x[step % 2] + source.begin;
  const Index row = i / shape.columns, column = i - row * shape.columns;
  const float* const p = whole.polynomial + source.gram + row * shape.rows;
  Chain sum;
  for (const Segment s : Segments(1, shape.rows)) {
    for (Index k = s.terms.begin; k < s.terms.end; ++k) {
      sum.term(p[k], x[k * shape.columns + column]);
    }
    sum.end_segment();
  }
  whole.x[1 - step % 2][source.begin + i] = static_cast<float>(op.ns_a) * x[i] + sum.total();
}

// Element `i` of the weights, from the iterations' last X.
__device__ inline float orthogonal(const Muon& op, const WholeGradient& whole,
                                   const ParameterSource& source, Index i) {
  const Index row = i / source.columns, column = i - row * source.columns;
  const bool transposed = wide(source.matrix()).transposed;
  return whole.result(op.ns_steps)[source.begin + (transposed ? column * source.taps + row : i)];
}

}  // namespace convoy::cuda
