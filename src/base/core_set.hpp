// SPDX-License-Identifier: Apache-2.0
// The cores on which a thread may run, as the kernel keeps them for each thread.
#pragma once

#include <array>
#include <vector>

namespace convoy {

// A value of fixed size, which allocates nothing. On systems other than Linux it is always empty.
class CoreSet {
 public:
  static constexpr int kMost = 8192;  // cores; higher core numbers are ignored

  // The cores of the calling thread; empty where the kernel does not tell them.
  static CoreSet of_this_thread();

  // Restricts the calling thread to these cores. Returns false, and changes nothing, where the
  // kernel refuses.
  bool apply() const;

  void add(int core);  // ignores a number below 0 or from kMost on
  bool contains(int core) const;
  int count() const;
  std::vector<int> numbers() const;  // ascending
  bool operator==(const CoreSet&) const = default;

 private:
  static constexpr int kWordBits = static_cast<int>(8 * sizeof(unsigned long));
  std::array<unsigned long, kMost / kWordBits> words_{};
};

}  // namespace convoy
