// SPDX-License-Identifier: Apache-2.0
// The common part of the fuzz targets. A target passes an input to a reader, which may read it or
// refuse it with a UserError. Every other exception, a broken contract, and every report of a
// sanitizer is a finding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace convoy::fuzz {

using Input = std::span<const std::uint8_t>;

// Each target defines it: whether the reader accepted the input. (Where CONVOY_FUZZ_GOOD is set in
// the environment, a refused input is a finding, so the good seeds reach the deep code.)
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

// Ends the process with a finding.
[[noreturn]] void report(std::string_view what);

}  // namespace convoy::fuzz
