// SPDX-License-Identifier: Apache-2.0
// The canonical binary tree over the grains 0 .. n-1 of a step.
//
//   value of one grain      its gradient
//   value of a range        (value of its left part) + (value of its right part), cut at the largest
//                           power of two below the range's length
//
// Seen from below: the parent of the node [b, e) whose begin's lowest set bit is s = b & -b is
// [b - s, e), once e = min(b + s, n). An absent subtree (beyond n) is absent, not zero. So whoever adds
// neighbours, and whenever, adds the same pairs in the same order; see docs/determinism.md.
//
// This file knows no thread, no rank and no arithmetic.
#pragma once

#include <bit>
#include <span>
#include <vector>

#include "convoy/base/tensor.hpp"

namespace convoy::tree {

// A complete node of the tree over n grains, or (while a worker counts) an aligned part of one.
using Node = Range;

// Is [left.begin, right.end) a node of the tree over n grains with these two children?
constexpr bool are_siblings(const Node& left, const Node& right, Index n) {
  if (left.end != right.begin || right.begin == 0) return false;
  const Index step = right.begin & -right.begin;
  return left.begin == right.begin - step && right.end == std::min(right.begin + step, n);
}

// The binary counter: a stack of nodes, each with a slot that holds its value. At most
// 2 log2(grains) + 2 nodes are ever on it.
class Counter {
 public:
  explicit Counter(Index grains) : grains_(grains) {}

  // Puts `node` on top, then calls merge(i) as long as the two nodes on top are siblings: the value
  // at depth i has to become itself plus the value at depth i + 1 (0 is the bottom).
  template <class Merge>
  void push(const Node& node, Merge merge) {
    stack_.push_back(node);
    while (stack_.size() > 1 &&
           are_siblings(stack_[stack_.size() - 2], stack_.back(), grains_)) {
      stack_[stack_.size() - 2].end = stack_.back().end;
      stack_.pop_back();
      merge(static_cast<Index>(stack_.size()) - 1);
    }
  }

  std::span<const Node> nodes() const { return stack_; }
  Index grains() const { return grains_; }
  void restart(Index grains) {
    grains_ = grains;
    stack_.clear();
  }
  void reserve(Index depth) { stack_.reserve(static_cast<std::size_t>(depth)); }

 private:
  Index grains_;
  std::vector<Node> stack_;
};

// The depth that a Counter over `grains` contiguous grains of one worker needs.
constexpr Index max_depth(Index grains) {
  return 2 * static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(grains))) + 2;
}

}  // namespace convoy::tree
