// SPDX-License-Identifier: Apache-2.0
#include "runtime/batch_statistics.hpp"

#include <cmath>
#include <string>

#include "parallel/collectives.hpp"

namespace convoy {
namespace {

const BatchNorm2d& norm_of(const Plan& plan, const BatchReduction& reduction) {
  return std::get<BatchNorm2d>(plan.net().layers()[static_cast<std::size_t>(reduction.layer)].op);
}

// Doubles for the subtrees that `grains` consecutive grains may form, for each reduction: calls
// take(doubles).
template <class Take>
void for_each_reduction(const Plan& plan, Index grain, Index grains, const Take& take) {
  for (const BatchReduction& reduction : plan.reductions()) {
    const BatchNorm2d& norm = norm_of(plan, reduction);
    take(tree::max_depth(grains, norm.group / grain) * 2 * norm.in.channels);
  }
}

Index count_sets(const Plan& plan, Index batch) {
  const Index samples = plan.group_samples();
  return samples == 0 ? 1 : (batch + samples - 1) / samples;
}

}  // namespace

BatchStatistics::BatchStatistics(Communicator& communicator, const EngineOptions& options,
                                 const Plan& plan, int groups)
    : communicator_(communicator),
      plan_(plan),
      grain_(options.grain),
      tensor_ranks_(options.ranks_by == Parallelism::tensor),
      domain_(domain_ranks(communicator)) {
  if (plan.reductions().empty()) return;
  for (const std::string& other :
       all_gather(communicator, std::to_string(groups), SyncPoint::start)) {
    groups_.push_back(std::stoi(other));
  }
  const Index grains = (options.batch + grain_ - 1) / grain_;
  const Index of_rank =
      tensor_ranks_ ? grains : (grains + communicator.size() - 1) / communicator.size();
  Index most = 0;
  for_each_reduction(plan, grain_, of_rank, [&](Index doubles) {
    first_value_.push_back(values_of_group_);
    values_of_group_ += doubles;
  });
  for_each_reduction(plan, grain_, grains, [&](Index doubles) {
    first_of_domain_.push_back(values_of_domain_);
    values_of_domain_ += doubles;
    most = std::max(most, doubles);
  });
  merged_.resize(static_cast<std::size_t>(most));
  Index all_groups = 0;
  for (Index r = domain_.begin; r < domain_.end; ++r) {
    all_groups += groups_[static_cast<std::size_t>(r)];
  }
  values_ = allocate<double>(communicator, all_groups * values_of_group_);
  const auto domains = static_cast<Index>(communicator.domains().size());
  if (domains > 1 && !tensor_ranks_) {
    domain_values_ = allocate<double>(communicator, domains * values_of_domain_);
  }
  sources_.reserve(static_cast<std::size_t>(std::max(all_groups, domains)));
  const auto messages = static_cast<std::size_t>(domains) * plan.reductions().size();
  out_.reserve(messages);
  in_.reserve(messages);
  coefficient_sets_ = count_sets(plan, options.batch);
  coefficients_ = Buffer<float>(coefficient_sets_ * plan.coefficients_size());
  forward_.resize(plan.net().layers().size());
  gradients_.resize(plan.net().layers().size());
  for (const BatchReduction& reduction : plan.reductions()) {
    const BatchNorm2d& op = norm_of(plan, reduction);
    const auto layer = static_cast<std::size_t>(reduction.layer);
    const Index sets = op.group == 0 ? 1 : (options.batch + op.group - 1) / op.group;
    forward_[layer].resize(static_cast<std::size_t>(sets * op.in.channels));
    gradients_[layer].resize(static_cast<std::size_t>(parameter_shape(op).size()));
  }
}

Index BatchStatistics::bytes(const Plan& plan, Index grain, Index batch, int ranks, int domains,
                             int groups) {
  if (plan.reductions().empty()) return 0;
  const Index grains = (batch + grain - 1) / grain;
  Index of_group = 0, of_domain = 0, merged = 0;
  for_each_reduction(plan, grain, (grains + ranks - 1) / ranks,
                     [&](Index doubles) { of_group += doubles; });
  for_each_reduction(plan, grain, grains, [&](Index doubles) {
    of_domain += doubles;
    merged = std::max(merged, doubles);
  });
  const Index exchanged = domains > 1 ? domains * of_domain : 0;
  return (groups * of_group + exchanged + merged) * static_cast<Index>(sizeof(double)) +
         count_sets(plan, batch) * plan.coefficients_size() * static_cast<Index>(sizeof(float));
}

const BatchNorm2d& BatchStatistics::norm(Index reduction) const {
  return norm_of(plan_, plan_.reductions()[static_cast<std::size_t>(reduction)]);
}

double* BatchStatistics::values(Index local_rank, int group, Index reduction) const {
  Index groups = group;
  for (Index r = 0; r < local_rank; ++r) {
    groups += groups_[static_cast<std::size_t>(domain_.begin + r)];
  }
  return values_.get() + groups * values_of_group_ +
         first_value_[static_cast<std::size_t>(reduction)];
}

double* BatchStatistics::values_of_domain(std::size_t domain, Index reduction) const {
  return domain_values_.get() + static_cast<Index>(domain) * values_of_domain_ +
         first_of_domain_[static_cast<std::size_t>(reduction)];
}

double* BatchStatistics::slot(int group, Index reduction,
                              const tree::GroupedCounter& counter) const {
  return values(local_rank(), group, reduction) + counter.depth() * doubles(reduction);
}

double BatchStatistics::value_count(Index reduction, Range grains, const GrainList& list) const {
  const Shape& in = norm(reduction).in;
  return static_cast<double>(list.range(grains).size() * in.height * in.width);
}

// Merges the values [2][channels] behind those of `left` into them.
void BatchStatistics::merge_pair(Index reduction, Range left_grains, Range right_grains,
                                 Range channels, const GrainList& list, double* left) const {
  const Index C = norm(reduction).in.channels;
  const double* const right = left + 2 * C;
  if (plan_.reductions()[static_cast<std::size_t>(reduction)].kind ==
      StageKind::gradient_statistics) {
    for (Index c = channels.begin; c < channels.end; ++c) {
      left[c] += right[c];
      left[C + c] += right[C + c];
    }
    return;
  }
  const double left_n = value_count(reduction, left_grains, list);
  const double right_n = value_count(reduction, right_grains, list);
  for (Index c = channels.begin; c < channels.end; ++c) {
    const Moments merged =
        convoy::merge(left_n, {left[c], left[C + c]}, right_n, {right[c], right[C + c]});
    left[c] = merged.mean;
    left[C + c] = merged.m2;
  }
}

void BatchStatistics::push(int group, Index reduction, Range grain, Range channels,
                           const GrainList& list, tree::GroupedCounter& counter) const {
  double* const first = values(local_rank(), group, reduction);
  counter.push(grain, [&](Index i, const Range& left, const Range& right) {
    merge_pair(reduction, left, right, channels, list, first + i * doubles(reduction));
  });
}

// The values that the worker groups of this memory domain hold; tensor-parallel ranks, those of the
// rank.
std::span<const BatchStatistics::Values> BatchStatistics::of_groups(Index reduction, Index grains) {
  sources_.clear();
  const auto add_rank = [&](Index rank, Range of_rank) {
    const int groups = groups_[static_cast<std::size_t>(rank)];
    for (int g = 0; g < groups; ++g) {
      const Range part = split(of_rank.size(), groups, g);
      sources_.push_back({{of_rank.begin + part.begin, of_rank.begin + part.end},
                          values(rank - domain_.begin, g, reduction)});
    }
  };
  if (tensor_ranks_) {
    add_rank(communicator_.rank(), {0, grains});
  } else {
    for (Index r = domain_.begin; r < domain_.end; ++r) {
      add_rank(r, split(grains, communicator_.size(), r));
    }
  }
  return sources_;
}

Range BatchStatistics::grains_of_domain(std::size_t domain, Index grains) const {
  const Range ranks = communicator_.domains()[domain];
  return {split(grains, communicator_.size(), ranks.begin).begin,
          split(grains, communicator_.size(), ranks.end - 1).end};
}

// The same of all memory domains, after exchange().
std::span<const BatchStatistics::Values> BatchStatistics::of_domains(Index reduction,
                                                                     Index grains) {
  sources_.clear();
  for (std::size_t d = 0; d < communicator_.domains().size(); ++d) {
    sources_.push_back({grains_of_domain(d, grains), values_of_domain(d, reduction)});
  }
  return sources_;
}

// Merges the values of consecutive sources; returns the number of subtrees that remain. Those of
// all grains are one for each group of samples.
Index BatchStatistics::merge(Index reduction, std::span<const Values> sources,
                             const GrainList& list, double* merged) const {
  const Index size = doubles(reduction), group = group_grains(reduction);
  tree::GroupedCounter counter(list.count(), group);
  for (const Values& source : sources) {
    const double* at = source.at;
    tree::cover(source.grains, list.count(), group, [&](const tree::Subtree& subtree) {
      std::copy_n(at, size, merged + counter.depth() * size);
      at += size;
      counter.push(subtree, [&](Index i, const Range& left, const Range& right) {
        merge_pair(reduction, left, right, {0, size / 2}, list, merged + i * size);
      });
    });
  }
  return counter.depth();
}

// The first rank of each memory domain sends the subtrees of its domain to all others.
void BatchStatistics::exchange(const Phase& phase, const GrainList& list) {
  const auto mine = static_cast<std::size_t>(domain_index(communicator_));
  const auto bytes = [&](std::size_t domain, Index reduction) {
    Index subtrees = 0;
    tree::cover(grains_of_domain(domain, list.count()), list.count(), group_grains(reduction),
                [&](const tree::Subtree&) { ++subtrees; });
    return std::as_writable_bytes(
        std::span(values_of_domain(domain, reduction),
                  static_cast<std::size_t>(subtrees * doubles(reduction))));
  };
  if (leads_domain(communicator_)) {
    out_.clear();
    in_.clear();
    for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
      merge(r, of_groups(r, list.count()), list, values_of_domain(mine, r));
      for (std::size_t d = 0; d < communicator_.domains().size(); ++d) {
        const auto peer = static_cast<int>(communicator_.domains()[d].begin);
        if (d == mine) continue;
        if (!bytes(mine, r).empty()) out_.push_back({peer, bytes(mine, r)});
        if (!bytes(d, r).empty()) in_.push_back({peer, bytes(d, r)});
      }
    }
    communicator_.exchange(out_, in_, SyncPoint::statistics);
  }
  communicator_.barrier(SyncPoint::statistics);
}

void BatchStatistics::finish(const Phase& phase, const GrainList& list, const float* now,
                             float* next) {
  if (phase.reductions.begin == 0) finite_ = true;
  communicator_.barrier(SyncPoint::statistics);
  const bool exchanges = domain_values_ != nullptr;
  if (exchanges) exchange(phase, list);
  for (Index r = phase.reductions.begin; r < phase.reductions.end; ++r) {
    const auto all = exchanges ? of_domains(r, list.count()) : of_groups(r, list.count());
    const Index groups = merge(r, all, list, merged_.data());
    if (plan_.reductions()[static_cast<std::size_t>(r)].kind == StageKind::statistics) {
      finish_forward(r, groups, list, now, next);
    } else {
      finish_backward(r, groups, list);
    }
  }
}

Range BatchStatistics::grains_of_group(Index reduction, Index group, Index grains) const {
  const Index size = group_grains(reduction);
  return size == 0 ? Range{0, grains} : Range{group * size, std::min((group + 1) * size, grains)};
}

// Calls write(coefficients of the operation) for each set that belongs to a group of samples.
template <class Write>
void BatchStatistics::write_coefficients(Index reduction, Index group, const Write& write) {
  const Index samples = norm(reduction).group;
  const Index per_group = samples == 0 ? coefficient_sets_ : samples / plan_.group_samples();
  const Offset offset =
      plan_.coefficients(plan_.reductions()[static_cast<std::size_t>(reduction)].layer);
  const Index end = std::min((group + 1) * per_group, coefficient_sets_);
  for (Index set = group * per_group; set < end; ++set) {
    write(coefficients_.data() + set * plan_.coefficients_size() + offset);
  }
}

void BatchStatistics::finish_forward(Index reduction, Index groups, const GrainList& list,
                                     const float* now, float* next) {
  const BatchNorm2d& op = norm(reduction);
  const Index C = op.in.channels;
  const int layer = plan_.reductions()[static_cast<std::size_t>(reduction)].layer;
  const ParameterBlock& block = *plan_.block(layer);
  const float* const gamma = op.scale ? now + block.offset : nullptr;
  const float* const beta = now + block.offset + block.shape.weights();
  const Index buffers = plan_.net().buffers_of(layer);
  for (Index c = 0; c < C; ++c) {
    double mean_so_far = static_cast<double>(now[buffers + c]);
    double variance_so_far = static_cast<double>(now[buffers + C + c]);
    for (Index g = 0; g < groups; ++g) {
      const double n = value_count(reduction, grains_of_group(reduction, g, list.count()), list);
      const double mean = merged_[static_cast<std::size_t>(g * 2 * C + c)];
      const double m2 = merged_[static_cast<std::size_t>(g * 2 * C + C + c)];
      const ForwardCoefficients f =
          forward_coefficients(op.epsilon, mean, m2 / n, gamma ? static_cast<double>(gamma[c]) : 1,
                               static_cast<double>(beta[c]));
      forward_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(g * C + c)] = f;
      write_coefficients(reduction, g, [&](float* coefficients) {
        row(coefficients, Coefficient::scale, C)[c] = static_cast<float>(f.scale);
        row(coefficients, Coefficient::shift, C)[c] = static_cast<float>(f.shift);
        means(coefficients, C)[c] = mean;
      });
      mean_so_far = running(op.momentum, mean_so_far, mean);
      variance_so_far = running(op.momentum, variance_so_far, m2 / (n - 1));
    }
    const auto mean = static_cast<float>(mean_so_far);
    const auto variance = static_cast<float>(variance_so_far);
    finite_ = finite_ && std::isfinite(mean) && std::isfinite(variance);
    if (next == nullptr) continue;
    next[buffers + c] = mean;
    next[buffers + C + c] = variance;
  }
}

void BatchStatistics::finish_backward(Index reduction, Index groups, const GrainList& list) {
  const BatchNorm2d& op = norm(reduction);
  const Index C = op.in.channels;
  const auto layer =
      static_cast<std::size_t>(plan_.reductions()[static_cast<std::size_t>(reduction)].layer);
  std::vector<float>& gradient = gradients_[layer];
  for (Index c = 0; c < C; ++c) {
    double dgamma = 0, dbeta = 0;
    for (Index g = 0; g < groups; ++g) {
      const double n = value_count(reduction, grains_of_group(reduction, g, list.count()), list);
      const double sum_dy = merged_[static_cast<std::size_t>(g * 2 * C + c)];
      const double sum_dy_x = merged_[static_cast<std::size_t>(g * 2 * C + C + c)];
      const ForwardCoefficients& f = forward_[layer][static_cast<std::size_t>(g * C + c)];
      double mean = 0;
      write_coefficients(reduction, g,
                         [&](float* coefficients) { mean = means(coefficients, C)[c]; });
      const BackwardCoefficients b = backward_coefficients(f, mean, n, sum_dy, sum_dy_x);
      write_coefficients(reduction, g, [&](float* coefficients) {
        row(coefficients, Coefficient::dy_factor, C)[c] = static_cast<float>(b.dy_factor);
        row(coefficients, Coefficient::x_factor, C)[c] = static_cast<float>(b.x_factor);
        row(coefficients, Coefficient::offset, C)[c] = static_cast<float>(b.offset);
      });
      dgamma = g == 0 ? b.dgamma : dgamma + b.dgamma;
      dbeta = g == 0 ? sum_dy : dbeta + sum_dy;
    }
    if (op.scale) gradient[static_cast<std::size_t>(c)] = static_cast<float>(dgamma);
    gradient[gradient.size() - static_cast<std::size_t>(C - c)] = static_cast<float>(dbeta);
  }
}

const float* BatchStatistics::gradient(const ParameterBlock& block) const {
  if (gradients_.empty()) return nullptr;
  const std::vector<float>& gradient = gradients_[static_cast<std::size_t>(block.layer)];
  return gradient.empty() ? nullptr : gradient.data();
}

}  // namespace convoy
