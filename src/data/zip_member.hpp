// SPDX-License-Identifier: Apache-2.0
// The content of one member of a zip archive. Its CRC-32 and its size are verified where the
// content is read to its end.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/content.hpp"
#include "data/zip.hpp"

namespace convoy {

// Fills `out` from `offset` on. Throws SystemError(io) about the file `name` where the system
// cannot read so many bytes.
void read_at(int descriptor, std::uint64_t offset, std::span<std::uint8_t> out,
             const std::string& name);

class ZipMember final : public Content {
 public:
  // `begin`: the offset of the compressed bytes, all of which lie in the file. The descriptor stays
  // the caller's and open.
  ZipMember(int descriptor, std::uint64_t begin, ZipEntry entry, const std::string& archive);
  ~ZipMember() override;

  // The size that the central directory states. Where it is more than kOrdinaryRatio times the
  // compressed bytes, they are decompressed first, to count them.
  std::uint64_t size(std::optional<std::uint64_t> expected) const override;
  using Content::size;
  std::size_t read_some(std::span<std::uint8_t> out) override;
  void expect_end() override;

 private:
  static constexpr std::uint64_t kOrdinaryRatio = 16;

  bool is_deflated() const;
  std::size_t inflate_some(std::span<std::uint8_t> out);

  int descriptor_;
  std::uint64_t begin_;
  ZipEntry entry_;
  std::string archive_;
  std::uint64_t taken_ = 0;  // compressed bytes that were read from the file
  std::uint32_t crc_ = 0;
  z_stream zlib_{};
  bool has_ended_ = false;  // zlib saw the end of its stream
  std::vector<std::uint8_t> compressed_;
};

}  // namespace convoy
