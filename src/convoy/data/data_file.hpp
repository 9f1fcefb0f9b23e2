// SPDX-License-Identifier: Apache-2.0
// A file of a data set, read once from front to end. Plain or gzip, told by its first bytes and
// never by its name; gzip is decompressed straight into the reader's memory, and its checksum is
// verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace convoy {

// Sizes and positions are those of the content, after decompression.
class DataFile {
 public:
  // Throws UserError(bad_data) where this is no file that can be read, or is empty.
  explicit DataFile(const std::filesystem::path& path);
  ~DataFile();

  const std::string& name() const { return name_; }

  // How many bytes the content has. Exact for a plain file. For gzip, whose trailer can lie, the
  // content is counted; `expected` is taken without counting where the trailer agrees with it and
  // the ratio is an ordinary one, so that nothing is allocated on the word of a header alone.
  std::uint64_t size(std::optional<std::uint64_t> expected = std::nullopt) const;

  // Fills `out`. `what` names the place for the error of a file that ends inside.
  void read(std::span<std::uint8_t> out, std::string_view what);

  // The content ends here; more of it, or a damaged end, throws.
  void expect_end();

  // Throws UserError(bad_data): this file, why, and that an intact copy is wanted.
  [[noreturn]] void refuse(std::string_view problem, std::string_view why) const;

 private:
  struct Source;
  std::size_t read_some(std::span<std::uint8_t> out);  // less only at the end of the content
  std::uint64_t count() const;

  std::string name_;
  std::unique_ptr<Source> source_;
  std::uint64_t position_ = 0;
};

}  // namespace convoy
