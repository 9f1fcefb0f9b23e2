// SPDX-License-Identifier: Apache-2.0
// Files of CIFAR-100, with fine and with coarse labels.
#include "data/cifar.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  return reads([&] {
    const Index fine = read_cifar100(file.path(), Cifar100Labels::fine).size();
    if (read_cifar100(file.path(), Cifar100Labels::coarse).size() != fine) {
      report("records are missing");
    }
  });
}
