// SPDX-License-Identifier: Apache-2.0
// A file of pictures as bytes, one after the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data_file.hpp"

namespace convoy::app {

// Reads through a buffer; gzip is decompressed. Every member throws what DataFile throws.
class PictureStream {
 public:
  // "-": standard input, which is named so in messages.
  explicit PictureStream(const std::string& file);

  const std::string& name() const { return file_.name(); }
  std::uint64_t position() const { return position_; }  // bytes taken

  // As many of the next `count` bytes as there are, which stay to be taken. Before the first byte
  // is taken, and of at most 64 KiB.
  std::span<const std::uint8_t> beginning(std::size_t count);
  int get();                                        // the next byte; -1 at the end
  std::size_t read(std::span<std::uint8_t> bytes);  // how many there were
  // Takes the rest, and counts it up to `most`.
  std::uint64_t rest(std::uint64_t most);

 private:
  bool fill();

  DataFile file_;
  std::vector<std::uint8_t> buffer_;
  std::size_t at_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace convoy::app
