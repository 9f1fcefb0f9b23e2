// SPDX-License-Identifier: Apache-2.0
#include "data/data_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "base/tensor.hpp"

namespace convoy {
namespace {

constexpr std::size_t kChunk = std::size_t{64} * 1024;
constexpr std::uint64_t kOrdinaryRatio = 16;  // images compress by a factor of two to ten

// Archives and compressed formats other than gzip, by their first bytes.
struct Packed {
  std::string_view beginning, what, unpack;
};
constexpr Packed kPacked[] = {
    {{"\xFD"
      "7zXZ\0",
      6},
     "compressed with xz",
     "xz -dc"},
    {"\x28\xB5\x2F\xFD", "compressed with zstd", "zstd -dc"},
    {"PK\3\4", "a zip archive", "unzip -p"},
};

[[noreturn]] void fail_to_open(const std::string& name, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    throw UserError(Fault::not_found, fmt::format("{} does not exist", printable(name)), "",
                    "check the path");
  }
  throw UserError(Fault::io, fmt::format("{} cannot be read", printable(name)),
                  std::generic_category().message(error), "see to its permissions and its disk");
}

}  // namespace

struct DataFile::Source {
  int descriptor = -1;
  bool is_ours = false;
  std::uint64_t file_bytes = 0;
  std::vector<std::uint8_t> head;  // first bytes, inspected by open() and not yet returned by read
  bool gzip = false;
  z_stream zlib{};
  bool between_members = false;  // a gzip member has ended: another may follow, or the content ends
  std::vector<std::uint8_t> compressed;

  ~Source() {
    if (gzip) ::inflateEnd(&zlib);
    if (is_ours && descriptor >= 0) ::close(descriptor);
  }

  std::size_t read(std::uint8_t* out, std::size_t bytes, const std::string& name) {
    std::size_t done = std::min(bytes, head.size());
    std::copy_n(head.begin(), done, out);
    head.erase(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(done));
    while (done < bytes) {
      const ssize_t n = ::read(descriptor, out + done, bytes - done);
      if (n == 0) break;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw SystemError(Fault::io, "read", name, errno);
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  // Reads the next compressed bytes; returns false at the end of the file.
  bool refill(const std::string& name) {
    zlib.next_in = compressed.data();
    zlib.avail_in = static_cast<uInt>(read(compressed.data(), kChunk, name));
    return zlib.avail_in > 0;
  }

  // Skips zeros up to the end of the file or to another byte, which is then the next one. Returns
  // their number.
  std::uint64_t skip_zeros(const std::string& name) {
    std::uint64_t zeros = 0;
    while (zlib.avail_in > 0 || refill(name)) {
      const std::uint8_t* end = zlib.next_in + zlib.avail_in;
      const std::uint8_t* other = std::find_if(static_cast<const std::uint8_t*>(zlib.next_in), end,
                                               [](std::uint8_t b) { return b != 0; });
      zeros += static_cast<std::uint64_t>(other - zlib.next_in);
      zlib.avail_in = static_cast<uInt>(end - other);
      zlib.next_in += other - zlib.next_in;
      if (zlib.avail_in > 0) break;
    }
    return zeros;
  }

  // The last four bytes of a gzip file: the size of its (last) member, modulo 2^32.
  std::uint32_t trailer() const {
    std::array<std::uint8_t, 4> b{};
    if (file_bytes < b.size()) return 0;
    if (::pread(descriptor, b.data(), b.size(), static_cast<off_t>(file_bytes - b.size())) != 4)
      return 0;
    return b[0] | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 | std::uint32_t{b[3]} << 24;
  }
};

DataFile::DataFile(const std::filesystem::path& path)
    : Content(path.string(), "put an intact copy of the file in its place"),
      source_(std::make_unique<Source>()) {
  Source& s = *source_;
  // O_NONBLOCK: open() must not wait where the path is a pipe.
  s.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  s.is_ours = true;
  struct stat facts {};
  if (s.descriptor < 0 || ::fstat(s.descriptor, &facts) != 0) fail_to_open(name(), errno);
  if (!S_ISREG(facts.st_mode))
    refuse(S_ISDIR(facts.st_mode) ? "is a folder, not a file" : "is not a regular file", "",
           "put the file in its place, or name another file");
  s.file_bytes = static_cast<std::uint64_t>(facts.st_size);
  open();
}

DataFile::DataFile(int descriptor, std::string name, std::string remedy)
    : Content(std::move(name), std::move(remedy)), source_(std::make_unique<Source>()) {
  source_->descriptor = descriptor;
  struct stat facts {};
  if (::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode))
    source_->file_bytes = static_cast<std::uint64_t>(facts.st_size);
  open();
}

DataFile::~DataFile() = default;

void DataFile::open() {
  Source& s = *source_;
  std::array<std::uint8_t, 6> first{};
  const std::size_t got = s.read(first.data(), first.size(), name());
  if (got == 0) refuse("is empty", "0 bytes");
  s.head.assign(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got));
  for (const Packed& packed : kPacked) {
    const std::string_view beginning(reinterpret_cast<const char*>(first.data()), got);
    if (beginning.starts_with(packed.beginning))
      refuse(fmt::format("is {}", packed.what), "",
             s.is_ours ? fmt::format("unpack it with `{0} {1} >{1}.unpacked`", packed.unpack,
                                     shell_path(name()))
                       : fmt::format("unpack it first, with `{}`", packed.unpack));
  }
  if (got < 2 || first[0] != 0x1F || first[1] != 0x8B) return;
  constexpr int kGzipOnly = 16;
  if (::inflateInit2(&s.zlib, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  s.gzip = true;
  s.compressed.resize(kChunk);
}

std::size_t DataFile::read_some(std::span<std::uint8_t> out) {
  Source& s = *source_;
  std::size_t done = 0;
  if (!s.gzip) {
    done = s.read(out.data(), out.size(), name());
    position_ += done;
    return done;
  }
  z_stream& z = s.zlib;
  while (done < out.size()) {
    if (z.avail_in == 0 && !s.refill(name())) {
      if (s.between_members) break;
      refuse("is truncated",
             fmt::format("its gzip stream stops after {} bytes of content", position_));
    }
    if (s.between_members) {
      const std::uint64_t zeros = s.skip_zeros(name());
      if (zeros > 0 && z.avail_in == 0) break;
      if (zeros > 0)
        refuse("is damaged", fmt::format("gzip: {} zero bytes stand between two members, after {} "
                                         "bytes of content",
                                         zeros, position_));
      ::inflateReset(&z);
      s.between_members = false;
    }
    const std::size_t step = std::min<std::size_t>(out.size() - done, 1U << 30);
    z.next_out = out.data() + done;
    z.avail_out = static_cast<uInt>(step);
    const int result = ::inflate(&z, Z_NO_FLUSH);
    done += step - z.avail_out;
    position_ += step - z.avail_out;
    if (result == Z_STREAM_END) {
      s.between_members = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      refuse("is damaged", fmt::format("gzip: {}, after {} bytes of content",
                                       z.msg ? z.msg : ::zError(result), position_));
    }
  }
  return done;
}

std::uint64_t DataFile::count() const {
  const int descriptor = source_->descriptor;
  const off_t position = ::lseek(descriptor, 0, SEEK_CUR);
  if (position < 0 || ::lseek(descriptor, 0, SEEK_SET) != 0)
    throw SystemError(Fault::io, "seek", name(), errno);
  DataFile again(descriptor, name(), remedy());
  std::vector<std::uint8_t> scratch(kChunk);
  while (again.read_some(scratch) == scratch.size()) {
  }
  if (::lseek(descriptor, position, SEEK_SET) != position)
    throw SystemError(Fault::io, "seek", name(), errno);
  return again.position_;
}

std::uint64_t DataFile::size(std::optional<std::uint64_t> expected) const {
  if (!source_->gzip) return source_->file_bytes;
  const bool ordinary = expected && *expected / kOrdinaryRatio <= source_->file_bytes;
  if (ordinary && static_cast<std::uint32_t>(*expected) == source_->trailer()) return *expected;
  return count();
}

}  // namespace convoy
