// SPDX-License-Identifier: Apache-2.0
// Standard input as a file, so that each format can be read from it as from any file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace convoy::app {

inline constexpr const char* kStandardInput = "-";

// The most bytes that are taken from standard input; they are kept in memory.
inline constexpr std::uint64_t kMostStandardInput = std::uint64_t{1} << 30;

// A copy of all that standard input still holds, in a file without a name.
class StandardInputCopy {
 public:
  // Throws SystemError(io), and UserError(bad_data) for more than kMostStandardInput bytes.
  StandardInputCopy();
  ~StandardInputCopy();
  StandardInputCopy(const StandardInputCopy&) = delete;
  StandardInputCopy& operator=(const StandardInputCopy&) = delete;

  int descriptor() const { return descriptor_; }  // at position 0
  std::filesystem::path path() const;             // as long as this object lives

 private:
  int descriptor_ = -1;
};

}  // namespace convoy::app
