// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/rank_sum.hpp"

#include <algorithm>
#include <cmath>

namespace convoy::cuda {
namespace {

constexpr Index kBlockFloats = 1024;  // added at a time, so that they stay in the cache

}  // namespace

RankSum::RankSum(gpu::Gpu& gpu, Communicator& communicator, const EngineOptions& options,
                 const Plan& plan, Index samples, Index subtrees)
    : gpu_(gpu),
      communicator_(communicator),
      plan_(plan),
      arena_(plan.net().arena_size()),
      grain_(options.grain),
      backend_(find_backend("auto")),
      gradient_sum_(communicator, options, plan, GroupMembers{}, backend_, 1,
                    std::max<Index>(subtrees, 1)),
      partial_metrics_(static_cast<std::size_t>(tree::max_depth(Index{1} << 32))) {
  if (subtrees == 0) return;
  staged_ = {gpu, std::max<Index>(subtrees, 1) * arena_};
  losses_ = {gpu, samples};
  hits_ = {gpu, samples};
  scratch_ = Buffer<float>(GradientSum::scratch_rows() * kBlockFloats);
}

void RankSum::push_metrics(Index all_grains, Range grains, const double* losses, const int* hits,
                           Index samples) {
  counter_ = tree::Counter(all_grains);
  for (Index g = grains.begin; g < grains.end; ++g) {
    const Index begin = (g - grains.begin) * grain_, end = std::min(begin + grain_, samples);
    StepMetrics metrics{0, 0, end - begin, 0};
    for (Index s = begin; s < end; ++s) {
      metrics.loss += losses[s];
      metrics.correct += hits[s];
    }
    if (!std::isfinite(metrics.loss)) metrics.flags |= StepMetrics::not_finite;
    partial_metrics_[static_cast<std::size_t>(counter_.depth())] = metrics;
    counter_.push({g, g + 1}, [&](Index i) {
      partial_metrics_[static_cast<std::size_t>(i)].add(
          partial_metrics_[static_cast<std::size_t>(i + 1)]);
    });
  }
}

StepMetrics RankSum::finish(const PartTable::Entry& part, DeviceProgram& program,
                            const BatchStatistics& statistics, std::uint32_t flags) {
  const auto subtrees = static_cast<Index>(part.subtrees.size());
  const Index samples = part.part.samples;
  program.subtree_sums().read(gpu_, staged_.data(), subtrees * arena_);
  program.losses().read(gpu_, losses_.data(), samples);
  program.hits().read(gpu_, hits_.data(), samples);
  gpu_.wait([this] { communicator_.heartbeat(); });
  push_metrics(part.all_grains, part.grains, losses_.data(), hits_.data(), samples);
  std::copy_n(staged_.data(), subtrees * arena_, gradient_sum_.slots(0));
  const GroupPieces mine = pieces();
  StepMetrics step_metrics =
      gradient_sum_.publish_and_plan(part.all_grains, std::span(&mine, 1), flags);
  if (gradient_sum_.exchanges()) {
    const Range domain = domain_ranks(communicator_);
    const Range slice =
        split(arena_, domain.size(), communicator_.rank() - domain.begin, kFloatsPerLine);
    gradient_sum_.add(gradient_sum_.slice_before_exchange(slice, 0, 1));
    step_metrics = gradient_sum_.exchange();
  }
  if (!(step_metrics.flags & StepMetrics::not_finite)) {
    sum_gradients(statistics);
    program.set_gradient(staged_.data());
  }
  communicator_.barrier(
      SyncPoint::update);  // all ranks of the domain have read what the next step overwrites
  return step_metrics;
}

void RankSum::sum_gradients(const BatchStatistics& statistics) {
  if (gradient_sum_.exchanges()) {
    std::copy_n(gradient_sum_.root(), arena_, staged_.data());
  } else {
    for (Index begin = 0; begin < arena_; begin += kBlockFloats) {
      const Range some{begin, std::min(begin + kBlockFloats, arena_)};
      std::copy_n(gradient_sum_.sum(some, scratch_.data()), some.size(), staged_.data() + begin);
    }
  }
  for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
    if (const float* const gradient = statistics.gradient(block)) {
      std::copy_n(gradient, block.shape.size(), staged_.data() + block.offset);
    }
  }
}

StepMetrics RankSum::sum_metrics(Index all_grains, Range grains, std::span<const double> losses,
                                 std::span<const int> hits) {
  push_metrics(all_grains, grains, losses.data(), hits.data(), static_cast<Index>(losses.size()));
  const GroupPieces mine = pieces();
  return gradient_sum_.sum_metrics(all_grains, std::span(&mine, 1));
}

}  // namespace convoy::cuda
