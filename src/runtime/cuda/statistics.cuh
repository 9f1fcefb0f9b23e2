// SPDX-License-Identifier: Apache-2.0
// The reductions over the batch at the end of a phase on a GPU (runtime/batch_statistics.hpp has
// them for ranks): the statistics of batch normalisations. A thread does all of a channel, so no
// two threads add to one number. With several ranks the thread leaves the values of this rank's
// subtrees, and the host does the rest.
//
// Traffic: two doubles for each grain and channel. Grid: any.
#pragma once

#include "ops/batch_norm2d.hpp"
#include "ops/cuda/group.cuh"
#include "ops/cuda/product.cuh"
#include "parallel/reduction_tree.hpp"

namespace convoy::cuda {

// A reduction of the plan, and where its numbers lie.
struct StatisticsReduction {
  bool backward = false;
  BatchNorm2d op;
  int channels = 1, pixels = 1;
  int group_grains = 0;                          // 0: the whole batch is one group
  int set_samples = 0;                           // Plan::group_samples()
  Index coefficients_size = 0;                   // of a set
  Index coefficients = 0;                        // offset of the operation in a set
  Index gamma = -1, beta = 0, running_mean = 0;  // in the arena; gamma -1: it has none
  Index values = 0;    // in StatisticsMemory::values, [grain][2][channels]
  Index subtrees = 0;  // in StatisticsMemory::subtrees, [subtree][2][channels]
  Index forward = 0;   // in StatisticsMemory::forward, [group of samples][channels]
};

struct StatisticsMemory {
  double* values = nullptr;
  double* subtrees = nullptr;  // where other ranks have a part of the batch
  ForwardCoefficients* forward = nullptr;
  float* coefficients = nullptr;  // [set][coefficients_size]
  float* gradients = nullptr;     // arena
};

// The grains of this rank, among those of the batch.
struct BatchGrains {
  int grain = 1;           // samples
  int samples = 0;         // of the batch
  int first = 0, end = 0;  // grains of this rank
};

// The partial results of a channel: a stack of subtrees.
struct Subtrees {
  static constexpr int kMost = 64;  // tree::max_depth(2^31)
  tree::Subtree grains[kMost];      // of the group
  Moments moments[kMost];
  int depth = 0;
};

__device__ inline double values_of(const StatisticsReduction& r, const BatchGrains& batch,
                                   Index first, Index end) {
  const Index last = end * batch.grain < batch.samples ? end * batch.grain : batch.samples;
  return static_cast<double>((last - first * batch.grain) * r.pixels);
}

// Adds a grain of the group that begins with grain `group` and has `size` grains.
__device__ inline void push(Subtrees& stack, const StatisticsReduction& r, const BatchGrains& batch,
                            Index grain, const Moments& moments, Index group, Index size) {
  stack.grains[stack.depth] = {grain - group, grain - group + 1};
  stack.moments[stack.depth++] = moments;
  while (stack.depth > 1 &&
         tree::are_siblings(stack.grains[stack.depth - 2], stack.grains[stack.depth - 1], size)) {
    const tree::Subtree right = stack.grains[--stack.depth];
    tree::Subtree& left = stack.grains[stack.depth - 1];
    Moments& into = stack.moments[stack.depth - 1];
    const Moments& from = stack.moments[stack.depth];
    if (r.backward) {
      into = {into.mean + from.mean, into.m2 + from.m2};
    } else {
      into = merge(values_of(r, batch, group + left.begin, group + left.end), into,
                   values_of(r, batch, group + right.begin, group + right.end), from);
    }
    left.end = right.end;
  }
}

// Calls done(group's number, its first grain, its end, stack) for each group of samples, with the
// subtrees that this rank's grains of it form.
template <class Done>
__device__ void for_each_group(const StatisticsReduction& r, const StatisticsMemory& memory,
                               const BatchGrains& batch, int channel, const Done& done) {
  const int all = (batch.samples + batch.grain - 1) / batch.grain;
  const int size = r.group_grains == 0 ? all : r.group_grains;
  for (int grain = batch.first; grain < batch.end;) {
    const int group = grain / size, first = group * size;
    const int end = first + size < all ? first + size : all;
    Subtrees stack;
    for (; grain < end && grain < batch.end; ++grain) {
      const double* const value =
          memory.values + r.values + Index{grain - batch.first} * 2 * r.channels + channel;
      push(stack, r, batch, grain, {value[0], value[r.channels]}, first, end - first);
    }
    done(group, first, end, stack);
  }
}

// Calls write(coefficients of the operation) for each set of a group of samples.
template <class Write>
__device__ void for_each_set(const StatisticsReduction& r, const StatisticsMemory& memory,
                             const BatchGrains& batch, Index first, Index end, const Write& write) {
  const Index samples = end * batch.grain < batch.samples ? end * batch.grain : batch.samples;
  const Index first_set = r.set_samples == 0 ? 0 : first * batch.grain / r.set_samples;
  const Index end_set = r.set_samples == 0 ? 1 : (samples + r.set_samples - 1) / r.set_samples;
  for (Index set = first_set; set < end_set; ++set) {
    write(memory.coefficients + set * r.coefficients_size + r.coefficients);
  }
}

// Returns whether the running statistics are finite.
__device__ inline bool finish_forward(const StatisticsReduction& r, const StatisticsMemory& memory,
                                      const BatchGrains& batch, int c, const float* now,
                                      float* next) {
  double mean_so_far = static_cast<double>(now[r.running_mean + c]);
  double variance_so_far = static_cast<double>(now[r.running_mean + r.channels + c]);
  const double gamma = r.gamma < 0 ? 1 : static_cast<double>(now[r.gamma + c]);
  const auto beta = static_cast<double>(now[r.beta + c]);
  for_each_group(r, memory, batch, c,
                 [&](int group, Index first, Index end, const Subtrees& stack) {
                   const Moments& root = stack.moments[0];
                   const double n = values_of(r, batch, first, end);
                   const ForwardCoefficients f =
                       forward_coefficients(r.op.epsilon, root.mean, root.m2 / n, gamma, beta);
                   memory.forward[r.forward + Index{group} * r.channels + c] = f;
                   for_each_set(r, memory, batch, first, end, [&](float* set) {
                     row(set, Coefficient::scale, r.channels)[c] = static_cast<float>(f.scale);
                     row(set, Coefficient::shift, r.channels)[c] = static_cast<float>(f.shift);
                     means(set, r.channels)[c] = root.mean;
                   });
                   mean_so_far = running(r.op.momentum, mean_so_far, root.mean);
                   variance_so_far = running(r.op.momentum, variance_so_far, root.m2 / (n - 1));
                 });
  const auto mean = static_cast<float>(mean_so_far);
  const auto variance = static_cast<float>(variance_so_far);
  next[r.running_mean + c] = mean;
  next[r.running_mean + r.channels + c] = variance;
  return mean - mean == 0 && variance - variance == 0;
}

__device__ inline void finish_backward(const StatisticsReduction& r, const StatisticsMemory& memory,
                                       const BatchGrains& batch, int c) {
  double dgamma = 0, dbeta = 0;
  for_each_group(
      r, memory, batch, c, [&](int group, Index first, Index end, const Subtrees& stack) {
        const double sum_dy = stack.moments[0].mean, sum_dy_x = stack.moments[0].m2;
        const double n = values_of(r, batch, first, end);
        const ForwardCoefficients& f = memory.forward[r.forward + Index{group} * r.channels + c];
        double mean = 0;
        for_each_set(r, memory, batch, first, end,
                     [&](const float* set) { mean = means(set, r.channels)[c]; });
        const BackwardCoefficients b = backward_coefficients(f, mean, n, sum_dy, sum_dy_x);
        for_each_set(r, memory, batch, first, end, [&](float* set) {
          row(set, Coefficient::dy_factor, r.channels)[c] = static_cast<float>(b.dy_factor);
          row(set, Coefficient::x_factor, r.channels)[c] = static_cast<float>(b.x_factor);
          row(set, Coefficient::offset, r.channels)[c] = static_cast<float>(b.offset);
        });
        dgamma = group == 0 ? b.dgamma : dgamma + b.dgamma;
        dbeta = group == 0 ? sum_dy : dbeta + sum_dy;
      });
  if (r.gamma >= 0) memory.gradients[r.gamma + c] = static_cast<float>(dgamma);
  memory.gradients[r.beta + c] = static_cast<float>(dbeta);
}

// Returns whether all results of this thread are finite.
__device__ inline bool run(const StatisticsReduction& r, const StatisticsMemory& memory,
                           const BatchGrains& batch, const float* now, float* next,
                           const Group& group) {
  bool finite = true;
  for (int c = group.rank; c < r.channels; c += group.size) {
    if (memory.subtrees != nullptr) {
      double* to = memory.subtrees + r.subtrees + c;
      for_each_group(r, memory, batch, c, [&](int, Index, Index, const Subtrees& stack) {
        for (int i = 0; i < stack.depth; ++i, to += Index{2} * r.channels) {
          to[0] = stack.moments[i].mean;
          to[r.channels] = stack.moments[i].m2;
        }
      });
    } else if (r.backward) {
      finish_backward(r, memory, batch, c);
    } else {
      finite = finish_forward(r, memory, batch, c, now, next) && finite;
    }
  }
  return finite;
}

}  // namespace convoy::cuda
