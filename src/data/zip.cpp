// SPDX-License-Identifier: Apache-2.0
#include "data/zip.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "data/zip_member.hpp"

namespace convoy {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034B50, kDirectoryEntry = 0x02014B50,
                        kEndOfDirectory = 0x06054B50, kEndOfDirectory64 = 0x06064B50,
                        kLocator64 = 0x07064B50;
constexpr std::size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                      kLocatorBytes = 20, kLongestComment = 65535;
constexpr std::uint64_t kLargestDirectory = std::uint64_t{64} << 20;
constexpr std::uint32_t kIsEncrypted = 1;
constexpr std::uint32_t kStored = 0, kDeflated = 8;
constexpr std::uint64_t kIn64 = 0xFFFFFFFF;  // the number stands in the zip64 part

// A little-endian number of `width` bytes at `at`.
std::uint64_t number(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = width; i > 0; --i) value = value << 8 | bytes[at + i - 1];
  return value;
}

// Replaces the numbers that stand in the zip64 part of an entry's extra field (4.5.3). Returns
// false where that part lacks one.
bool complete_from_extra(ZipEntry& entry, std::span<const std::uint8_t> extra) {
  constexpr std::uint64_t kZip64 = 1;
  std::span<const std::uint8_t> part;
  while (extra.size() >= 4) {
    const std::size_t bytes = number(extra, 2, 2);
    if (bytes > extra.size() - 4) break;
    if (number(extra, 0, 2) == kZip64) part = extra.subspan(4, bytes);
    extra = extra.subspan(4 + bytes);
  }
  for (std::uint64_t* value : {&entry.size, &entry.compressed, &entry.offset}) {
    if (*value != kIn64) continue;
    if (part.size() < 8) return false;
    *value = number(part, 0, 8);
    part = part.subspan(8);
  }
  return true;
}

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& path) : ZipArchive(path, path.string()) {}

ZipArchive::ZipArchive(const std::filesystem::path& path, std::string name)
    : name_(std::move(name)) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat facts {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &facts) != 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR)
      throw UserError(Fault::not_found, fmt::format("{} does not exist", name_), "",
                      "check the path");
    throw UserError(Fault::io, fmt::format("{} cannot be read", name_),
                    std::generic_category().message(error), "see to its permissions and its disk");
  }
  try {
    if (!S_ISREG(facts.st_mode))
      refuse("is not a regular file", "", "put the file in its place, or name another file");
    file_bytes_ = static_cast<std::uint64_t>(facts.st_size);
    read_directory();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

ZipArchive::~ZipArchive() {
  ::close(descriptor_);
}

void ZipArchive::refuse(std::string_view problem, std::string_view why,
                        std::string_view remedy) const {
  throw UserError(Fault::bad_data, fmt::format("{} {}", printable(name_), problem), why,
                  remedy.empty() ? "put an intact copy of the file in its place" : remedy);
}

std::vector<std::uint8_t> ZipArchive::bytes(std::uint64_t offset, std::uint64_t count) const {
  if (offset > file_bytes_ || count > file_bytes_ - offset)
    refuse("is truncated or damaged",
           fmt::format("zip: {} bytes should stand at byte {}, and the file has {}", count, offset,
                       file_bytes_));
  std::vector<std::uint8_t> result(count);
  read_at(descriptor_, offset, result, name_);
  return result;
}

void ZipArchive::read_directory() {
  const std::uint64_t tail_bytes =
      std::min<std::uint64_t>(file_bytes_, kEndBytes + kLongestComment);
  const std::uint64_t tail_offset = file_bytes_ - tail_bytes;
  const std::vector<std::uint8_t> tail = bytes(tail_offset, tail_bytes);
  // The end of the central directory is the last record of the file, but for a comment.
  std::size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1;
  const auto is_end = [&](std::size_t i) {
    return number(tail, i, 4) == kEndOfDirectory &&
           number(tail, i + 20, 2) == tail.size() - i - kEndBytes;
  };
  while (at > 0 && !is_end(at - 1)) --at;
  if (at == 0)
    refuse("is not a whole zip archive", "its end has no central directory",
           "copy or download it again; np.savez_compressed writes such a file");
  const std::span<const std::uint8_t> end = std::span(tail).subspan(at - 1, kEndBytes);
  std::uint64_t end_offset = tail_offset + at - 1;
  std::uint64_t count = number(end, 10, 2), size = number(end, 12, 4), offset = number(end, 16, 4);
  bool is_split = number(end, 4, 2) != number(end, 6, 2) || number(end, 8, 2) != count;
  if (end_offset >= kLocatorBytes) {
    const auto locator = bytes(end_offset - kLocatorBytes, kLocatorBytes);
    if (number(locator, 0, 4) == kLocator64) {
      const auto end64 = bytes(number(locator, 8, 8), kEnd64Bytes);
      if (number(end64, 0, 4) != kEndOfDirectory64)
        refuse("is damaged",
               "zip: its zip64 end of the central directory is not where it should be");
      end_offset = number(locator, 8, 8);
      count = number(end64, 32, 8);
      size = number(end64, 40, 8);
      offset = number(end64, 48, 8);
      is_split = number(end64, 16, 4) != number(end64, 20, 4) || number(end64, 24, 8) != count;
    }
  }
  if (is_split)
    refuse("is a part of a zip archive of several files", "",
           "join them, for example with zip -s 0");
  if (offset > end_offset || size != end_offset - offset)
    refuse("is damaged",
           fmt::format("zip: its central directory should have {} bytes at byte {}, and ends at "
                       "byte {}",
                       size, offset, end_offset));
  if (size > kLargestDirectory)
    refuse("has too many members", fmt::format("its central directory has {} bytes", size),
           "write an archive with nothing but the arrays of the data set");
  directory_offset_ = offset;
  read_entries(bytes(offset, size), count);
}

void ZipArchive::read_entries(const std::vector<std::uint8_t>& directory, std::uint64_t stated) {
  std::span<const std::uint8_t> rest(directory);
  while (!rest.empty()) {
    const bool is_entry = rest.size() >= kEntryBytes && number(rest, 0, 4) == kDirectoryEntry;
    const std::size_t name = is_entry ? number(rest, 28, 2) : 0;
    const std::size_t extra = is_entry ? number(rest, 30, 2) : 0;
    const std::size_t all = kEntryBytes + name + extra + (is_entry ? number(rest, 32, 2) : 0);
    ZipEntry entry;
    bool is_whole = is_entry && all <= rest.size();
    if (is_whole) {
      entry.flags = static_cast<std::uint32_t>(number(rest, 8, 2));
      entry.method = static_cast<std::uint32_t>(number(rest, 10, 2));
      entry.crc = static_cast<std::uint32_t>(number(rest, 16, 4));
      entry.compressed = number(rest, 20, 4);
      entry.size = number(rest, 24, 4);
      entry.offset = number(rest, 42, 4);
      entry.name.assign(reinterpret_cast<const char*>(rest.data()) + kEntryBytes, name);
      is_whole = complete_from_extra(entry, rest.subspan(kEntryBytes + name, extra));
    }
    if (!is_whole)
      refuse("is damaged",
             fmt::format("zip: entry {} of its central directory is not whole", entries_.size()));
    entries_.push_back(std::move(entry));
    rest = rest.subspan(all);
  }
  if (entries_.size() != stated)
    refuse("is damaged",
           fmt::format("zip: it states {} members and lists {}", stated, entries_.size()));
  std::vector<std::string_view> names;
  for (const ZipEntry& entry : entries_) names.push_back(entry.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end())
    refuse("holds two members of one name", fmt::format("both are called {}", *twice),
           "write an archive in which each array has its own name");
}

bool ZipArchive::has(std::string_view member) const {
  return std::ranges::find(entries_, member, &ZipEntry::name) != entries_.end();
}

// Where the content of a member begins, behind its local header.
std::uint64_t ZipArchive::content_offset(const ZipEntry& entry) const {
  const std::string where =
      fmt::format("zip: the local header of {} at byte {}", entry.name, entry.offset);
  if (entry.offset > directory_offset_ || directory_offset_ - entry.offset < kLocalBytes)
    refuse("is damaged", where + " lies outside of the members");
  const auto header = bytes(entry.offset, kLocalBytes);
  const std::uint64_t name_bytes = number(header, 26, 2), extra_bytes = number(header, 28, 2);
  if (number(header, 0, 4) != kLocalHeader || name_bytes != entry.name.size())
    refuse("is damaged", where + " is not that of this member");
  const auto name = bytes(entry.offset + kLocalBytes, name_bytes);
  if (!std::equal(name.begin(), name.end(), entry.name.begin(),
                  [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }))
    refuse("is damaged", where + " has another name");
  const std::uint64_t begin = entry.offset + kLocalBytes + name_bytes + extra_bytes;
  if (begin > directory_offset_ || entry.compressed > directory_offset_ - begin)
    refuse("is truncated or damaged",
           fmt::format("zip: {} should have {} bytes at byte {}, and the central directory begins "
                       "at byte {}",
                       entry.name, entry.compressed, begin, directory_offset_));
  return begin;
}

std::unique_ptr<Content> ZipArchive::open(std::string_view member) const {
  const auto entry = std::ranges::find(entries_, member, &ZipEntry::name);
  CONVOY_ASSERT(entry != entries_.end());
  if ((entry->flags & kIsEncrypted) != 0)
    refuse("is encrypted", fmt::format("its member {} needs a password", member),
           "write it without a password");
  if (entry->method != kStored && entry->method != kDeflated)
    refuse("is compressed in a way that is not read here",
           fmt::format("its member {} has the method {}", member, entry->method),
           "write it with np.savez_compressed, or with `zip` and its method deflate");
  if (entry->method == kStored && entry->compressed != entry->size)
    refuse("is damaged", fmt::format("zip: {} is stored in {} bytes and should have {}", member,
                                     entry->compressed, entry->size));
  return std::make_unique<ZipMember>(descriptor_, content_offset(*entry), *entry, name_);
}

bool begins_as_zip(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  std::array<std::uint8_t, 4> first{};
  const bool is_read = ::pread(descriptor, first.data(), first.size(), 0) == 4;
  ::close(descriptor);
  const std::uint64_t beginning = number(first, 0, 4);
  return is_read && (beginning == kLocalHeader || beginning == kEndOfDirectory);
}

}  // namespace convoy
