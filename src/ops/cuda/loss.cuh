// SPDX-License-Identifier: Apache-2.0
// The losses (ops/loss.hpp), in parts with a barrier after each: the terms of every class (one
// thread for each class of each sample), the gradient, and the sum over the classes (one thread for
// each sample, in order). A softmax of many classes has two more parts of one thread for each
// sample: the largest score before the terms, and their total before the gradient. Traffic: the
// scores, their gradient, and twelve bytes of scratch per class. Grid: any.
#pragma once

#include "ops/cuda/group.cuh"
#include "ops/cuda/loss_parts.hpp"
#include "ops/math_functions.hpp"
#include "ops/segments.hpp"

namespace convoy::cuda {

// The arrays that the loss reads and writes; null where a result is not wanted.
struct LossArrays {
  const float* logits = nullptr;  // [samples][classes]
  const int* labels = nullptr;    // [samples]
  float* exponentials = nullptr;  // [samples][classes]
  double* terms = nullptr;        // [samples][classes]
  float* largest = nullptr;       // [samples]: the largest score; used if finds_once()
  float* totals = nullptr;        // [samples]: the sum of the exponentials; used if finds_once()
  float* dlogits = nullptr;
  float* probabilities = nullptr;
  double* losses = nullptr;    // [samples]
  int* predictions = nullptr;  // [samples]
  int* hits = nullptr;         // [samples]: 1 where the prediction is right
};

__device__ inline int first_maximum(const float* z, int classes) {
  int best = 0;
  for (int i = 1; i < classes; ++i)
    if (z[i] > z[best]) best = i;
  return best;
}

__device__ inline void loss_largest(const Loss& op, const LossArrays& arrays, int samples,
                                    const Group& group) {
  const int classes = static_cast<int>(op.classes);
  for (int sample = group.rank; sample < samples; sample += group.size) {
    const float* const z = arrays.logits + sample * classes;
    arrays.largest[sample] = z[first_maximum(z, classes)];
  }
}

__device__ inline void loss_terms(const Loss& op, const LossArrays& arrays, int samples,
                                  const Group& group) {
  const int classes = static_cast<int>(op.classes);
  for (int i = group.rank; i < samples * classes; i += group.size) {
    const int sample = i / classes, n = i - sample * classes;
    const float* const z = arrays.logits + sample * classes;
    const auto logit = static_cast<double>(z[n]);
    const bool hot = n == arrays.labels[sample];
    if (has_softmax(op)) {
      const float largest = finds_once(op) ? arrays.largest[sample] : z[first_maximum(z, classes)];
      arrays.exponentials[i] = math::exp_of(z[n] - largest);
      const double difference = logit - (hot ? 1 : 0);
      arrays.terms[i] = difference * difference;  // of mean_squared_error alone
    } else {
      arrays.exponentials[i] = math::sigmoid_of(z[n]);
      arrays.terms[i] = math::softplus_of(logit) - (hot ? logit : 0.0);
    }
  }
}

// Of a softmax, with the sum of its exponentials.
__device__ inline double cross_entropy(const Loss& op, const float* z, int label, int best,
                                       float sum) {
  const auto high = static_cast<double>(z[best]);
  double below = static_cast<double>(z[label]) - high;
  if (op.label_smoothing > 0) {
    double all = 0;
    for (int n = 0; n < static_cast<int>(op.classes); ++n) all += static_cast<double>(z[n]) - high;
    below = (1 - op.label_smoothing) * below +
            op.label_smoothing / static_cast<double>(op.classes) * all;
  }
  return math::log_of(static_cast<double>(sum)) - below;
}

// A chain of plain additions, cut into segments.
__device__ inline float sum_of(const float* values, int count) {
  float total = 0;
  for (int begin = 0; begin < count; begin += static_cast<int>(kSegmentTerms)) {
    const int end = std::min(begin + static_cast<int>(kSegmentTerms), count);
    float segment = 0;
    for (int i = begin; i < end; ++i) segment = values[i] + segment;
    total = begin == 0 ? segment : total + segment;
  }
  return total;
}

__device__ inline void loss_totals(const Loss& op, const LossArrays& arrays, int samples,
                                   const Group& group) {
  const int classes = static_cast<int>(op.classes);
  for (int sample = group.rank; sample < samples; sample += group.size)
    arrays.totals[sample] = sum_of(arrays.exponentials + sample * classes, classes);
}

// The sum of the exponentials of a sample.
__device__ inline float total_of(const Loss& op, const LossArrays& arrays, int sample) {
  const int classes = static_cast<int>(op.classes);
  return finds_once(op) ? arrays.totals[sample]
                        : sum_of(arrays.exponentials + sample * classes, classes);
}

__device__ inline void loss_gradient(const Loss& op, const LossArrays& arrays, int samples,
                                     const Group& group) {
  const int classes = static_cast<int>(op.classes);
  const LossTargets<float> targets = targets_of<float>(op);
  for (int i = group.rank; i < samples * classes; i += group.size) {
    const int sample = i / classes, n = i - sample * classes;
    float p = arrays.exponentials[i];
    if (has_softmax(op)) p = p / total_of(op, arrays, sample);
    if (arrays.probabilities) arrays.probabilities[i] = p;
    if (arrays.dlogits) {
      const float target = n == arrays.labels[sample] ? targets.hot : targets.cold;
      arrays.dlogits[i] = op.function == LossFunction::mean_squared_error
                              ? (arrays.logits[i] - target) * squared_error_factor<float>(op)
                              : p - target;
    }
  }
}

__device__ inline void loss_sum(const Loss& op, const LossArrays& arrays, int samples,
                                const Group& group) {
  const int classes = static_cast<int>(op.classes);
  for (int sample = group.rank; sample < samples; sample += group.size) {
    const float* const z = arrays.logits + sample * classes;
    const int best = first_maximum(z, classes), label = arrays.labels[sample];
    double loss = 0;
    if (op.function == LossFunction::softmax_cross_entropy) {
      loss = cross_entropy(op, z, label, best, total_of(op, arrays, sample));
    } else {
      for (int n = 0; n < classes; ++n) loss += arrays.terms[sample * classes + n];
      if (op.function == LossFunction::mean_squared_error) {
        loss = loss / static_cast<double>(op.classes);
      }
    }
    arrays.losses[sample] = loss;
    arrays.predictions[sample] = best;
    arrays.hits[sample] = best == label ? 1 : 0;
  }
}

}  // namespace convoy::cuda
