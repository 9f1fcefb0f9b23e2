// SPDX-License-Identifier: Apache-2.0
// The pictures of a listing as images of one size: decoded and resized by several threads, and kept
// in a file that the next run maps (picture_cache.hpp), so that it decodes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "convoy/data.hpp"
#include "data/pictures/listing.hpp"

namespace convoy {

// A picture that cannot be used.
struct BadPicture {
  std::size_t picture = 0;   // an index of Listing::pictures
  std::string message = {};  // the problem and the reason, with the picture's path
};

struct PictureSet {
  Source source;                        // bytes
  std::vector<std::uint32_t> pictures;  // image i of the source is Listing::pictures[pictures[i]]
  std::vector<BadPicture> bad;          // in the order of the listing; not in the source
  std::filesystem::path cache_file;     // empty: none
  std::uint64_t cache_bytes = 0;        // of that file
  bool is_made = false;                 // now, not found
  std::size_t lost_colour = 0;          // pictures with colours that became grey, if it was made
  std::vector<std::string> notes = {};  // for the user, a sentence each
};

// Decodes and resizes all pictures, or finds them in the cache. The images follow the order of the
// listing and depend on nothing but its pictures, `input` and `resize`: not on the number of
// threads, nor on a cache.
//
// Options that count: `input` (channels 0 means 3; a height of 0 means that all pictures have the
// size of the first one that can be read), `resize`, `bad_images`, `cache`, `threads`, `progress`,
// `stop`. Memory: decode_all.hpp states what decoding takes. Without a cache the images are in
// memory; with one they are written as they are decoded, and mapped.
//
// Where the folder of the user's cache cannot be written, the images are in memory, and a note says
// so. A folder that the caller named must be writable, and a full disk is an error in both.
//
// Throws UserError: bad_data (bad pictures with BadImages::stop, once all are read; no picture that
// can be used; an input of other channels than 1 or 3), unavailable (too little memory), io (the
// cache cannot be written, a picture cannot be read or changed meanwhile, also with
// BadImages::skip), not_found (a picture went away), stopped. Nothing half-written remains.
// Thread-safe, also between processes.
PictureSet load_pictures(const Listing& listing, const DataOptions& options);

}  // namespace convoy
