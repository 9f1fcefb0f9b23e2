// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/rank_sum.hpp"

#include <algorithm>
#include <cmath>

namespace convoy::cuda {
namespace {

constexpr Index kBlockFloats = 1024;  // that are added up at a time, so that they stay in the cache

}  // namespace

RankSum::RankSum(gpu::Gpu& gpu, Communicator& communicator, const EngineOptions& options,
                 const Plan& plan, Index samples, Index nodes)
    : gpu_(gpu),
      communicator_(communicator),
      arena_(plan.net().arena_size()),
      grain_(options.grain),
      backend_(find_backend("auto")),
      sum_(communicator, options, plan, Crew{}, backend_, 1, std::max<Index>(nodes, 1)),
      tallies_(static_cast<std::size_t>(tree::max_depth(Index{1} << 32))) {
  if (nodes == 0) return;
  staged_ = {gpu, std::max<Index>(nodes, 1) * arena_};
  losses_ = {gpu, samples};
  hits_ = {gpu, samples};
  sums_ = {gpu, arena_, "the gradients"};
  scratch_ = Buffer<float>(GradientSum::scratch_rows() * kBlockFloats);
}

void RankSum::count(Index all_grains, Range grains, const double* losses, const int* hits,
                    Index samples) {
  counter_ = tree::Counter(all_grains);
  for (Index g = grains.begin; g < grains.end; ++g) {
    const Index begin = (g - grains.begin) * grain_, end = std::min(begin + grain_, samples);
    Tally tally{0, 0, end - begin, 0};
    for (Index s = begin; s < end; ++s) {
      tally.loss += losses[s];
      tally.correct += hits[s];
    }
    if (!std::isfinite(tally.loss)) tally.flags |= Tally::not_finite;
    tallies_[static_cast<std::size_t>(counter_.depth())] = tally;
    counter_.push({g, g + 1}, [&](Index i) {
      tallies_[static_cast<std::size_t>(i)].add(tallies_[static_cast<std::size_t>(i + 1)]);
    });
  }
}

Tally RankSum::finish(const PartTable::Entry& part, const DeviceProgram& program,
                      std::uint32_t flags) {
  const auto nodes = static_cast<Index>(part.nodes.size());
  const Index samples = part.part.samples;
  program.node_sums().read(gpu_, staged_.data(), nodes * arena_);
  program.losses().read(gpu_, losses_.data(), samples);
  program.hits().read(gpu_, hits_.data(), samples);
  gpu_.wait([this] { communicator_.pulse(); });
  count(part.all_grains, part.grains, losses_.data(), hits_.data(), samples);
  std::copy_n(staged_.data(), nodes * arena_, sum_.slots(0));
  const TeamPieces mine = pieces();
  Tally tally = sum_.gather(part.all_grains, std::span(&mine, 1), flags);
  if (sum_.exchanges()) {
    const Range node = node_ranks(communicator_);
    const Range slice =
        split(arena_, node.size(), communicator_.rank() - node.begin, kFloatsPerLine);
    sum_.add(sum_.slice_before_exchange(slice, 0, 1));
    tally = sum_.exchange();
  }
  if (!(tally.flags & Tally::not_finite)) add_up();
  communicator_.meet(Meeting::update);  // all of the node have read what a next step writes anew
  return tally;
}

void RankSum::add_up() {
  if (sum_.exchanges()) {
    std::copy_n(sum_.root(), arena_, staged_.data());
  } else {
    for (Index begin = 0; begin < arena_; begin += kBlockFloats) {
      const Range some{begin, std::min(begin + kBlockFloats, arena_)};
      std::copy_n(sum_.sum(some, scratch_.data()), some.size(), staged_.data() + begin);
    }
  }
  sums_.write(gpu_, staged_.data(), arena_);
}

Tally RankSum::sum_tallies(Index all_grains, Range grains, std::span<const double> losses,
                           std::span<const int> hits) {
  count(all_grains, grains, losses.data(), hits.data(), static_cast<Index>(losses.size()));
  const TeamPieces mine = pieces();
  return sum_.sum_tallies(all_grains, std::span(&mine, 1));
}

}  // namespace convoy::cuda
