// SPDX-License-Identifier: Apache-2.0
// The canonical binary tree over the grains 0 .. n-1 of a step.
//
//   value of one grain      its gradient
//   value of a range        (value of its left part) + (value of its right part), cut at the
//                           largest power of two below the range's length
//
// Seen from below: the parent of the node [b, e) whose begin's lowest set bit is s = b & -b is
// [b - s, e), once e = min(b + s, n). An absent subtree (beyond n) is absent, not zero. So whoever
// adds neighbours, and whenever, adds the same pairs in the same order; see docs/determinism.md.
//
// This file knows no thread, no rank and no arithmetic.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "base/tensor.hpp"

namespace convoy::tree {

// A complete node of the tree over n grains, or (while a worker counts) an aligned part of one.
using Node = Range;

// Is [left.begin, right.end) a node of the tree over n grains with these two children?
constexpr bool are_siblings(const Node& left, const Node& right, Index n) {
  if (left.end != right.begin || right.begin == 0) return false;
  const Index step = right.begin & -right.begin;
  return left.begin == right.begin - step && right.end == std::min(right.begin + step, n);
}

// The binary counter: a stack of nodes, each with a slot that holds its value, into which the nodes
// of a contiguous part of the tree are pushed in order. Cheap to copy; never allocates.
class Counter {
 public:
  explicit Counter(Index grains = 0) : grains_(grains) {}
  Counter(const Counter& other) { *this = other; }
  Counter& operator=(const Counter& other) {
    if (this == &other) return *this;
    grains_ = other.grains_;
    depth_ = other.depth_;
    std::uninitialized_copy_n(other.stack(), depth_, stack());
    return *this;
  }

  // Puts `node` on top, then calls merge(i) as long as the two nodes on top are siblings: the value
  // at depth i has to become itself plus the value at depth i + 1 (0 is the bottom).
  template <class Merge>
  void push(const Node& node, const Merge& merge) {
    std::construct_at(stack() + depth_++, node);
    while (depth_ > 1 && are_siblings(from_top(1), from_top(0), grains_)) {
      from_top(1).end = from_top(0).end;
      --depth_;
      merge(depth_ - 1);
    }
  }

  Index depth() const { return depth_; }
  std::span<const Node> nodes() const { return {stack(), static_cast<std::size_t>(depth_)}; }

 private:
  Node* stack() { return std::launder(reinterpret_cast<Node*>(memory_)); }
  const Node* stack() const { return std::launder(reinterpret_cast<const Node*>(memory_)); }
  Node& from_top(Index i) { return stack()[depth_ - 1 - i]; }

  Index grains_ = 0;
  Index depth_ = 0;
  // max_depth(2^32) and one more. Bytes, since nobody need set them to zero: a step makes a counter
  // for each of its weight gradients, and may take no longer than that.
  alignas(Node) std::byte memory_[66 * sizeof(Node)];
};

// The maximal nodes of the tree over n grains that lie in [grains), in order, pushed by push(node):
// what a Counter holds after these grains.
template <class Push>
constexpr void cover(Range grains, Index n, const Push& push) {
  for (Index begin = grains.begin; begin < grains.end;) {
    // The largest aligned range that begins here; where it goes beyond n, the tree's own end.
    Index size = begin == 0 ? static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(n)))
                            : begin & -begin;
    while (std::min(begin + size, n) > grains.end) size /= 2;
    const Index end = std::min(begin + size, n);
    push(Node{begin, end});
    begin = end;
  }
}

// The depth that a Counter needs for `grains` contiguous grains (the one just pushed included).
constexpr Index max_depth(Index grains) {
  return 2 * static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(grains)));
}

}  // namespace convoy::tree
