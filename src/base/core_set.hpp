// SPDX-License-Identifier: Apache-2.0
// The cores on which a thread may run, as the kernel keeps them for each thread.
#pragma once

#include <array>
#include <vector>

namespace convoy {

// A value of fixed size: nothing is allocated. Linux; elsewhere always empty.
class CoreSet {
 public:
  static constexpr int kMost = 8192;  // cores; those of a higher number are not seen

  // Those of the calling thread; empty where the kernel does not say.
  static CoreSet of_this_thread();

  // From here on the calling thread runs on these; false, and nothing changed, where the kernel
  // refuses.
  bool apply() const;

  void add(int core);  // a number below 0 or from kMost on is passed over
  bool contains(int core) const;
  int count() const;
  std::vector<int> numbers() const;  // ascending
  bool operator==(const CoreSet&) const = default;

 private:
  static constexpr int kWordBits = static_cast<int>(8 * sizeof(unsigned long));
  std::array<unsigned long, kMost / kWordBits> words_{};
};

}  // namespace convoy
