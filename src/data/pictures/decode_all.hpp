// SPDX-License-Identifier: Apache-2.0
// Decodes and resizes many pictures by several threads, in a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/picture/picture.hpp"
#include "data/pictures/picture_set.hpp"

namespace convoy {

// The most bytes that a thread keeps of a picture's memory for the next, beyond DecodeLimits.
inline constexpr std::size_t kMostKeptBytes = std::size_t{4} << 20;

// `memory`, or none where that would be more.
PixelMemory kept_memory(PixelMemory memory);

// Bounds of the memory that all threads together take. A larger picture is decoded while no other
// one is, and a picture's own limits are those of picture.hpp.
struct DecodeLimits {
  std::uint64_t file_bytes = std::uint64_t{512} << 20;     // of files
  std::uint64_t picture_bytes = std::uint64_t{512} << 20;  // of what decoders allocate
  std::uint64_t image_bytes = std::uint64_t{64} << 20;     // of resized images that wait
};

// Which shape the images have: that of options.input; where its height is 0, that of the first
// picture whose size can be read; channels 0 are 3. Throws UserError(bad_data) for other channels
// than 1 and 3, and as decode_all() does for the pictures that it reads.
Shape shape_of_pictures(const Listing& listing, const DataOptions& options);

struct DecodeResult {
  std::vector<BadPicture> bad;  // in the order of the listing
  std::size_t lost_colour = 0;  // pictures with colours that became grey
};

// Calls `take` for each picture that can be used, in the order of the listing, with its image
// [height][width][channels]. The others are `bad`: those that will be bad the next time, too.
// `shape` is that of shape_of_pictures(). `take` and options.progress are called by the calling
// thread.
//
// Throws SystemError(io) for a picture that the system cannot read, UserError(io) and (not_found)
// for one that changed or went away after it was listed, UserError(unavailable) where the memory
// does not suffice for one, UserError(stopped), and what `take` and `progress` throw. All threads
// have ended by then.
DecodeResult decode_all(const Listing& listing, const Shape& shape, const DataOptions& options,
                        const std::function<void(std::span<const std::uint8_t>)>& take,
                        const DecodeLimits& limits = {});

}  // namespace convoy
