// SPDX-License-Identifier: Apache-2.0
// A program compiled and linked with -ffast-math (gcc's start-up code then makes the processor
// flush denormals to zero) and the like. It prints whether the flags took effect, then its digests.
#include <cstdio>

#include "tests/runtime/user/training.hpp"

int main() {
  volatile float denormal = 0x1p-140F;
  const float product = denormal * 1.0F;
  std::printf("%s\n%s", product == 0 ? "flushes" : "keeps",
              convoy::test::train_as_a_user().c_str());
}
