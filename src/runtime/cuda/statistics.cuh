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

__device__ inline double value_count(const StatisticsReduction& r, const BatchGrains& batch,
                                     Index first, Index end) {
  const Index last = end * batch.grain < batch.samples ? end * batch.grain : batch.samples;
  return static_cast<double>((last - first * batch.grain) * r.pixels);
}

// The two values of a channel for a grain or a subtree, `stride` apart: mean and squared
// deviations, or two sums.
struct ChannelValues {
  double first = 0, second = 0;
};
__device__ inline ChannelValues load(const double* at, int stride) {
  return {at[0], at[stride]};
}

// The values of a range of grains and of the range behind it.
__device__ inline ChannelValues merge_values(const StatisticsReduction& r, const BatchGrains& batch,
                                             tree::Subtree left, const ChannelValues& a,
                                             tree::Subtree right, const ChannelValues& b) {
  if (r.backward) return {a.first + b.first, a.second + b.second};
  const Moments merged = merge(value_count(r, batch, left.begin, left.end), {a.first, a.second},
                               value_count(r, batch, right.begin, right.end), {b.first, b.second});
  return {merged.mean, merged.m2};
}

// Adds up this rank's grains of each group of samples along the group's tree, and calls
// done(group's number, its first grain, its end, values, subtrees): the values of the subtrees that
// remain, 2 * channels apart. They replace those of the grains: a subtree lies where a grain of it
// was, so that a thread needs no stack of its own.
template <class Done>
__device__ void for_each_group(const StatisticsReduction& r, const StatisticsMemory& memory,
                               const BatchGrains& batch, int channel, const Done& done) {
  const Index all = (batch.samples + batch.grain - 1) / batch.grain;
  const Index size = r.group_grains == 0 ? all : r.group_grains;
  const Index step = Index{2} * r.channels;
  for (Index grain = batch.first; grain < batch.end;) {
    const Index group = grain / size, first = group * size, mine = grain;
    const Index end = first + size < all ? first + size : all;
    double* const values = memory.values + r.values + (mine - batch.first) * step + channel;
    Index depth = 0;
    for (; grain < end && grain < batch.end; ++grain) {
      ChannelValues sum = load(values + (grain - mine) * step, r.channels);
      tree::Subtree subtree{grain, grain + 1};
      // The left sibling is complete where this rank has its first grain.
      while (depth > 0) {
        const Index begin = subtree.begin - first, size_of_left = begin & -begin;
        const tree::Subtree left{subtree.begin - size_of_left, subtree.begin};
        if (left.begin < mine || !tree::are_siblings({left.begin - first, left.end - first},
                                                     {begin, subtree.end - first}, end - first)) {
          break;
        }
        sum = merge_values(r, batch, left, load(values + --depth * step, r.channels), subtree, sum);
        subtree.begin = left.begin;
      }
      values[depth * step] = sum.first;
      values[depth++ * step + r.channels] = sum.second;
    }
    done(static_cast<int>(group), first, end, values, depth);
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
                 [&](int group, Index first, Index end, const double* values, Index) {
                   const Moments root{values[0], values[r.channels]};
                   const double n = value_count(r, batch, first, end);
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
      r, memory, batch, c, [&](int group, Index first, Index end, const double* values, Index) {
        const double sum_dy = values[0], sum_dy_x = values[r.channels];
        const double n = value_count(r, batch, first, end);
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
      const auto copy = [&](int, Index, Index, const double* values, Index subtrees) {
        for (Index i = 0; i < subtrees; ++i, to += Index{2} * r.channels) {
          const ChannelValues sum = load(values + i * 2 * r.channels, r.channels);
          to[0] = sum.first;
          to[r.channels] = sum.second;
        }
      };
      for_each_group(r, memory, batch, c, copy);
    } else if (r.backward) {
      finish_backward(r, memory, batch, c);
    } else {
      finite = finish_forward(r, memory, batch, c, now, next) && finite;
    }
  }
  return finite;
}

}  // namespace convoy::cuda
