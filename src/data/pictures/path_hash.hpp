// SPDX-License-Identifier: Apache-2.0
// SHA-256 of paths, as numbers that order or choose pictures.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace convoy {

// One object hashes any number of texts. Threads must not share it.
class PathHash {
 public:
  PathHash();
  ~PathHash();
  PathHash(const PathHash&) = delete;
  PathHash& operator=(const PathHash&) = delete;

  // The first and the second 8 bytes of the digest, as big-endian numbers.
  std::array<std::uint64_t, 2> operator()(std::string_view text);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace convoy
