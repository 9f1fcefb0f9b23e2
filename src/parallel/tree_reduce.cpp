// SPDX-License-Identifier: Apache-2.0
#include "parallel/tree_reduce.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "base/check.hpp"
#include "parallel/tree_reduce/message.hpp"

namespace convoy {
namespace {

constexpr Index kUsualPieces = 2;
constexpr std::size_t kMostDepth = 66;  // of a tree::Counter

std::span<std::byte> bytes_of(std::byte* message, Index size) {
  return {message, static_cast<std::size_t>(size)};
}
std::span<std::byte> bytes_of(float* arena, Range part) {
  return bytes_of(reinterpret_cast<std::byte*>(arena + part.begin), part.size() * 4);
}

void copy(Index floats, const float* from, float* to) {
  if (from != to && floats > 0) std::copy_n(from, floats, to);
}

Range first_half(Range part) {
  return {part.begin, part.begin + split(part.size(), 2, 0, kFloatsPerLine).end};
}

// Finishes the tree over one part of the arena, from its subtrees in order.
class Finish {
 public:
  Finish(Index grains, Index floats, TreeReduce::Add add)
      : counter_(grains), floats_(floats), add_(add) {}

  // `value` may be written to.
  void push(const tree::Subtree& subtree, float* value, const StepMetrics& metrics) {
    const auto top = static_cast<std::size_t>(counter_.depth());
    values_[top] = value;
    partial_metrics_[top] = metrics;
    counter_.push(subtree, [&](Index at) {
      const auto left = static_cast<std::size_t>(at);
      if (floats_ > 0) add_(floats_, values_[left], values_[left + 1]);
      partial_metrics_[left].add(partial_metrics_[left + 1]);
    });
  }

  // Writes the sum, or zeros where there are no grains.
  StepMetrics write(float* sum) const {
    if (counter_.depth() == 0) {
      std::fill_n(sum, floats_, 0.0F);
      return {};
    }
    CONVOY_ASSERT(counter_.depth() == 1);
    copy(floats_, values_[0], sum);
    return partial_metrics_[0];
  }

 private:
  tree::Counter counter_;
  Index floats_;
  TreeReduce::Add add_;
  std::array<float*, kMostDepth> values_;
  std::array<StepMetrics, kMostDepth> partial_metrics_;
};

// Memory that does not keep its content when it grows.
class Scratch {
 public:
  std::byte* at_least(Index bytes) {
    if (bytes > buffer_.size()) buffer_ = Buffer<std::byte>(bytes);
    return buffer_.data();
  }

 private:
  Buffer<std::byte> buffer_;
};

}  // namespace

std::string_view to_string(Reduction reduction) {
  switch (reduction) {
    case Reduction::tree:
      return "tree";
    case Reduction::root:
      return "root";
    case Reduction::fast:
      return "fast";
  }
  return "unknown reduction";
}

struct TreeReduce::State {
  State(Communicator& c, Reduction r, Index a, Index most_pieces, Add add_floats);

  // One step.
  struct Step {
    Index grains;
    std::span<const Range> domain_grains;
    std::span<const Piece> mine;
    std::uint32_t flags;
    float* root;
  };

  Range slice(Index k) const { return split(arena, domains, k, kFloatsPerLine); }
  Index pieces_of(Index k) const { return pieces[static_cast<std::size_t>(k)]; }
  int leader(Index k) const { return leaders[static_cast<std::size_t>(k)]; }
  void exchange() {
    if (!out.empty() || !in.empty()) communicator.exchange(out, in, SyncPoint::exchange);
    out.clear();
    in.clear();
  }

  void reserve(Index usual);
  bool can_halve(const Step& step);
  Index write_mine(const Step& step, Range part, std::byte* message) const;

  StepMetrics finish(const Step& step, Range part, std::byte* messages);
  void halve(int round, Range& part, float*& value, StepMetrics& total, std::byte* receive);
  StepMetrics run(const Step& step);
  StepMetrics halving(const Step& step);
  StepMetrics slices(const Step& step);
  StepMetrics through_root(const Step& step);
  StepMetrics fast(const Step& step);

  Communicator& communicator;
  const Reduction reduction;
  const Index arena;
  const Add add;
  const Index domains;     // number of memory domains
  const Index own_domain;  // number of this one
  std::vector<int> leaders;
  Scratch sent, received;
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::vector<Index> pieces;         // of each memory domain, in this step
  std::vector<tree::Subtree> level;  // of the tree over the memory domains
  std::array<Range, 32> parts;       // of the arena, that were halved
};

TreeReduce::State::State(Communicator& c, Reduction r, Index a, Index most_pieces, Add add_floats)
    : communicator(c),
      reduction(r),
      arena(a),
      add(add_floats),
      domains(static_cast<Index>(c.domains().size())),
      own_domain(domain_index(c)) {
  CONVOY_ASSERT(reduction != Reduction::fast || domains == c.size());
  for (const Range& domain : c.domains()) leaders.push_back(static_cast<int>(domain.begin));
  pieces.resize(leaders.size());
  level.resize(leaders.size());
  out.reserve(leaders.size());
  in.reserve(leaders.size());
  if (domains > 1 && reduction != Reduction::fast) reserve(std::min(most_pieces, kUsualPieces));
}

void TreeReduce::State::reserve(Index usual) {
  const Index others = domains - 1;
  if (reduction == Reduction::root || arena == 0) {
    sent.at_least(message_bytes(own_domain == 0 ? 1 : usual, arena));
    received.at_least(own_domain == 0 ? others * message_bytes(usual, arena)
                                      : message_bytes(1, arena));
  } else {
    const Index longest = slice(0).size();
    sent.at_least(others * message_bytes(usual, longest));
    received.at_least(others * message_bytes(usual, longest));
  }
}

// Whether the memory domains' subtrees are siblings, and so are their parents, up to the root.
bool TreeReduce::State::can_halve(const Step& step) {
  if (!std::has_single_bit(static_cast<std::size_t>(domains))) return false;
  for (Index k = 0; k < domains; ++k) {
    if (pieces_of(k) != 1) return false;
    level[static_cast<std::size_t>(k)] = step.domain_grains[static_cast<std::size_t>(k)];
  }
  for (std::size_t width = level.size() / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) {
      const tree::Subtree left = level[2 * i], right = level[2 * i + 1];
      if (!tree::are_siblings(left, right, step.grains)) return false;
      level[i] = {left.begin, right.end};
    }
  }
  return true;
}

// Finishes the tree over a part of the arena, into root, from this memory domain's subtrees and
// from `messages`, those of the other domains one after the other.
StepMetrics TreeReduce::State::finish(const Step& step, Range part, std::byte* messages) {
  Finish tree(step.grains, part.size(), add);
  std::uint32_t flags = step.flags;
  for (Index k = 0; k < domains; ++k) {
    if (k == own_domain) {
      for (const Piece& piece : step.mine) {
        tree.push(piece.subtree, piece.gradient + part.begin, *piece.partial_metrics);
      }
      continue;
    }
    const StepMetrics* partial_metrics = metrics_of(messages);
    flags |= partial_metrics->flags;
    Index i = 0;
    tree::cover(
        step.domain_grains[static_cast<std::size_t>(k)], step.grains, [&](tree::Subtree subtree) {
          tree.push(subtree, floats_of(messages, pieces_of(k), part.size(), i), partial_metrics[i]);
          ++i;
        });
    messages += message_bytes(pieces_of(k), part.size());
  }
  StepMetrics total = tree.write(step.root + part.begin);
  total.flags |= flags;
  return total;
}

// Writes this memory domain's message about a part of the arena; returns its size in bytes.
Index TreeReduce::State::write_mine(const Step& step, Range part, std::byte* message) const {
  const auto count = static_cast<Index>(step.mine.size());
  StepMetrics* partial_metrics = metrics_of(message);
  partial_metrics[0] = {};
  for (Index i = 0; i < count; ++i) {
    const Piece& piece = step.mine[static_cast<std::size_t>(i)];
    partial_metrics[i] = *piece.partial_metrics;
    copy(part.size(), piece.gradient + part.begin, floats_of(message, count, part.size(), i));
  }
  partial_metrics[0].flags |= step.flags;
  return message_bytes(count, part.size());
}

StepMetrics TreeReduce::State::run(const Step& step) {
  CONVOY_ASSERT(static_cast<Index>(step.domain_grains.size()) == domains);
  if (domains == 1) return finish(step, {0, arena}, nullptr);
  if (reduction == Reduction::fast) return fast(step);
  for (std::size_t k = 0; k < pieces.size(); ++k) {
    pieces[k] = 0;
    tree::cover(step.domain_grains[k], step.grains, [&](tree::Subtree) { ++pieces[k]; });
  }
  CONVOY_ASSERT(static_cast<Index>(step.mine.size()) == pieces_of(own_domain));
  if (reduction == Reduction::tree && can_halve(step)) return halving(step);
  if (reduction == Reduction::root || arena == 0) return through_root(step);
  return slices(step);
}

// One round of the halving. `value` is this memory domain's sum over `part` so far; afterwards
// both describe the half that it keeps.
void TreeReduce::State::halve(int round, Range& part, float*& value, StepMetrics& total,
                              std::byte* receive) {
  const bool left = (own_domain >> round & 1) == 0;
  const int peer = leader(own_domain ^ Index{1} << round);
  const Range lower = first_half(part), upper{lower.end, part.end};
  const Range keep = left ? lower : upper, give = left ? upper : lower;
  std::byte* send = sent.at_least(message_bytes(1, give.size()));
  *metrics_of(send) = total;
  copy(give.size(), value + (give.begin - part.begin), floats_of(send, 1, give.size(), 0));
  out.push_back({peer, bytes_of(send, message_bytes(1, give.size()))});
  in.push_back({peer, bytes_of(receive, message_bytes(1, keep.size()))});
  exchange();

  float* mine = value + (keep.begin - part.begin);
  float* theirs = floats_of(receive, 1, keep.size(), 0);
  float* left_value = left ? mine : theirs;
  if (!keep.empty()) add(keep.size(), left_value, left ? theirs : mine);
  StepMetrics left_metrics = left ? total : *metrics_of(receive);
  left_metrics.add(left ? *metrics_of(receive) : total);
  total = left_metrics;
  value = left_value;
  part = keep;
}

StepMetrics TreeReduce::State::halving(const Step& step) {
  const int rounds = std::countr_zero(static_cast<std::size_t>(domains));
  Index to_receive = 0, floats = arena;
  for (int round = 0; round < rounds; ++round) {
    floats = first_half({0, floats}).size();  // the longer one
    to_receive += message_bytes(1, floats);
  }
  std::byte* receive = received.at_least(to_receive);
  Range part{0, arena};
  float* value = step.mine.front().gradient;
  StepMetrics total = *step.mine.front().partial_metrics;
  total.flags |= step.flags;
  for (int round = 0; round < rounds; ++round) {
    parts[static_cast<std::size_t>(round)] = part;
    halve(round, part, value, total, receive);
    receive += message_bytes(1, part.size());  // the sum may lie there
  }
  copy(part.size(), value, step.root + part.begin);
  for (int round = rounds - 1; round >= 0; --round) {
    const Range whole = parts[static_cast<std::size_t>(round)];
    const Range lower = first_half(whole), upper{lower.end, whole.end};
    const Range theirs = (own_domain >> round & 1) == 0 ? upper : lower;
    const int peer = leader(own_domain ^ Index{1} << round);
    if (!part.empty()) out.push_back({peer, bytes_of(step.root, part)});
    if (!theirs.empty()) in.push_back({peer, bytes_of(step.root, theirs)});
    exchange();
    part = whole;
  }
  return total;
}

StepMetrics TreeReduce::State::slices(const Step& step) {
  const Range mine = slice(own_domain);
  Index to_send = 0, to_receive = 0;
  for (Index k = 0; k < domains; ++k) {
    if (k == own_domain) continue;
    to_send += message_bytes(pieces_of(own_domain), slice(k).size());
    to_receive += message_bytes(pieces_of(k), mine.size());
  }
  std::byte* send = sent.at_least(to_send);
  std::byte* const receive = received.at_least(to_receive);
  std::byte* message = receive;
  for (Index k = 0; k < domains; ++k) {
    if (k == own_domain) continue;
    const Index bytes = write_mine(step, slice(k), send);
    out.push_back({leader(k), bytes_of(send, bytes)});
    send += bytes;
    in.push_back({leader(k), bytes_of(message, message_bytes(pieces_of(k), mine.size()))});
    message += message_bytes(pieces_of(k), mine.size());
  }
  exchange();

  const StepMetrics total = finish(step, mine, receive);
  for (Index k = 0; k < domains; ++k) {
    if (k == own_domain) continue;
    if (!mine.empty()) out.push_back({leader(k), bytes_of(step.root, mine)});
    if (!slice(k).empty()) in.push_back({leader(k), bytes_of(step.root, slice(k))});
  }
  exchange();
  return total;
}

StepMetrics TreeReduce::State::through_root(const Step& step) {
  const Range all{0, arena};
  const Index answer = message_bytes(1, arena);
  if (own_domain != 0) {
    std::byte* send = sent.at_least(message_bytes(pieces_of(own_domain), arena));
    out.push_back({leader(0), bytes_of(send, write_mine(step, all, send))});
    exchange();
    std::byte* receive = received.at_least(answer);
    in.push_back({leader(0), bytes_of(receive, answer)});
    exchange();
    copy(arena, floats_of(receive, 1, arena, 0), step.root);
    return *metrics_of(receive);
  }
  Index to_receive = 0;
  for (Index k = 1; k < domains; ++k) to_receive += message_bytes(pieces_of(k), arena);
  std::byte* const receive = received.at_least(to_receive);
  std::byte* message = receive;
  for (Index k = 1; k < domains; ++k) {
    in.push_back({leader(k), bytes_of(message, message_bytes(pieces_of(k), arena))});
    message += message_bytes(pieces_of(k), arena);
  }
  exchange();
  std::byte* send = sent.at_least(answer);
  *metrics_of(send) = finish(step, all, receive);
  copy(arena, step.root, floats_of(send, 1, arena, 0));
  for (Index k = 1; k < domains; ++k) out.push_back({leader(k), bytes_of(send, answer)});
  exchange();
  return *metrics_of(send);
}

StepMetrics TreeReduce::State::fast(const Step& step) {
  constexpr std::size_t kFlags = 32;
  std::array<double, 3 + kFlags> sums{};
  std::uint32_t flags = step.flags;
  for (const Piece& piece : step.mine) {
    sums[0] += piece.partial_metrics->loss;
    sums[1] += static_cast<double>(piece.partial_metrics->correct);
    sums[2] += static_cast<double>(piece.partial_metrics->samples);
    flags |= piece.partial_metrics->flags;
    if (arena > 0 && &piece != step.mine.data()) {
      add(arena, step.mine.front().gradient, piece.gradient);
    }
  }
  for (std::size_t i = 0; i < kFlags; ++i) sums[3 + i] = flags >> i & 1;
  if (step.mine.empty()) {
    std::fill_n(step.root, arena, 0.0F);
  } else {
    copy(arena, step.mine.front().gradient, step.root);
  }
  if (arena > 0) communicator.sum(std::span(step.root, static_cast<std::size_t>(arena)));
  communicator.sum(sums);
  StepMetrics total{sums[0], static_cast<std::int64_t>(sums[1]), static_cast<std::int64_t>(sums[2]),
                    0};
  for (std::size_t i = 0; i < kFlags; ++i) {
    if (sums[3 + i] > 0) total.flags |= std::uint32_t{1} << i;
  }
  return total;
}

TreeReduce::TreeReduce(Communicator& communicator, Reduction reduction, Index arena,
                       Index most_pieces, Add add)
    : state_(std::make_shared<State>(communicator, reduction, arena, most_pieces, add)) {}

StepMetrics TreeReduce::finish(Index grains, std::span<const Range> domain_grains,
                               std::span<const Piece> mine, std::uint32_t flags, float* root) {
  const State::Step step{grains, domain_grains, mine, flags, root};
  return state_->run(step);
}

}  // namespace convoy
