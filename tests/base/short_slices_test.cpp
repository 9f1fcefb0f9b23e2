// SPDX-License-Identifier: Apache-2.0
#include "base/short_slices.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace convoy {
namespace {

// The calling thread's slice in nanoseconds, 0 where the kernel knows none.
std::uint64_t slice() {
  std::array<std::uint64_t, 6> attributes{};  // struct sched_attr; sched_runtime is at byte 24
  if (syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0) != 0) return 0;
  return attributes[3];
}

TEST(ShortSlices, LastAsLongAsTheObject) {
  const std::uint64_t before = slice();
  if (before == 0) GTEST_SKIP() << "this kernel has no slices to set (Linux 6.12 and later do)";
  {
    const ShortSlices shorter;
    EXPECT_LT(slice(), before);
    {
      const ShortSlices again;
      EXPECT_LT(slice(), before);
    }
    EXPECT_LT(slice(), before);
  }
  EXPECT_EQ(slice(), before);
}

}  // namespace
}  // namespace convoy
