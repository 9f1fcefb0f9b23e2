// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/picture_set.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/memory.hpp"
#include "base/tensor.hpp"
#include "data/pictures/decode_all.hpp"
#include "data/pictures/picture_cache.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNoCache = "none";

// At most 20 are named.
std::string in_lines(std::span<const BadPicture> bad) {
  constexpr std::size_t kMostNamed = 20;
  std::string lines;
  for (const BadPicture& picture : bad.first(std::min(bad.size(), kMostNamed))) {
    lines += "\n  " + picture.message;
  }
  if (bad.size() > kMostNamed) lines += fmt::format("\n  and {} more", bad.size() - kMostNamed);
  return lines;
}

// Which images the set has, after its bad pictures are known.
void complete(PictureSet& set, const Listing& listing, const DataOptions& options) {
  const std::size_t listed = listing.pictures.size();
  if (!set.bad.empty() && (options.bad_images == BadImages::stop || set.source.images == 0)) {
    const bool is_all = set.source.images == 0;
    throw UserError(Fault::bad_data,
                    fmt::format("{} of {} pictures in {} cannot be used", set.bad.size(), listed,
                                printable(listing.root.string())),
                    in_lines(set.bad),
                    is_all ? "replace or remove them"
                           : "replace or remove them, or leave them out with --bad-images skip");
  }
  auto bad = set.bad.begin();
  for (std::size_t picture = 0; picture < listed; ++picture) {
    if (bad != set.bad.end() && bad->picture == picture) {
      ++bad;
    } else {
      set.pictures.push_back(static_cast<std::uint32_t>(picture));
    }
  }
}

// The set as the cache has it; nothing if it has to be made. A file that is there and cannot be
// used is noted.
std::optional<PictureSet> found_in_cache(const fs::path& file, const std::string& key,
                                         const Listing& listing, const DataOptions& options,
                                         std::vector<std::string>& notes) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  PictureProgress progress(options, listing.pictures.size());
  try {
    CachedPictures found = open_picture_cache(file, key, listing.pictures.size(), progress);
    PictureSet set;
    set.source = std::move(found.source);
    set.bad = std::move(found.bad);
    set.cache_file = file;
    set.cache_bytes = found.bytes;
    return set;
  } catch (const Error& error) {
    if (error.fault() == Fault::stopped) throw;
    notes.push_back(fmt::format("{}; the pictures are decoded again", error.problem()));
    return std::nullopt;
  }
}

PictureSet decoded_in_memory(const Listing& listing, const Shape& shape,
                             const DataOptions& options) {
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(shape.size()), listing.pictures.size(),
                             &bytes)) {
    bytes = std::numeric_limits<std::int64_t>::max();
  }
  check_room(bytes, fmt::format("the pictures of {}", printable(listing.root.string())));
  const auto pixels = std::make_shared<std::vector<std::uint8_t>>();
  pixels->reserve(static_cast<std::size_t>(bytes));
  PictureSet set;
  DecodeResult decoded =
      decode_all(listing, shape, options, [&](std::span<const std::uint8_t> image) {
        pixels->insert(pixels->end(), image.begin(), image.end());
      });
  set.bad = std::move(decoded.bad);
  set.lost_colour = decoded.lost_colour;
  set.source = {.image = shape,
                .images = static_cast<Index>(pixels->size()) / shape.size(),
                .data = pixels->data(),
                .owner = pixels};
  return set;
}

[[noreturn]] void fail_to_write(const fs::path& folder, std::string_view why) {
  throw UserError(Fault::io,
                  fmt::format("decoded pictures cannot be kept in {}", printable(folder.string())),
                  why,
                  "make room there, or give another folder with --cache DIR; with --cache none "
                  "they are in memory");
}

// What `action` returns; where it fails, because the cache cannot be written, the message says so.
template <typename Action>
auto written_to(const fs::path& folder, const Action& action) {
  try {
    return action();
  } catch (const SystemError& error) {
    if (error.fault() != Fault::io) throw;
    fail_to_write(folder, error.problem());
  }
}

// The writer of the file; null where the user's own folder cannot be written, which is noted.
std::unique_ptr<PictureCacheWriter> writer_of(const fs::path& file, const std::string& key,
                                              const Shape& shape, const Listing& listing,
                                              const DataOptions& options,
                                              std::vector<std::string>& notes) {
  const fs::path folder = file.parent_path();
  const auto new_writer = [&] {
    return std::make_unique<PictureCacheWriter>(file, key, shape, listing.pictures.size());
  };
  if (!options.cache.empty()) return written_to(folder, new_writer);
  std::string why = "neither XDG_CACHE_HOME nor HOME names a folder";
  if (!folder.empty()) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error && ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
      error = {errno, std::generic_category()};
    }
    if (!error) return written_to(folder, new_writer);
    why = error.message();
  }
  notes.push_back(
      fmt::format("decoded pictures are in memory alone, because {} cannot be written "
                  "({}); --cache DIR names another folder for them",
                  folder.empty() ? "the user's cache" : folder.string(), why));
  return nullptr;
}

PictureSet decoded_to_file(PictureCacheWriter& writer, const fs::path& file, const Listing& listing,
                           const Shape& shape, const DataOptions& options) {
  const fs::path folder = file.parent_path();
  DecodeResult decoded = decode_all(
      listing, shape, options,
      [&](std::span<const std::uint8_t> image) { written_to(folder, [&] { writer.add(image); }); });
  CachedPictures made = written_to(folder, [&] { return writer.finish(std::move(decoded.bad)); });
  PictureSet set;
  set.source = std::move(made.source);
  set.bad = std::move(made.bad);
  set.lost_colour = decoded.lost_colour;
  set.cache_file = file;
  set.cache_bytes = made.bytes;
  return set;
}

PictureSet made(const fs::path& file, const std::string& key, const Listing& listing,
                const DataOptions& options, std::vector<std::string>& notes) {
  const Shape shape = shape_of_pictures(listing, options);
  if (options.cache == kNoCache) return decoded_in_memory(listing, shape, options);
  const auto writer = writer_of(file, key, shape, listing, options, notes);
  if (writer) return decoded_to_file(*writer, file, listing, shape, options);
  return decoded_in_memory(listing, shape, options);
}

}  // namespace

PictureSet load_pictures(const Listing& listing, const DataOptions& options) {
  if (listing.pictures.empty()) {
    throw UserError(Fault::bad_data,
                    fmt::format("{} has no pictures", printable(listing.root.string())), "",
                    "check the path");
  }
  std::vector<std::string> notes;
  fs::path file;
  std::string key;
  std::optional<PictureSet> set;
  if (options.cache != kNoCache) {
    const fs::path folder = picture_cache_folder(options.cache);
    key = picture_cache_key(listing, options);
    if (!folder.empty()) {
      file = picture_cache_file(folder, key);
      set = found_in_cache(file, key, listing, options, notes);
    }
  }
  if (!set) {
    set = made(file, key, listing, options, notes);
    set->is_made = true;
  }
  set->notes = std::move(notes);
  complete(*set, listing, options);
  return std::move(*set);
}

}  // namespace convoy
