// SPDX-License-Identifier: Apache-2.0
#include "runtime/gradient_sum.hpp"

#include <array>

#include "base/check.hpp"

namespace convoy {
namespace {

// The most subtrees that a Counter over any number of grains holds.
constexpr Index kMostSubtrees = tree::max_depth(Index{1} << 32) + 2;

bool has_exchange(const Communicator& communicator, const EngineOptions& options) {
  if (communicator.size() == 1) return false;
  return communicator.domains().size() > 1 || options.reduction == Reduction::root;
}

}  // namespace

GradientSum::GradientSum(Communicator& communicator, const EngineOptions& options, const Plan& plan,
                         const GroupMembers& members, const Backend& backend, int groups,
                         Index slots)
    : communicator_(communicator),
      plan_(plan),
      members_(members),
      backend_(backend),
      ranks_by_(options.ranks_by),
      reduction_(options.reduction),
      domain_(domain_ranks(communicator)),
      local_rank_(communicator.rank() - domain_.begin),
      exchanges_(has_exchange(communicator, options)),
      arena_(plan.net().arena_size()),
      slots_per_group_(slots) {
  const Index mine = groups * slots;
  headers_ = allocate<Header>(communicator, domain_.size() * kHeaderStride);
  header(local_rank_).records = mine;
  communicator.barrier(SyncPoint::allocation);
  Index all = 0, most = 0;
  for (Index local_rank = 0; local_rank < domain_.size(); ++local_rank) {
    first_slot_.push_back(ranks_by_ == Parallelism::data ? all : 0);
    all += header(local_rank).records;
    most = std::max(most, header(local_rank).records);
  }
  if (ranks_by_ == Parallelism::tensor) all = mine;
  most_records_ = std::max(most, kMostSubtrees);
  slots_ = allocate<float>(communicator, all * arena_);
  records_ = allocate<Record>(communicator, domain_.size() * most_records_);
  const auto pieces = static_cast<std::size_t>(domain_.size() * most_records_);
  merges_.reserve(pieces);
  pieces_.reserve(static_cast<std::size_t>(kMostSubtrees));
  partial_metrics_.resize(static_cast<std::size_t>(kMostSubtrees));
  domain_grains_.resize(communicator.domains().size());
  if (communicator.domains().size() > 1) {
    if (ranks_by_ == Parallelism::data) {
      exchanged_sum_ = allocate<float>(communicator, arena_);
      total_ = allocate<StepMetrics>(communicator, 1);
      gradients_between_domains_.emplace(communicator, reduction_, arena_, kMostSubtrees,
                                         backend.add);
      metrics_between_domains_.emplace(communicator,
                                       reduction_ == Reduction::fast ? Reduction::tree : reduction_,
                                       0, kMostSubtrees, backend.add);
    } else {
      const auto messages = static_cast<std::size_t>(communicator.size()) *
                            (plan.net().parameter_blocks().size() + 1);
      out_.reserve(messages);
      in_.reserve(messages);
      flags_of_ranks_.resize(static_cast<std::size_t>(communicator.size()));
    }
  }
}

float* GradientSum::slot(Index local_rank, Index slot) const {
  return slots_.get() + (first_slot_[static_cast<std::size_t>(local_rank)] + slot) * arena_;
}

float* GradientSum::slots(int group) {
  return slot(local_rank_, group * slots_per_group_);
}

Range GradientSum::grains_of_rank(Index grains) const {
  if (ranks_by_ == Parallelism::tensor) return {0, grains};
  return split(grains, communicator_.size(), communicator_.rank());
}

void GradientSum::publish(std::span<const GroupPieces> groups) {
  Index count = 0;
  Index first_slot = 0;
  for (const GroupPieces& group : groups) {
    for (std::size_t i = 0; i < group.subtrees.size(); ++i) {
      CONVOY_ASSERT(count < most_records_);
      records(local_rank_)[count++] = {group.subtrees[i], first_slot + static_cast<Index>(i),
                                       group.partial_metrics[i]};
    }
    first_slot += slots_per_group_;
  }
  header(local_rank_).records = count;
}

// Publishes the records of an evaluation. It has no gradients, so subtrees of different worker
// groups are merged; few records remain, however many worker groups and grains there are.
void GradientSum::publish_merged(Index grains, std::span<const GroupPieces> groups) {
  tree::Counter counter(grains);
  Record* mine = records(local_rank_);
  for (const GroupPieces& group : groups) {
    for (std::size_t i = 0; i < group.subtrees.size(); ++i) {
      mine[counter.depth()].partial_metrics = group.partial_metrics[i];
      counter.push(group.subtrees[i],
                   [&](Index at) { mine[at].partial_metrics.add(mine[at + 1].partial_metrics); });
    }
  }
  for (Index i = 0; i < counter.depth(); ++i) {
    mine[i].subtree = counter.subtrees()[static_cast<std::size_t>(i)];
    mine[i].slot = 0;
  }
  header(local_rank_).records = counter.depth();
}

// Merges the records of some local ranks of the memory domain. It adds partial metrics at once and
// lists the additions of gradients in merges_.
StepMetrics GradientSum::merge(Index grains, Index first_local_rank, Index end_local_rank) {
  merges_.clear();
  pieces_.clear();
  flags_ = 0;
  std::array<float*, static_cast<std::size_t>(kMostSubtrees)> stack;
  std::array<bool, static_cast<std::size_t>(kMostSubtrees)> is_slot;
  tree::Counter counter(grains);
  for (Index local_rank = first_local_rank; local_rank < end_local_rank; ++local_rank) {
    for (Index i = 0; i < header(local_rank).records; ++i) {
      const Record& record = records(local_rank)[i];
      const auto top = static_cast<std::size_t>(counter.depth());
      stack[top] = slot(local_rank, record.slot);
      is_slot[top] = true;
      partial_metrics_[top] = record.partial_metrics;
      counter.push(record.subtree, [&](Index at) {
        const auto left = static_cast<std::size_t>(at);
        merges_.push_back({at, stack[left], stack[left + 1], is_slot[left], is_slot[left + 1]});
        is_slot[left] = false;
        partial_metrics_[left].add(partial_metrics_[left + 1]);
      });
    }
  }
  for (std::size_t i = 0; i < counter.subtrees().size(); ++i) {
    pieces_.push_back({counter.subtrees()[i], stack[i], &partial_metrics_[i]});
  }
  for (Index local_rank = 0; local_rank < domain_.size(); ++local_rank)
    flags_ |= header(local_rank).flags;
  if (pieces_.empty()) {
    root_ = nullptr;
    return {0, 0, 0, flags_};
  }
  root_ = pieces_.front().gradient;
  StepMetrics metrics = *pieces_.front().partial_metrics;  // complete where there is one piece
  metrics.flags |= flags_;
  return metrics;
}

StepMetrics GradientSum::publish_and_plan(Index grains, std::span<const GroupPieces> groups,
                                          std::uint32_t flags) {
  grains_ = grains;
  header(local_rank_).flags = flags;
  publish(groups);
  communicator_.barrier(SyncPoint::gradients);
  // Tensor parallel, every rank holds the same subtrees.
  step_metrics_ = ranks_by_ == Parallelism::data ? merge(grains, 0, domain_.size())
                                                 : merge(grains, local_rank_, local_rank_ + 1);
  return step_metrics_;
}

void GradientSum::add(Range elements) const {
  if (elements.empty()) return;
  for (const Merge& merge : merges_) {
    backend_.add(elements.size(), merge.left + elements.begin, merge.right + elements.begin);
  }
}

Index GradientSum::scratch_rows() {
  return kMostSubtrees;
}

const float* GradientSum::sum(Range elements, float* scratch) const {
  if (merges_.empty()) return root_ + elements.begin;
  const Index size = elements.size();
  for (const Merge& merge : merges_) {
    float* into = scratch + merge.depth * size;
    if (merge.left_is_slot) std::copy_n(merge.left + elements.begin, size, into);
    backend_.add(size, into, merge.right_is_slot ? merge.right + elements.begin : into + size);
  }
  return scratch;
}

Range GradientSum::slice_before_exchange(Range domain_slice, int worker, int workers) const {
  // With one memory domain an exchange exists only where rank 0 does all additions.
  if (communicator_.domains().size() > 1) return domain_slice;
  if (local_rank_ != 0) return {};
  return split(arena_, workers, worker, kFloatsPerLine);
}

StepMetrics GradientSum::exchange() {
  if (communicator_.domains().size() == 1) {
    communicator_.barrier(SyncPoint::exchange);
    return step_metrics_;
  }
  if (ranks_by_ == Parallelism::tensor) return exchange_rows();
  root_ = exchanged_sum_.get();
  return exchange_between_domains(*gradients_between_domains_, SyncPoint::exchange);
}

StepMetrics GradientSum::exchange_between_domains(TreeReduce& reduce, SyncPoint sync_point) {
  const auto domains = communicator_.domains();
  for (std::size_t k = 0; k < domains.size(); ++k) {
    domain_grains_[k] = {split(grains_, communicator_.size(), domains[k].begin).begin,
                         split(grains_, communicator_.size(), domains[k].end - 1).end};
  }
  communicator_.barrier(sync_point);  // the memory domain's additions are done
  if (local_rank_ == 0) {
    total_[0] = reduce.finish(grains_, domain_grains_, pieces_, flags_, exchanged_sum_.get());
  }
  communicator_.barrier(sync_point);
  return total_[0];
}

// Every rank has the sum over all grains for its rows of each parameter block. Afterwards all ranks
// have all rows.
StepMetrics GradientSum::exchange_rows() {
  const int me = communicator_.rank();
  out_.clear();
  in_.clear();
  flags_of_ranks_[static_cast<std::size_t>(me)] = flags_;
  for (int r = 0; r < communicator_.size(); ++r) {
    if (r == me) continue;
    auto& theirs = flags_of_ranks_[static_cast<std::size_t>(r)];
    out_.push_back({r, std::as_bytes(std::span(&flags_, 1))});
    in_.push_back({r, std::as_writable_bytes(std::span(&theirs, 1))});
    for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
      const auto rows = [&](int rank) {
        const Range part = members_.part_of_rank(block.shape.rows(), rank);
        return std::span(root_ + block.offset + part.begin * block.shape.columns,
                         static_cast<std::size_t>(part.size() * block.shape.columns));
      };
      if (!rows(me).empty()) out_.push_back({r, std::as_bytes(rows(me))});
      if (!rows(r).empty()) in_.push_back({r, std::as_writable_bytes(rows(r))});
    }
  }
  communicator_.exchange(out_, in_, SyncPoint::exchange);
  for (const std::uint32_t flags : flags_of_ranks_) step_metrics_.flags |= flags;
  return step_metrics_;
}

StepMetrics GradientSum::sum_metrics(Index grains, std::span<const GroupPieces> groups) {
  grains_ = grains;
  header(local_rank_).flags = 0;
  publish_merged(grains, groups);
  communicator_.barrier(SyncPoint::evaluation);
  // Tensor parallel, every rank holds the same subtrees.
  StepMetrics metrics = ranks_by_ == Parallelism::data
                            ? merge(grains, 0, domain_.size())
                            : merge(grains, local_rank_, local_rank_ + 1);
  if (metrics_between_domains_) {
    metrics = exchange_between_domains(*metrics_between_domains_, SyncPoint::evaluation);
  }
  communicator_.barrier(SyncPoint::evaluation);  // all have read the records
  return metrics;
}

}  // namespace convoy
