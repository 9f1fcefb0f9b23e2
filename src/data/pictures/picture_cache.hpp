// SPDX-License-Identifier: Apache-2.0
// The cache of decoded pictures: one file for each set of pictures and size, KEY.pictures.
//
// The bytes of a file (numbers of 64 bits, little-endian; docs/formats.md):
//
//      0    16  the text "convoy.pictures" and a zero
//     16     8  version, 1
//     24     8  size of the file
//     32    24  height, width and channels of the images
//     56     8  listed pictures
//     64     8  images
//     72     8  bad pictures; with the images these are all listed ones
//     80    64  KEY
//    144    64  SHA-256 of the bytes from 4096 on, then those from 0 to 143
//    208        zeros
//   4096     .  the images in the order of the listing, [image][row][column][channel], a byte each
//      .     .  for each bad picture, in this order: its place in the listing, the length of its
//               message, the message
//
// KEY is the SHA-256 of a text that states all on which the images depend, one fact a line
// (picture_cache_key()). So a set of which a picture changed has another file, and the parts and
// labels of the pictures do not count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/durable_file.hpp"
#include "data/pictures/picture_progress.hpp"
#include "data/pictures/picture_set.hpp"

namespace convoy {

// The lines "convoy.pictures/2", picture_rules(), "input H x W x C", "resize HOW", the listing's
// root (absolute, without links), and for each picture its size, the times of its last modification
// and of its last change in nanoseconds, the number of its inode, and its path. Each path is
// preceded by its length.
std::string picture_cache_key(const Listing& listing, const DataOptions& options);

// The folder that DataOptions::cache names; the user's own one for "" (in $XDG_CACHE_HOME, else in
// ~/.cache), which is empty where neither variable names a folder.
std::filesystem::path picture_cache_folder(const std::string& option);

std::filesystem::path picture_cache_file(const std::filesystem::path& folder, std::string_view key);

struct PictureCacheContent {
  Shape image;
  Index images = 0;
  std::vector<BadPicture> bad;
};

// Reads all of the file, and checks every byte. Throws UserError(bad_data) where it is not a whole
// file of `key` with `listed` pictures, and SystemError(io). `progress` is told how far it is.
// Memory: the list of bad pictures, at most as long as the file.
PictureCacheContent read_picture_cache(const InputFile& file, std::string_view key,
                                       std::size_t listed, PictureProgress& progress);

struct CachedPictures {
  Source source;
  std::vector<BadPicture> bad;
  std::uint64_t bytes = 0;  // of the file
};

// Does the same, and maps the images. The mapping stays valid when the file is removed or another
// one gets its name; see map_file() for what happens where another program shortens it.
CachedPictures open_picture_cache(const std::filesystem::path& file, std::string_view key,
                                  std::size_t listed, PictureProgress& progress);

// Writes a file as a NewFile of the same folder, whose space it reserves first. Unless finish()
// returns, nothing remains. Every call throws SystemError(io).
class PictureCacheWriter {
 public:
  PictureCacheWriter(const std::filesystem::path& file, std::string key, const Shape& image,
                     std::size_t listed);

  void add(std::span<const std::uint8_t> image);
  CachedPictures finish(std::vector<BadPicture> bad);  // maps the images

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace convoy
