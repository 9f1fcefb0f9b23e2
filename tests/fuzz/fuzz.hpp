// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets have in common: a target says how a reader takes an input, and a reader may
// do two things with it, read it or refuse it with a UserError. Every other exception, a broken
// contract, and whatever the sanitizers see, is a finding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace convoy::fuzz {

using Input = std::span<const std::uint8_t>;

// Defined by each target: whether the reader took the input. (Where CONVOY_FUZZ_GOOD is set in the
// environment, one that is not taken is a finding: so seeds are known to reach the deep code.)
bool takes(Input input);

inline std::string_view text_of(Input input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

// The input as a file, in memory.
class MemoryFile {
 public:
  explicit MemoryFile(Input input);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const;

 private:
  int descriptor_ = -1;
};

// Whether `read` returns; false where it throws a UserError of a bad input (with a message).
bool reads(const std::function<void()>& read);

// Ends the process: a finding.
[[noreturn]] void report(std::string_view what);

}  // namespace convoy::fuzz
