// SPDX-License-Identifier: Apache-2.0
// The canonical binary tree over the grains 0 .. n-1 of a step.
//
//   value of one grain      its gradient
//   value of a range        (value of its left part) + (value of its right part); the left part has
//                           p grains, p being the largest power of two below the range's length
//
// Seen from below: let s = b & -b be the lowest set bit of b. A subtree [b, e) with b > 0 and
// e = min(b + s, n) is a right child: its left sibling is [b - s, b), their parent [b - s, e).
// Every other subtree is the root or a left child. A subtree beyond n does not exist; it does not
// count as zero. So any worker that adds neighbours, at any time, adds the same pairs in the same
// order; see docs/determinism.md.
//
// This file does not depend on threads, ranks or arithmetic.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/tensor.hpp"

namespace convoy::tree {

// A complete subtree over n grains, or (while a worker counts) an aligned part of one.
using Subtree = Range;

// Whether [left.begin, right.end) is a subtree over n grains with these two children.
constexpr bool are_siblings(const Subtree& left, const Subtree& right, Index n) {
  if (left.end != right.begin || right.begin == 0) return false;
  const Index step = right.begin & -right.begin;
  return left.begin == right.begin - step && right.end == std::min(right.begin + step, n);
}

// The binary counter: a stack of subtrees, each with a slot that holds its value, into which the
// subtrees of a contiguous part of the tree are pushed in order. Cheap to copy; never allocates.
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

  // Puts `subtree` on top, then calls merge(i) as long as the two subtrees on top are siblings.
  // merge(i) must add the value at depth i + 1 to the value at depth i (depth 0 is the bottom).
  // It may also be merge(i, left, right), which gets the two subtrees.
  template <class Merge>
  void push(const Subtree& subtree, const Merge& merge) {
    std::construct_at(stack() + depth_++, subtree);
    while (depth_ > 1 && are_siblings(from_top(1), from_top(0), grains_)) {
      const Subtree left = from_top(1), right = from_top(0);
      from_top(1).end = right.end;
      --depth_;
      if constexpr (std::is_invocable_v<Merge, Index, Subtree, Subtree>) {
        merge(depth_ - 1, left, right);
      } else {
        merge(depth_ - 1);
      }
    }
  }

  Index depth() const { return depth_; }
  std::span<const Subtree> subtrees() const { return {stack(), static_cast<std::size_t>(depth_)}; }

 private:
  Subtree* stack() { return std::launder(reinterpret_cast<Subtree*>(memory_)); }
  const Subtree* stack() const { return std::launder(reinterpret_cast<const Subtree*>(memory_)); }
  Subtree& from_top(Index i) { return stack()[depth_ - 1 - i]; }

  Index grains_ = 0;
  Index depth_ = 0;
  // Room for max_depth(2^32) subtrees. These are bytes, so that construction does not set them to
  // zero: a step makes a counter for each of its weight gradients, and must not pay for that.
  alignas(Subtree) std::byte memory_[66 * sizeof(Subtree)];
};

// The counter where consecutive grains form groups, each with a tree of its own: `group` grains, or
// 0 where all grains are one group. The last group may be shorter. Subtrees are pushed in order.
class GroupedCounter {
 public:
  explicit GroupedCounter(Index grains = 0, Index group = 0) : grains_(grains), group_(group) {}

  // As Counter::push, with grains of the batch. Values of earlier groups stay below.
  template <class Merge>
  void push(const Subtree& subtree, const Merge& merge) {
    const Index size = group_ == 0 ? grains_ : group_;
    const Index first = subtree.begin / size * size;
    if (first != first_) {
      below_ += counter_.depth();
      first_ = first;
      counter_ = Counter(std::min(size, grains_ - first));
    }
    counter_.push({subtree.begin - first, subtree.end - first},
                  [&](Index i, const Subtree& left, const Subtree& right) {
                    merge(below_ + i, Subtree{left.begin + first, left.end + first},
                          Subtree{right.begin + first, right.end + first});
                  });
  }

  Index depth() const { return below_ + counter_.depth(); }

 private:
  Index grains_, group_;
  Index first_ = -1;  // grain of the group of the last subtree
  Index below_ = 0;   // subtrees of the groups before it
  Counter counter_;
};

// Calls push(subtree) for each maximal subtree over n grains that lies in [grains), in order. These
// are the subtrees that a Counter holds after these grains.
template <class Push>
constexpr void cover(Range grains, Index n, const Push& push) {
  for (Index begin = grains.begin; begin < grains.end;) {
    // The largest aligned range that begins here; one that extends beyond n ends at n.
    Index size = begin == 0 ? static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(n)))
                            : begin & -begin;
    while (std::min(begin + size, n) > grains.end) size /= 2;
    const Index end = std::min(begin + size, n);
    push(Subtree{begin, end});
    begin = end;
  }
}

// The same where consecutive grains form groups (GroupedCounter).
template <class Push>
constexpr void cover(Range grains, Index n, Index group, const Push& push) {
  const Index size = group == 0 ? n : group;
  for (Index begin = grains.begin; begin < grains.end;) {
    const Index first = begin / size * size;
    const Index end = std::min(first + size, grains.end);
    cover({begin - first, end - first}, std::min(size, n - first), [&](const Subtree& subtree) {
      push(Subtree{subtree.begin + first, subtree.end + first});
    });
    begin = end;
  }
}

// The depth that a Counter needs for `grains` contiguous grains (the one just pushed included).
constexpr Index max_depth(Index grains) {
  return 2 * static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(grains)));
}

// The depth that a GroupedCounter needs: a subtree for each whole group, and parts of two more.
constexpr Index max_depth(Index grains, Index group) {
  if (group == 0) return max_depth(grains);
  return grains / group + 2 * max_depth(std::min(group, grains));
}

}  // namespace convoy::tree
