// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of each channel (S. Ioffe and C. Szegedy, "Batch Normalization", 2015), with
// the statistics of the whole batch on any number of workers, as torch.nn.SyncBatchNorm computes
// them, or of groups of `group` samples ("ghost batch normalisation", E. Hoffer et al., "Train
// longer, generalize better", 2017). PyTorch's defaults and formulas.
//
//   x [H][W][C]   y [H][W][C]   parameters: weight [C] (gamma) unless !scale, then bias [C] (beta)
//   buffers: running_mean [C], running_var [C]; they begin with 0 and 1
//
// Training, with n values of a channel in the samples of a group:
//
//   mean      = the mean of x
//   m2        = the sum of (x - mean)^2
//   inv_std   = 1 / sqrt(m2 / n + epsilon)
//   scale     = gamma * inv_std
//   shift     = beta - mean * scale
//   y         = fma(x, scale, shift)
//
//   dbeta     = the sum of dy
//   dgamma    = (the sum of dy * (x - mean)) * inv_std
//   dy_factor = scale
//   x_factor  = -scale * inv_std * (dgamma / n)
//   offset    = -scale * (dbeta / n) - x_factor * mean
//   dx        = fma(dy, dy_factor, fma(x, x_factor, offset))
//
//   running_mean = running_mean + momentum * (mean - running_mean)
//   running_var  = running_var + momentum * (m2 / (n - 1) - running_var)
//
// Statistics, scale, shift and the factors are computed in double, each operation rounded, from
// float x, dy, gamma and beta, and rounded to float once; x_factor and offset use the scale before
// it is rounded. y and dx are computed in float. With several groups, dgamma and dbeta are those of
// the groups, added in order before they are rounded, and the running statistics take one group
// after the other. The last group of a batch may be shorter.
//
// Order of additions, for each channel:
//   of a grain   its samples in order; of a sample the segments of (rows: y, terms: x) in order,
//                each a chain from +0 (segments.hpp). A chain adds x or dy, or does
//                fma(x - mean, x - mean, chain) with the grain's own mean, which is the sum of x
//                divided by n; or fma(dy, x - mean, chain) with the mean of the group.
//   of a group   along the canonical tree over the grains of the group (reduction_tree.hpp). Sums
//                are added, left + right. Means and squared deviations are merged by the formula of
//                T. Chan, G. Golub and R. LeVeque (1979), see merge() below.
//
// Evaluation uses the running statistics: scale = gamma * (1 / sqrt(running_var + epsilon)),
// shift = beta - running_mean * scale. A convolution or dense layer before it, which nothing else
// reads, takes them up in its weights (net/inference_net.hpp).
//
// The plan may fuse the ReLU after it: then y is max(y, 0) as activation.hpp computes it, and dy
// counts only where y > 0.
#pragma once

#include <cmath>

#include "base/host_device.hpp"
#include "base/interval.hpp"
#include "base/tensor.hpp"
#include "ops/op_traits.hpp"

namespace convoy {

struct BatchNorm2d {
  Shape in;
  double momentum = 0.1;
  double epsilon = 1e-5;
  bool scale = true;  // whether it has gamma; without it, gamma is 1
  Index group = 0;    // samples; 0: the whole batch
  bool relu = false;  // of a fused stage

  friend bool operator==(const BatchNorm2d&, const BatchNorm2d&) = default;
};

constexpr Shape output_shape(const BatchNorm2d& op) {
  return op.in;
}

template <>
struct OpTraits<BatchNorm2d> : OpDefaults<BatchNorm2d> {
  static constexpr std::array<ModelFileType<BatchNorm2d>, 1> types = {
      {{"batch_norm2d", "batch_norm"}}};
  static constexpr Units forward_units = Units::pixels;
  static constexpr Units input_gradient_units = Units::pixels;
  static constexpr PassFlops flops(const BatchNorm2d& op) {
    return {2 * op.in.size(), 4 * op.in.size(), 0};
  }
  static constexpr bool reads_own_input(const BatchNorm2d& /*op*/) { return true; }
  static constexpr bool reads_own_output(const BatchNorm2d& op) { return op.relu; }
  // Its gradients come out of the reduction over the batch.
  static constexpr bool has_weight_gradient = false;
  static constexpr bool has_initializers = false;

  static constexpr ParameterShape parameters(const BatchNorm2d& op) {
    return {op.scale ? 1 : 0, op.in.channels, true, 0, 0};
  }
  static constexpr std::array<BufferTensor, 2> buffers = {
      {{"running_mean", 0}, {"running_var", 1}}};
  static constexpr float initial_weight = 1;
  static std::vector<Index> weight_shape(const BatchNorm2d& op) { return {op.in.channels}; }

  template <class Self, class Visit>
  static constexpr void visit_keys(Self& op, const Visit& visit) {
    visit("momentum", op.momentum, 0.1, Interval{0, 1});
    visit("epsilon", op.epsilon, 1e-5, kPositiveFloat);
    visit("scale", op.scale, true);
    visit("group", op.group, Index{0}, IndexRange{0, kMaxSide});
  }
};

// The statistics of some values of a channel.
struct Moments {
  double mean = 0;
  double m2 = 0;  // sum of squared deviations from the mean
};

// The moments of `left_n` values and of `right_n` more.
CONVOY_HOST_DEVICE inline Moments merge(double left_n, const Moments& left, double right_n,
                                        const Moments& right) {
  const double delta = right.mean - left.mean;
  const double share = right_n / (left_n + right_n);
  const double mean = left.mean + delta * share;
  const double between = delta * delta * (left_n * share);
  return {mean, left.m2 + right.m2 + between};
}

// What the passes over the values of a channel read.
struct ForwardCoefficients {
  double inv_std = 0;
  double scale = 0, shift = 0;
};
CONVOY_HOST_DEVICE inline ForwardCoefficients forward_coefficients(double epsilon, double mean,
                                                                   double variance, double gamma,
                                                                   double beta) {
  ForwardCoefficients c;
  c.inv_std = 1 / std::sqrt(variance + epsilon);
  c.scale = gamma * c.inv_std;
  c.shift = beta - mean * c.scale;
  return c;
}

struct BackwardCoefficients {
  double dgamma = 0;  // of the group
  double dy_factor = 0, x_factor = 0, offset = 0;
};
// `sum_dy`, `sum_dy_x`: the sums of dy and of dy * (x - mean).
CONVOY_HOST_DEVICE inline BackwardCoefficients backward_coefficients(
    const ForwardCoefficients& forward, double mean, double n, double sum_dy, double sum_dy_x) {
  BackwardCoefficients c;
  c.dgamma = sum_dy_x * forward.inv_std;
  c.dy_factor = forward.scale;
  c.x_factor = -forward.scale * forward.inv_std * (c.dgamma / n);
  c.offset = -forward.scale * (sum_dy / n) - c.x_factor * mean;
  return c;
}

CONVOY_HOST_DEVICE inline double running(double momentum, double before, double of_batch) {
  return before + momentum * (of_batch - before);
}

// The memory of an operation's coefficients: floats [5][channels] in the order below, then the
// means in double. Scale and shift lie like the weight and the bias of a parameter block.
enum class Coefficient : int { scale, shift, dy_factor, x_factor, offset };
inline constexpr Index kCoefficients = 5;
constexpr Index coefficients_size(const BatchNorm2d& op) {
  return align_floats(kCoefficients * op.in.channels) +
         align_floats(op.in.channels * static_cast<Index>(sizeof(double) / sizeof(float)));
}
template <class Float>
CONVOY_HOST_DEVICE Float* row(Float* coefficients, Coefficient which, Index channels) {
  return coefficients + static_cast<Index>(which) * channels;
}
CONVOY_HOST_DEVICE inline double* means(float* coefficients, Index channels) {
  return reinterpret_cast<double*>(coefficients + align_floats(kCoefficients * channels));
}
CONVOY_HOST_DEVICE inline const double* means(const float* coefficients, Index channels) {
  return reinterpret_cast<const double*>(coefficients + align_floats(kCoefficients * channels));
}

// The statistics of some samples (usually a grain). Unit: kColumnBlock channels. Writes two numbers
// of each channel: [2][C], mean and squared deviations, or the sums of dy and of dy * (x - mean).
template <class Real>
struct StatisticsPass {
  Index samples = 0;             // at least 1
  const Real* x = nullptr;       // [B][H][W][C]
  const Real* dy = nullptr;      // backward: [B][H][W][C]
  const Real* y = nullptr;       // backward, with ReLU: what forward wrote
  const double* mean = nullptr;  // backward: [C]
  double* values = nullptr;      // [2][C]
};

}  // namespace convoy
