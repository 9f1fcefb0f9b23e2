// SPDX-License-Identifier: Apache-2.0
// A file of a data set or of pictures, read once from front to end. It is plain or gzip; its first
// bytes tell which, never its name. gzip is decompressed straight into the reader's memory, and its
// checksum is verified. Several gzip members in a row form one content. Zero bytes after the last
// member are padding and are skipped, as zlib, GNU gzip and Python do; other bytes after such zeros
// are refused, because those three programs disagree on them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "data/content.hpp"

namespace convoy {

class DataFile final : public Content {
 public:
  // Also throws UserError(not_found) where the file does not exist, and UserError(bad_data) where
  // it is not a regular file or is empty.
  explicit DataFile(const std::filesystem::path& path);
  // Reads an open descriptor, which the caller still owns, from its position on. Messages call it
  // `name`, and say `remedy` where its content is wrong. size() may only be called where it is that
  // of a regular file whose position was 0.
  DataFile(int descriptor, std::string name, std::string remedy);
  ~DataFile() override;

  // For a plain file it is the file's size. A gzip trailer can be wrong, so the content is counted;
  // `expected` is returned without counting where the trailer agrees with it and the compression
  // ratio is an ordinary one. So a header alone never decides how much memory is allocated.
  std::uint64_t size(std::optional<std::uint64_t> expected) const override;
  using Content::size;

  std::size_t read_some(std::span<std::uint8_t> out) override;

 private:
  struct Source;
  void open();  // reads the first bytes
  std::uint64_t count() const;

  std::unique_ptr<Source> source_;
};

}  // namespace convoy
