// SPDX-License-Identifier: Apache-2.0
// Files of CIFAR-10, one alone and two in a row.
#include "data/cifar.hpp"

#include <array>

#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  return reads([&] {
    const std::array files = {file.path(), file.path()};
    const Index one = read_cifar(std::span(files).first(1)).size();
    if (read_cifar(files).size() != 2 * one) report("records are missing");
  });
}
