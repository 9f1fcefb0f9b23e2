// SPDX-License-Identifier: Apache-2.0
// Reads a file of pictures from its beginning to its end.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/data_file.hpp"

namespace convoy::app {

// Reads through a buffer, and decompresses gzip. Every member throws the errors of DataFile.
class PictureStream {
 public:
  // "-" is standard input, and is called so in messages.
  explicit PictureStream(const std::string& file);

  const std::string& name() const { return file_.name(); }

  // Returns the next `count` bytes, or fewer at the end, without taking them. Call it before the
  // first byte is taken, with a `count` of at most 64 KiB.
  std::span<const std::uint8_t> beginning(std::size_t count);
  std::size_t read(std::span<std::uint8_t> bytes);  // returns their number
  // Takes the rest, and returns its size or `most`, whichever is less.
  std::uint64_t rest(std::uint64_t most);

 private:
  bool fill();

  DataFile file_;
  std::vector<std::uint8_t> buffer_;
  std::size_t at_ = 0;
};

}  // namespace convoy::app
