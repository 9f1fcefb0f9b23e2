// SPDX-License-Identifier: Apache-2.0
// A file of a data set or of pictures, read once from front to end. Plain or gzip, told by its
// first bytes and never by its name; gzip is decompressed straight into the reader's memory, and
// its checksum is verified. Several gzip members in a row are one content. Zero bytes behind the
// last member are padding and are passed over, as zlib, GNU gzip and Python do; what follows such
// zeros is refused, because those three disagree on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace convoy {

// Sizes and positions are those of the content, after decompression. Every member that reads throws
// Error(io) where the system cannot read (permission, a failing disk), and UserError(bad_data)
// where gzip is damaged. Not to be shared between threads.
class DataFile {
 public:
  // Also throws UserError(not_found) where there is no such file, and UserError(bad_data) where it
  // is no regular file or is empty.
  explicit DataFile(const std::filesystem::path& path);
  // What is still to be read from an open descriptor (a pipe, say), which stays the caller's.
  // `name` stands for it in messages. size() cannot be asked of it.
  DataFile(int descriptor, std::string name);
  ~DataFile();

  const std::string& name() const { return name_; }

  // How many bytes the content has. Exact for a plain file. For gzip, whose trailer can lie, the
  // content is counted; `expected` is taken without counting where the trailer agrees with it and
  // the ratio is an ordinary one, so that nothing is allocated on the word of a header alone.
  std::uint64_t size(std::optional<std::uint64_t> expected = std::nullopt) const;

  // Fills `out`. `what` names the place for the error of a file that ends inside.
  void read(std::span<std::uint8_t> out, std::string_view what);

  // Fills as much of `out` as there is, and says how much: less than all of it at the end only.
  std::size_t read_some(std::span<std::uint8_t> out);

  // The content ends here; more of it, or a damaged end, throws.
  void expect_end();

  // Throws UserError(bad_data): this file, why, and the remedy.
  [[noreturn]] void refuse(
      std::string_view problem, std::string_view why,
      std::string_view remedy = "put an intact copy of the file in its place") const;

 private:
  struct Source;
  void open();  // looks at the first bytes
  std::uint64_t count() const;

  std::string name_;
  std::unique_ptr<Source> source_;
  std::uint64_t position_ = 0;
};

}  // namespace convoy
