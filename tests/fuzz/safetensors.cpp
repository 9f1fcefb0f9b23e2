// SPDX-License-Identifier: Apache-2.0
// Files of the safetensors format, whatever they hold.
#include "train/safetensors.hpp"

#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  return reads([&] {
    const safetensors::Reader reader(file.path());
    for (const auto& [name, entry] : reader.tensors()) {
      std::vector<float> values(static_cast<std::size_t>(entry.size));
      reader.read(entry, values);
    }
  });
}
