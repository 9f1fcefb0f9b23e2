// SPDX-License-Identifier: Apache-2.0
#include "base/core_set.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <bit>

namespace convoy {

CoreSet CoreSet::of_this_thread() {
  CoreSet set;
  // The kernel stores the mask in words of unsigned long, and fills as many as its own mask has.
  if (syscall(SYS_sched_getaffinity, 0, sizeof set.words_, set.words_.data()) < 0) return {};
  return set;
}

bool CoreSet::apply() const {
  return syscall(SYS_sched_setaffinity, 0, sizeof words_, words_.data()) == 0;
}

void CoreSet::add(int core) {
  if (core < 0 || core >= kMost) return;
  words_[static_cast<std::size_t>(core / kWordBits)] |= 1UL << (core % kWordBits);
}

bool CoreSet::contains(int core) const {
  if (core < 0 || core >= kMost) return false;
  return (words_[static_cast<std::size_t>(core / kWordBits)] >> (core % kWordBits) & 1UL) != 0;
}

int CoreSet::count() const {
  int count = 0;
  for (const unsigned long word : words_) count += std::popcount(word);
  return count;
}

std::vector<int> CoreSet::numbers() const {
  std::vector<int> numbers;
  for (int core = 0; core < kMost; ++core) {
    if (contains(core)) numbers.push_back(core);
  }
  return numbers;
}

}  // namespace convoy
