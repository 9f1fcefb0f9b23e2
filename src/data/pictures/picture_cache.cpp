// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/picture_cache.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "base/tensor.hpp"
#include "data/picture/picture.hpp"
#include "data/picture/resize.hpp"
#include "data/pictures/mapped_file.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

using ByteSpan = std::span<const std::byte>;

constexpr std::string_view kMagic("convoy.pictures\0", 16);
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kNumbersAt = 16, kNumbers = 8;
constexpr std::size_t kKeyAt = 80, kDigestAt = 144, kHexDigits = 64, kZerosAt = 208;
constexpr std::size_t kHeader = 4096;
constexpr std::size_t kLongestMessage = 8192;  // a path has up to 4096 bytes
constexpr std::uint64_t kSyncedAtOnce = std::uint64_t{256} << 20;
constexpr std::string_view kEnding = ".pictures";

// The numbers of the header, in their order.
struct Numbers {
  std::uint64_t version = kVersion, bytes = 0;
  std::uint64_t height = 0, width = 0, channels = 0;
  std::uint64_t listed = 0, images = 0, bad = 0;
};
static_assert(sizeof(Numbers) == kNumbers * sizeof(std::uint64_t));

using Header = std::array<std::byte, kHeader>;

void put(std::span<std::byte> place, ByteSpan bytes) {
  CONVOY_ASSERT(bytes.size() <= place.size());
  std::ranges::copy(bytes, place.begin());
}

Header header_of(const Numbers& numbers, std::string_view key) {
  Header header{};
  const std::span<std::byte> all(header);
  const auto values = std::bit_cast<std::array<std::uint64_t, kNumbers>>(numbers);
  put(all, std::as_bytes(std::span(kMagic)));
  put(all.subspan(kNumbersAt),
      LittleEndian<std::uint64_t>(std::span<const std::uint64_t>(values)).bytes());
  put(all.subspan(kKeyAt), std::as_bytes(std::span(key)));
  return header;
}

std::string_view text_at(const Header& header, std::size_t at, std::size_t length) {
  return {reinterpret_cast<const char*>(header.data()) + at, length};
}

std::vector<std::byte> list_of(std::span<const BadPicture> bad) {
  std::vector<std::byte> list;
  const auto append = [&](ByteSpan bytes) { list.insert(list.end(), bytes.begin(), bytes.end()); };
  for (const BadPicture& picture : bad) {
    const std::string_view message = std::string_view(picture.message).substr(0, kLongestMessage);
    const std::uint64_t numbers[] = {picture.picture, message.size()};
    append(LittleEndian<std::uint64_t>(std::span<const std::uint64_t>(numbers)).bytes());
    append(std::as_bytes(std::span(message)));
  }
  return list;
}

// The text of the key is digested as it is made, because a set may have millions of pictures.
class KeyText {
 public:
  void line(std::string_view text) {
    digest_.update(std::span<const char>(text));
    digest_.update(std::span<const char>(std::string_view("\n")));
  }
  std::string hex() { return digest_.hex(); }

 private:
  Sha256 digest_;
};

// A reader of one file.
class Reading {
 public:
  Reading(const InputFile& file, PictureProgress& progress) : file_(file), progress_(progress) {}

  [[noreturn]] void refuse(std::string_view why) const {
    throw UserError(
        Fault::bad_data,
        fmt::format("the file of decoded pictures {} is damaged", printable(file_.path.string())),
        why, "remove it");
  }

  PictureCacheContent content(std::string_view key, std::size_t listed) {
    if (file_.size < kHeader) refuse("it is too short");
    read_at(file_, 0, header_);
    const Numbers numbers = checked_numbers(key, listed);
    check_digest(listed);
    return {{static_cast<Index>(numbers.height), static_cast<Index>(numbers.width),
             static_cast<Index>(numbers.channels)},
            static_cast<Index>(numbers.images),
            bad_pictures(numbers)};
  }

 private:
  Numbers checked_numbers(std::string_view key, std::size_t listed) {
    if (text_at(header_, 0, kMagic.size()) != kMagic) refuse("it does not begin as one");
    std::array<std::uint64_t, kNumbers> values{};
    std::ranges::copy(ByteSpan(header_).subspan(kNumbersAt, sizeof values),
                      std::as_writable_bytes(std::span(values)).begin());
    from_little_endian<std::uint64_t>(values);
    const auto numbers = std::bit_cast<Numbers>(values);
    if (numbers.version != kVersion) refuse("it has another version");
    if (numbers.bytes != file_.size) {
      refuse(fmt::format("it has {} bytes and states {}", file_.size, numbers.bytes));
    }
    if (text_at(header_, kKeyAt, kHexDigits) != key) refuse("it is of other pictures");
    const bool is_possible = numbers.listed == listed && numbers.images <= listed &&
                             numbers.bad == listed - numbers.images && numbers.height > 0 &&
                             numbers.width > 0 && numbers.channels > 0;
    if (!is_possible) refuse("its numbers contradict each other");
    images_end_ = kHeader;
    std::uint64_t pixels = numbers.images;
    for (const std::uint64_t size : {numbers.height, numbers.width, numbers.channels}) {
      if (size > PictureLimits{}.most_pixels * std::uint64_t{3} ||
          __builtin_mul_overflow(pixels, size, &pixels)) {
        refuse("its images are too large");
      }
    }
    if (pixels > file_.size - kHeader) refuse("it is shorter than its images");
    images_end_ += static_cast<std::size_t>(pixels);
    return numbers;
  }

  void check_digest(std::size_t listed) {
    constexpr std::size_t kChunk = std::size_t{1} << 20;
    Sha256 digest;
    std::vector<std::byte> chunk(std::min(kChunk, file_.size - kHeader));
    for (std::size_t at = kHeader; at < file_.size; at += chunk.size()) {
      chunk.resize(std::min(kChunk, file_.size - at));
      read_at(file_, at, chunk);
      digest.update(ByteSpan(chunk));
      const double part = static_cast<double>(at) / static_cast<double>(file_.size);
      progress_.at(static_cast<std::size_t>(part * static_cast<double>(listed)));
    }
    digest.update(ByteSpan(header_).first(kDigestAt));
    if (digest.hex() != text_at(header_, kDigestAt, kHexDigits)) refuse("its digest is wrong");
    const auto zeros = ByteSpan(header_).subspan(kZerosAt);
    if (std::ranges::any_of(zeros, [](std::byte b) { return b != std::byte{0}; })) {
      refuse("its header holds more than it should");
    }
  }

  std::vector<BadPicture> bad_pictures(const Numbers& numbers) {
    std::vector<std::byte> list(file_.size - images_end_);
    read_at(file_, images_end_, list);
    ByteSpan rest(list);
    std::vector<BadPicture> bad;
    std::uint64_t lowest = 0;
    for (std::uint64_t i = 0; i < numbers.bad; ++i) {
      std::array<std::uint64_t, 2> place{};  // in the listing; length of the message
      if (rest.size() < sizeof place) refuse("its list of bad pictures ends too early");
      std::ranges::copy(rest.first(sizeof place), std::as_writable_bytes(std::span(place)).begin());
      from_little_endian<std::uint64_t>(place);
      rest = rest.subspan(sizeof place);
      if (place[0] < lowest || place[0] >= numbers.listed || place[1] > kLongestMessage ||
          place[1] > rest.size()) {
        refuse("its list of bad pictures is wrong");
      }
      const auto length = static_cast<std::size_t>(place[1]);
      bad.push_back({static_cast<std::size_t>(place[0]),
                     std::string(reinterpret_cast<const char*>(rest.data()), length)});
      rest = rest.subspan(length);
      lowest = place[0] + 1;
    }
    if (!rest.empty()) refuse("its list of bad pictures has a rest");
    return bad;
  }

  const InputFile& file_;
  PictureProgress& progress_;
  Header header_{};
  std::size_t images_end_ = kHeader;
};

// The images of an open file.
Source mapped_images(const FileDescriptor& descriptor, const fs::path& file, const Shape& image,
                     Index images) {
  Source source{.image = image, .images = images};
  const auto bytes = static_cast<std::size_t>(images * image.size());
  if (bytes == 0) return source;
  const auto start = map_file(descriptor, kHeader + bytes, file);
  source.data = start.get() + kHeader;
  source.owner = start;
  return source;
}

// Removes what killed processes left. A process that still writes holds a lock on its file; it
// takes the lock within less than the minute that a file is spared.
void remove_abandoned(const fs::path& folder) {
  std::error_code ignored;
  const auto old = fs::file_time_type::clock::now() - std::chrono::minutes(1);
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const fs::path& path = entry->path();
    const bool is_ours = is_temporary(path) &&
                         path.filename().string().find(kEnding) == kHexDigits &&
                         !entry->is_symlink(ignored) && entry->is_regular_file(ignored);
    if (!is_ours || entry->last_write_time(ignored) > old) continue;
    if (::access(path.c_str(), W_OK) != 0 || is_locked(path)) continue;
    ::unlink(path.c_str());
  }
}

}  // namespace

std::string picture_cache_key(const Listing& listing, const DataOptions& options) {
  KeyText text;
  std::error_code ignored;
  const fs::path root = fs::weakly_canonical(listing.root, ignored);
  text.line("convoy.pictures/2");
  text.line(picture_rules());
  text.line(fmt::format("input {}", to_string(options.input)));
  text.line(fmt::format("resize {}", to_string(options.resize)));
  const std::string folder = (ignored ? listing.root : root).string();
  text.line(fmt::format("root {} {}", folder.size(), folder));
  for (const ListedPicture& picture : listing.pictures) {
    const auto& [bytes, modified, changed, inode] = picture.file;
    text.line(fmt::format("{} {} {} {} {} {}", bytes, modified, changed, inode, picture.path.size(),
                          picture.path));
  }
  return text.hex();
}

fs::path picture_cache_folder(const std::string& option) {
  if (!option.empty()) return option;
  const auto folder_of = [](const char* variable) {
    const char* value = std::getenv(variable);
    return fs::path(value != nullptr && *value == '/' ? value : "");
  };
  fs::path cache = folder_of("XDG_CACHE_HOME");
  if (cache.empty()) {
    cache = folder_of("HOME");
    if (!cache.empty()) cache /= ".cache";
  }
  return cache.empty() ? cache : cache / "convoy" / "pictures";
}

fs::path picture_cache_file(const fs::path& folder, std::string_view key) {
  return folder / fmt::format("{}{}", key, kEnding);
}

PictureCacheContent read_picture_cache(const InputFile& file, std::string_view key,
                                       std::size_t listed, PictureProgress& progress) {
  return Reading(file, progress).content(key, listed);
}

CachedPictures open_picture_cache(const fs::path& path, std::string_view key, std::size_t listed,
                                  PictureProgress& progress) {
  const InputFile file = open_input(path, "file of decoded pictures");
  PictureCacheContent content = read_picture_cache(file, key, listed, progress);
  return {mapped_images(file.descriptor, path, content.image, content.images),
          std::move(content.bad), file.size};
}

struct PictureCacheWriter::State {
  fs::path file;
  std::string key;
  Shape image;
  std::size_t listed = 0;
  NewFile fresh;
  Sha256 digest = {};
  Index images = 0;
  std::uint64_t unsynced = 0;  // bytes
};

PictureCacheWriter::PictureCacheWriter(const fs::path& file, std::string key, const Shape& image,
                                       std::size_t listed) {
  make_folders(file.parent_path());
  remove_abandoned(file.parent_path());
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(image.size()), listed, &bytes) ||
      bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()} - kHeader) {
    throw UserError(Fault::unavailable, "the pictures are too many",
                    fmt::format("{} of {}", listed, to_string(image)), "give a smaller input");
  }
  state_ = std::shared_ptr<State>(new State{file, std::move(key), image, listed, NewFile(file)});
  state_->fresh.lock();
  state_->fresh.reserve(kHeader + bytes);
  state_->fresh.write(Header{});
}

void PictureCacheWriter::add(std::span<const std::uint8_t> image) {
  CONVOY_ASSERT(static_cast<Index>(image.size()) == state_->image.size());
  const auto bytes = std::as_bytes(image);
  state_->digest.update(bytes);
  state_->fresh.write(bytes);
  ++state_->images;
  // In parts, so that the caller is heard of between them.
  state_->unsynced += bytes.size();
  if (state_->unsynced < kSyncedAtOnce) return;
  state_->fresh.sync();
  state_->unsynced = 0;
}

CachedPictures PictureCacheWriter::finish(std::vector<BadPicture> bad) {
  State& s = *state_;
  const std::vector<std::byte> list = list_of(bad);
  s.digest.update(ByteSpan(list));
  s.fresh.write(list);
  const auto count = [](auto number) { return static_cast<std::uint64_t>(number); };
  const Numbers numbers{.bytes = kHeader + count(s.images * s.image.size()) + list.size(),
                        .height = count(s.image.height),
                        .width = count(s.image.width),
                        .channels = count(s.image.channels),
                        .listed = s.listed,
                        .images = count(s.images),
                        .bad = bad.size()};
  Header header = header_of(numbers, s.key);
  s.digest.update(ByteSpan(header).first(kDigestAt));
  const std::string digest = s.digest.hex();
  put(std::span(header).subspan(kDigestAt), std::as_bytes(std::span(digest)));
  s.fresh.write_at(0, header);
  s.fresh.cut(numbers.bytes);
  CachedPictures result{mapped_images(s.fresh.descriptor(), s.file, s.image, s.images),
                        std::move(bad), numbers.bytes};
  s.fresh.make_read_only();
  s.fresh.keep_synced();
  state_.reset();
  return result;
}

}  // namespace convoy
