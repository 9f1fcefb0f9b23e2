// SPDX-License-Identifier: Apache-2.0
#include "runtime/gradient_sum.hpp"

#include <array>

#include "base/check.hpp"

namespace convoy {
namespace {

// What a Counter over any number of grains may hold.
constexpr Index kMostNodes = tree::max_depth(Index{1} << 32) + 2;

bool has_exchange(const Communicator& communicator, const EngineOptions& options) {
  if (communicator.size() == 1) return false;
  return communicator.nodes().size() > 1 || options.reduction == Reduction::root;
}

}  // namespace

GradientSum::GradientSum(Communicator& communicator, const EngineOptions& options, const Plan& plan,
                         const Crew& crew, const Backend& backend, int teams, Index slots)
    : communicator_(communicator),
      plan_(plan),
      crew_(crew),
      backend_(backend),
      ranks_by_(options.ranks_by),
      reduction_(options.reduction),
      node_(node_ranks(communicator)),
      place_(communicator.rank() - node_.begin),
      exchanges_(has_exchange(communicator, options)),
      arena_(plan.net().arena_size()),
      slots_per_team_(slots) {
  const Index mine = teams * slots;
  headers_ = allocate<Header>(communicator, node_.size() * kHeaderStride);
  header(place_).records = mine;
  communicator.meet(Meeting::allocation);
  Index all = 0, most = 0;
  for (Index place = 0; place < node_.size(); ++place) {
    first_slot_.push_back(ranks_by_ == Cut::data ? all : 0);
    all += header(place).records;
    most = std::max(most, header(place).records);
  }
  if (ranks_by_ == Cut::tensor) all = mine;
  most_records_ = std::max(most, kMostNodes);
  slots_ = allocate<float>(communicator, all * arena_);
  records_ = allocate<Record>(communicator, node_.size() * most_records_);
  const auto pieces = static_cast<std::size_t>(node_.size() * most_records_);
  merges_.reserve(pieces);
  pieces_.reserve(static_cast<std::size_t>(kMostNodes));
  tallies_.resize(static_cast<std::size_t>(kMostNodes));
  node_grains_.resize(communicator.nodes().size());
  if (communicator.nodes().size() > 1) {
    if (ranks_by_ == Cut::data) {
      sum_ = allocate<float>(communicator, arena_);
      total_ = allocate<Tally>(communicator, 1);
      gradients_between_nodes_.emplace(communicator, reduction_, arena_, kMostNodes, backend.add);
      tallies_between_nodes_.emplace(communicator,
                                     reduction_ == Reduction::fast ? Reduction::tree : reduction_,
                                     0, kMostNodes, backend.add);
    } else {
      const auto messages = static_cast<std::size_t>(communicator.size()) *
                            (plan.net().parameter_blocks().size() + 1);
      out_.reserve(messages);
      in_.reserve(messages);
      flags_of_ranks_.resize(static_cast<std::size_t>(communicator.size()));
    }
  }
}

float* GradientSum::slot(Index place, Index slot) const {
  return slots_.get() + (first_slot_[static_cast<std::size_t>(place)] + slot) * arena_;
}

float* GradientSum::slots(int team) {
  return slot(place_, team * slots_per_team_);
}

Range GradientSum::grains_of_rank(Index grains) const {
  if (ranks_by_ == Cut::tensor) return {0, grains};
  return split(grains, communicator_.size(), communicator_.rank());
}

void GradientSum::publish(std::span<const TeamPieces> teams) {
  Index count = 0;
  Index first_slot = 0;
  for (const TeamPieces& team : teams) {
    for (std::size_t i = 0; i < team.nodes.size(); ++i) {
      CONVOY_ASSERT(count < most_records_);
      records(place_)[count++] = {team.nodes[i], first_slot + static_cast<Index>(i),
                                  team.tallies[i]};
    }
    first_slot += slots_per_team_;
  }
  header(place_).records = count;
}

// Of an evaluation, whose gradients nobody needs: few records, however many teams and grains.
void GradientSum::publish_merged(Index grains, std::span<const TeamPieces> teams) {
  tree::Counter counter(grains);
  Record* mine = records(place_);
  for (const TeamPieces& team : teams) {
    for (std::size_t i = 0; i < team.nodes.size(); ++i) {
      mine[counter.depth()].tally = team.tallies[i];
      counter.push(team.nodes[i], [&](Index at) { mine[at].tally.add(mine[at + 1].tally); });
    }
  }
  for (Index i = 0; i < counter.depth(); ++i) {
    mine[i].node = counter.nodes()[static_cast<std::size_t>(i)];
    mine[i].slot = 0;
  }
  header(place_).records = counter.depth();
}

// Merges the records of some places of the node: tallies at once, gradients are noted.
Tally GradientSum::merge(Index grains, Index first_place, Index end_place) {
  merges_.clear();
  pieces_.clear();
  flags_ = 0;
  std::array<float*, static_cast<std::size_t>(kMostNodes)> stack;
  std::array<bool, static_cast<std::size_t>(kMostNodes)> is_slot;
  tree::Counter counter(grains);
  for (Index place = first_place; place < end_place; ++place) {
    for (Index i = 0; i < header(place).records; ++i) {
      const Record& record = records(place)[i];
      const auto top = static_cast<std::size_t>(counter.depth());
      stack[top] = slot(place, record.slot);
      is_slot[top] = true;
      tallies_[top] = record.tally;
      counter.push(record.node, [&](Index at) {
        const auto left = static_cast<std::size_t>(at);
        merges_.push_back({at, stack[left], stack[left + 1], is_slot[left], is_slot[left + 1]});
        is_slot[left] = false;
        tallies_[left].add(tallies_[left + 1]);
      });
    }
  }
  for (std::size_t i = 0; i < counter.nodes().size(); ++i) {
    pieces_.push_back({counter.nodes()[i], stack[i], &tallies_[i]});
  }
  for (Index place = 0; place < node_.size(); ++place) flags_ |= header(place).flags;
  if (pieces_.empty()) {
    root_ = nullptr;
    return {0, 0, 0, flags_};
  }
  root_ = pieces_.front().gradient;
  Tally tally = *pieces_.front().tally;  // of all, where this is all
  tally.flags |= flags_;
  return tally;
}

Tally GradientSum::gather(Index grains, std::span<const TeamPieces> teams, std::uint32_t flags) {
  grains_ = grains;
  header(place_).flags = flags;
  publish(teams);
  communicator_.meet(Meeting::gradients);
  // Cut by tensor, every rank holds the same nodes.
  tally_ =
      ranks_by_ == Cut::data ? merge(grains, 0, node_.size()) : merge(grains, place_, place_ + 1);
  return tally_;
}

void GradientSum::add(Range elements) const {
  if (elements.empty()) return;
  for (const Merge& merge : merges_) {
    backend_.add(elements.size(), merge.left + elements.begin, merge.right + elements.begin);
  }
}

Index GradientSum::scratch_rows() {
  return kMostNodes;
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

Range GradientSum::slice_before_exchange(Range node_slice, int worker, int workers) const {
  // On one node there is an exchange only to let rank 0 do all additions.
  if (communicator_.nodes().size() > 1) return node_slice;
  if (place_ != 0) return {};
  return split(arena_, workers, worker, kFloatsPerLine);
}

Tally GradientSum::exchange() {
  if (communicator_.nodes().size() == 1) {
    communicator_.meet(Meeting::exchange);
    return tally_;
  }
  if (ranks_by_ == Cut::tensor) return exchange_rows();
  root_ = sum_.get();
  return exchange_between_nodes(*gradients_between_nodes_, Meeting::exchange);
}

Tally GradientSum::exchange_between_nodes(TreeReduce& reduce, Meeting meeting) {
  const auto nodes = communicator_.nodes();
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    node_grains_[k] = {split(grains_, communicator_.size(), nodes[k].begin).begin,
                       split(grains_, communicator_.size(), nodes[k].end - 1).end};
  }
  communicator_.meet(meeting);  // the node's additions are done
  if (place_ == 0) {
    total_[0] = reduce.finish(grains_, node_grains_, pieces_, flags_, sum_.get());
  }
  communicator_.meet(meeting);
  return total_[0];
}

// Every rank has the whole tree over its rows of each parameter block: all get all rows.
Tally GradientSum::exchange_rows() {
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
        const Range part = crew_.part_of_rank(block.shape.rows(), rank);
        return std::span(root_ + block.offset + part.begin * block.shape.columns,
                         static_cast<std::size_t>(part.size() * block.shape.columns));
      };
      if (!rows(me).empty()) out_.push_back({r, std::as_bytes(rows(me))});
      if (!rows(r).empty()) in_.push_back({r, std::as_writable_bytes(rows(r))});
    }
  }
  communicator_.exchange(out_, in_, Meeting::exchange);
  for (const std::uint32_t flags : flags_of_ranks_) tally_.flags |= flags;
  return tally_;
}

Tally GradientSum::sum_tallies(Index grains, std::span<const TeamPieces> teams) {
  grains_ = grains;
  header(place_).flags = 0;
  publish_merged(grains, teams);
  communicator_.meet(Meeting::evaluation);
  // Cut by tensor, every rank holds the same nodes.
  Tally tally =
      ranks_by_ == Cut::data ? merge(grains, 0, node_.size()) : merge(grains, place_, place_ + 1);
  if (tallies_between_nodes_) {
    tally = exchange_between_nodes(*tallies_between_nodes_, Meeting::evaluation);
  }
  communicator_.meet(Meeting::evaluation);  // all have read the records
  return tally;
}

}  // namespace convoy
