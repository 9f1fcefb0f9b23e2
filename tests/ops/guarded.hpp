// SPDX-License-Identifier: Apache-2.0
// An array between two guard zones, filled with a poison that no computation gives.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/tensor.hpp"

namespace convoy::test {

template <class T>
class Guarded {
 public:
  // `shift` elements off the alignment that a Buffer has.
  explicit Guarded(Index size, Index shift = 0)
      : memory_(size + 2 * kGuard + shift), size_(size), begin_(kGuard + shift) {
    poison();
  }

  T* data() { return memory_.data() + begin_; }
  const T* data() const { return memory_.data() + begin_; }
  Index size() const { return size_; }
  T& operator[](Index i) { return data()[i]; }
  const T& operator[](Index i) const { return data()[i]; }

  void poison() { std::memset(memory_.data(), kByte, bytes(memory_.size())); }
  bool is_poison(Index i) const {
    T poisoned;
    std::memset(&poisoned, kByte, sizeof(T));
    return std::memcmp(data() + i, &poisoned, sizeof(T)) == 0;
  }
  bool guards_hold() const {
    for (Index i = -begin_; i < 0; ++i) {
      if (!is_poison(i)) return false;
    }
    for (Index i = size_; i < size_ + kGuard; ++i) {
      if (!is_poison(i)) return false;
    }
    return true;
  }

 private:
  static constexpr Index kGuard = 64;
  static constexpr int kByte = 0xFA;  // as a float: about -6.5e35
  static std::size_t bytes(Index n) { return static_cast<std::size_t>(n) * sizeof(T); }

  Buffer<T> memory_;
  Index size_;
  Index begin_;
};

}  // namespace convoy::test
