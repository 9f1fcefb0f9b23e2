// SPDX-License-Identifier: Apache-2.0
#include "fetch/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "fetch/part_file.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;
using Sink = std::function<void(std::span<const std::byte>)>;

Reader make_reader() {
  Reader reader(archive_read_new(), archive_read_free);
  if (!reader) throw std::bad_alloc();
  archive_read_support_filter_gzip(reader.get());
  return reader;
}

std::string reason(archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "it cannot be read";
}

bool open(archive* reader, const fs::path& file) {
  constexpr std::size_t kBlock = std::size_t{64} * 1024;
  return archive_read_open_filename(reader, file.c_str(), kBlock) == ARCHIVE_OK;
}

// Compares what was read with what is published. `name` is that of the content.
std::string mismatch(const std::string& name, const Checksum& wanted, std::uint64_t bytes,
                     Sha256& digest) {
  if (wanted.bytes != 0 && bytes < wanted.bytes)
    return fmt::format("{} has {} bytes instead of {}", name, bytes, wanted.bytes);
  if (wanted.sha256.empty()) return {};
  const std::string found = digest.hex();
  if (found == wanted.sha256) return {};
  return fmt::format("{} has SHA-256 {} instead of {}", name, found, wanted.sha256);
}

// Passes the content of the current entry to `sink`. It stops at the first byte too many, so that a
// decompression bomb costs no more than the right file.
std::string read_content(archive* reader, const RemoteFile& wanted, std::uint64_t most_bytes,
                         const Sink& sink) {
  const std::uint64_t most = wanted.content.bytes != 0 ? wanted.content.bytes : most_bytes;
  std::vector<std::byte> block(std::size_t{64} * 1024);
  Sha256 digest;
  std::uint64_t bytes = 0;
  for (;;) {
    const la_ssize_t n = archive_read_data(reader, block.data(), block.size());
    if (n < 0) return reason(reader);
    if (n == 0) return mismatch(wanted.name, wanted.content, bytes, digest);
    const auto got = std::span(block).first(static_cast<std::size_t>(n));
    bytes += got.size();
    if (bytes > most) return fmt::format("{} has more than {} bytes", wanted.name, most);
    digest.update(std::span<const std::byte>(got));
    sink(got);
  }
}

// A wanted file, and the name under which an archive holds it.
struct Entry {
  const RemoteFile* file = nullptr;
  std::string name;

  bool is_packed() const { return name != file->name; }
};

// What is read is that of the archive: of NAME.gz, the content is checked when the file is there.
std::string unpack_entry(archive* reader, const Entry& entry, std::uint64_t most_bytes,
                         const fs::path& folder) {
  PartFile part(folder / (entry.name + ".part"));
  part.clear();
  const Sink append = [&](std::span<const std::byte> bytes) { part.append(bytes); };
  std::string error = entry.is_packed() ? read_content(reader, {entry.name, {}}, most_bytes, append)
                                        : read_content(reader, *entry.file, most_bytes, append);
  if (error.empty() && entry.is_packed()) {
    error = content_error(part.path(), *entry.file, most_bytes);
  }
  error.empty() ? part.keep_as(folder / entry.name) : part.remove();
  return error;
}

// Without a file where the entry is none that is wanted.
Entry find_wanted(std::span<const RemoteFile> wanted, archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  if (!path || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
    return {};
  const std::string_view whole = path;
  const std::string_view name = whole.substr(whole.find_last_of('/') + 1);  // npos + 1 is 0
  const auto has_name = [&](const RemoteFile& file) {
    return name == file.name || name == file.name + ".gz";
  };
  const auto it = std::ranges::find_if(wanted, has_name);
  return it == wanted.end() ? Entry{} : Entry{&*it, std::string(name)};
}

}  // namespace

std::string content_error(const fs::path& file, const RemoteFile& wanted,
                          std::uint64_t most_bytes) {
  const Reader reader = make_reader();
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (!open(reader.get(), file)) return reason(reader.get());
  const int header = archive_read_next_header(reader.get(), &entry);
  if (header == ARCHIVE_EOF) return fmt::format("{} has 0 bytes", wanted.name);
  if (header != ARCHIVE_OK) return reason(reader.get());
  return read_content(reader.get(), wanted, most_bytes, [](std::span<const std::byte>) {});
}

std::string checksum_error(const fs::path& file, const Checksum& wanted) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw SystemError(Fault::io, "open", file.string(), std::strerror(errno));
  std::vector<char> block(std::size_t{64} * 1024);
  Sha256 digest;
  std::uint64_t bytes = 0;
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = std::span(block).first(static_cast<std::size_t>(stream.gcount()));
    bytes += got.size();
    digest.update(std::as_bytes(got));
  }
  if (stream.bad()) throw SystemError(Fault::io, "read", file.string(), std::strerror(errno));
  if (wanted.bytes != 0 && bytes > wanted.bytes)
    return fmt::format("the file has {} bytes instead of {}", bytes, wanted.bytes);
  return mismatch("the file", wanted, bytes, digest);
}

std::string unpack(const fs::path& archive_file, std::span<const RemoteFile> wanted,
                   std::uint64_t most_bytes, const fs::path& folder) {
  const Reader reader = make_reader();
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  if (!open(reader.get(), archive_file)) return reason(reader.get());
  std::vector<std::string> missing;
  for (const RemoteFile& file : wanted) missing.push_back(file.name);
  std::uint64_t bytes = 0;
  while (!missing.empty()) {
    archive_entry* header = nullptr;
    const int result = archive_read_next_header(reader.get(), &header);
    if (result == ARCHIVE_EOF) break;
    if (result < ARCHIVE_WARN) return reason(reader.get());
    // An entry that is skipped is decompressed, too; headers of entries are not among their bytes.
    bytes += static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(header), 0));
    const auto read =
        static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(reader.get(), 0), 0));
    if (std::max(bytes, read / 2) > most_bytes)
      return fmt::format("its entries have more than {} bytes", most_bytes);
    const Entry entry = find_wanted(wanted, header);
    if (entry.file == nullptr || std::ranges::count(missing, entry.file->name) == 0) continue;
    if (std::string error = unpack_entry(reader.get(), entry, most_bytes, folder); !error.empty())
      return error;
    std::erase(missing, entry.file->name);
  }
  return missing.empty() ? "" : fmt::format("it does not hold {}", fmt::join(missing, ", "));
}

}  // namespace convoy::app
