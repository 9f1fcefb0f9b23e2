// SPDX-License-Identifier: Apache-2.0
#include "data/zip_member.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/check.hpp"

namespace convoy {
namespace {

constexpr std::size_t kChunk = std::size_t{64} * 1024;
constexpr std::uint32_t kDeflated = 8;

}  // namespace

void read_at(int descriptor, std::uint64_t offset, std::span<std::uint8_t> out,
             const std::string& name) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(descriptor, out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SystemError(Fault::io, "read", name, errno);
    if (n == 0) throw SystemError(Fault::io, "read", name, "the file became shorter");
    done += static_cast<std::size_t>(n);
  }
}

ZipMember::ZipMember(int descriptor, std::uint64_t begin, ZipEntry entry,
                     const std::string& archive)
    : Content(fmt::format("{} in {}", entry.name, archive),
              "put an intact copy of the archive in its place"),
      descriptor_(descriptor),
      begin_(begin),
      entry_(std::move(entry)),
      archive_(archive) {
  if (!is_deflated()) return;
  if (::inflateInit2(&zlib_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  compressed_.resize(kChunk);
}

ZipMember::~ZipMember() {
  if (is_deflated()) ::inflateEnd(&zlib_);
}

bool ZipMember::is_deflated() const {
  return entry_.method == kDeflated;
}

std::uint64_t ZipMember::size(std::optional<std::uint64_t> /*expected*/) const {
  if (entry_.size / kOrdinaryRatio <= entry_.compressed) return entry_.size;
  ZipMember again(descriptor_, begin_, entry_, archive_);
  std::vector<std::uint8_t> scratch(kChunk);
  while (again.position_ < entry_.size) {
    if (again.read_some(scratch) == 0) break;
  }
  return again.position_;
}

std::size_t ZipMember::inflate_some(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size() && !has_ended_) {
    if (zlib_.avail_in == 0 && taken_ < entry_.compressed) {
      const std::size_t step = std::min<std::uint64_t>(kChunk, entry_.compressed - taken_);
      read_at(descriptor_, begin_ + taken_, std::span(compressed_).first(step), archive_);
      taken_ += step;
      zlib_.next_in = compressed_.data();
      zlib_.avail_in = static_cast<uInt>(step);
    }
    const std::size_t step = std::min<std::size_t>(out.size() - done, 1U << 30);
    zlib_.next_out = out.data() + done;
    zlib_.avail_out = static_cast<uInt>(step);
    const int result = ::inflate(&zlib_, Z_NO_FLUSH);
    const std::size_t got = step - zlib_.avail_out;
    done += got;
    if (result == Z_STREAM_END) {
      has_ended_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      refuse("is damaged", fmt::format("deflate: {}, after {} bytes of content",
                                       zlib_.msg ? zlib_.msg : ::zError(result), position_ + done));
    } else if (got == 0 && zlib_.avail_in == 0 && taken_ == entry_.compressed) {
      break;  // the stream goes on, and its bytes do not
    }
  }
  return done;
}

std::size_t ZipMember::read_some(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  if (is_deflated()) {
    done = inflate_some(out);
  } else {
    done = std::min<std::uint64_t>(out.size(), entry_.size - taken_);
    read_at(descriptor_, begin_ + taken_, out.first(done), archive_);
    taken_ += done;
  }
  for (std::size_t at = 0; at < done;) {
    const std::size_t step = std::min<std::size_t>(done - at, 1U << 30);
    crc_ = static_cast<std::uint32_t>(::crc32(crc_, out.data() + at, static_cast<uInt>(step)));
    at += step;
  }
  position_ += done;
  return done;
}

void ZipMember::expect_end() {
  Content::expect_end();
  if (is_deflated() && (!has_ended_ || taken_ - zlib_.avail_in != entry_.compressed))
    refuse("is damaged", "deflate: its compressed bytes do not end with the content");
  if (position_ != entry_.size)
    refuse("is damaged",
           fmt::format("zip: it has {} bytes and should have {}", position_, entry_.size));
  if (crc_ != entry_.crc)
    refuse("is damaged",
           fmt::format("zip: its CRC-32 is {:08x} and should be {:08x}", crc_, entry_.crc));
}

}  // namespace convoy
