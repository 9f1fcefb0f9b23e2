// SPDX-License-Identifier: Apache-2.0
// Zip archives (PKWARE APPNOTE.TXT 6.3.10), as far as NumPy writes and reads them: members that are
// stored or deflated, in one file, with or without zip64.
//
// The sizes and places of members come from the central directory at the end of the file, since a
// local header may lack them. What is read of a local header has to agree with it. These throw
// UserError(bad_data): encrypted members, other methods of compression, archives of several files,
// two members of one name, a member that does not lie between the beginning of the file and the
// central directory, and content that has not the stated size or CRC-32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/content.hpp"

namespace convoy {

// A member, as the central directory describes it.
struct ZipEntry {
  std::string name;
  std::uint32_t flags = 0, method = 0, crc = 0;
  std::uint64_t compressed = 0, size = 0;  // bytes
  std::uint64_t offset = 0;                // of the local header
};

// Threads must not share an object.
class ZipArchive {
 public:
  // Reads the central directory. Throws as a DataFile does where the file cannot be read.
  explicit ZipArchive(const std::filesystem::path& path);
  // Messages call the file `name`.
  ZipArchive(const std::filesystem::path& path, std::string name);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  // In the order of the central directory.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  bool has(std::string_view member) const;

  // The content of the member `name`, which exists. It may be used while the archive lives.
  std::unique_ptr<Content> open(std::string_view member) const;

  // As Content::refuse(), about the file.
  [[noreturn]] void refuse(std::string_view problem, std::string_view why,
                           std::string_view remedy = "") const;

 private:
  std::vector<std::uint8_t> bytes(std::uint64_t offset, std::uint64_t count) const;
  void read_directory();
  void read_entries(const std::vector<std::uint8_t>& directory, std::uint64_t stated);
  std::uint64_t content_offset(const ZipEntry& entry) const;

  std::string name_;
  int descriptor_ = -1;
  std::uint64_t file_bytes_ = 0, directory_offset_ = 0;
  std::vector<ZipEntry> entries_;
};

// Whether the file begins as a zip archive does; false where it cannot be read.
bool begins_as_zip(const std::filesystem::path& file);

}  // namespace convoy
