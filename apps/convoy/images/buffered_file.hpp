// SPDX-License-Identifier: Apache-2.0
// A file of images whose first bytes can be looked at before they are read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/data_file.hpp"

namespace convoy::app {

// Reads through a buffer, and decompresses gzip. Every member throws the errors of DataFile.
class BufferedFile final : public Content {
 public:
  explicit BufferedFile(std::unique_ptr<DataFile> file);

  // Returns the next `count` bytes, or fewer at the end, without taking them. Call it before the
  // first byte is taken, with a `count` of at most 64 KiB.
  std::span<const std::uint8_t> beginning(std::size_t count);
  std::size_t read_some(std::span<std::uint8_t> out) override;

  std::uint64_t size(std::optional<std::uint64_t> expected) const override;
  using Content::size;

 private:
  bool fill();

  std::unique_ptr<DataFile> file_;
  std::vector<std::uint8_t> buffer_;
  std::size_t at_ = 0;
};

}  // namespace convoy::app
