// SPDX-License-Identifier: Apache-2.0
// Archives of NumPy arrays: data sets, and the members of every zip archive.
#include "data/npz.hpp"

#include <algorithm>
#include <vector>

#include "data/zip.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const MemoryFile file(input);
  const bool is_set = reads([&] { read_npz(file.path()); });
  const bool is_archive = reads([&] {
    const ZipArchive archive(file.path());
    for (const ZipEntry& entry : archive.entries()) {
      reads([&] {
        const auto member = archive.open(entry.name);
        std::vector<std::uint8_t> content(std::min<std::uint64_t>(member->size(), 1 << 20));
        member->read(content, "the content");
        member->expect_end();
        if (member->size() != content.size()) report("a member has two sizes");
      });
    }
  });
  if (is_set && !is_archive) report("a data set is no archive");
  return is_set;
}
