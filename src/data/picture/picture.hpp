// SPDX-License-Identifier: Apache-2.0
// Pictures in files of the usual formats, decoded into bytes.
//
// The format follows from the first bytes, never from the name of the file:
//
//   PNG        1 to 16 bits, grey, palette, RGB, with alpha or without, interlaced or not
//   JPEG       baseline and progressive, 8 bits; grey, YCbCr, RGB, CMYK, YCCK
//   WebP       lossy and lossless, one picture (no animation)
//   PGM, PPM   plain (P2, P3) and binary (P5, P6), any maximum value up to 65535
//
// The result is grey (1 channel) or RGB (3 channels), as the caller asks, with the same bytes on
// every machine. The rules, in the order in which they are applied:
//
//   bits         a value v of a picture with the largest value m becomes 255 v / m, rounded to the
//                nearest: m = 65535 for 16-bit PNG, 2^bits - 1 for grey PNG of fewer bits, and the
//                maximum value of a PGM or PPM. A palette's index becomes its colour.
//   JPEG         libjpeg-turbo's accurate integer transform (JDCT_ISLOW) with smooth ("fancy")
//                upsampling of the colours, never scaled while it is decoded
//   CMYK         is taken as Adobe stores it, inverted: with c = 255 - C and so on for the stored
//                C, M, Y, K, a channel is K - c K / 255, the quotient rounded to the nearest
//   alpha        is left out: a transparent pixel has the colour that is stored for it. This is
//                what PIL's convert("RGB") does, and with it torchvision's ImageFolder.
//   gamma, ICC   are ignored
//   channels     grey becomes R = G = B; RGB becomes floor((299 R + 587 G + 114 B + 500) / 1000)
//   orientation  the tag Orientation (0x0112) of EXIF is applied, so that the picture is upright
//                (convert("RGB") alone does not do so; PIL's ImageOps.exif_transpose does)
//
// Whatever is truncated, damaged or inconsistent is refused, and so is a picture beyond the limits,
// before memory is allocated for its pixels. Bytes behind the raster of a PGM or PPM are refused,
// because they may mean that the raster begins elsewhere. Errors are UserError(bad_data), "cannot
// use FILE (why): remedy" or "FILE is empty (0 bytes): remedy", and UserError(unavailable) where
// this build lacks the library of a format. A shortage of memory is std::bad_alloc, and says
// nothing about the picture. All functions are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.hpp"

namespace convoy {

// A file in memory, and its name for messages. It owns neither.
struct PictureFile {
  std::span<const std::uint8_t> bytes;
  const std::string& name;
};

using PixelMemory = std::vector<std::uint8_t>;

struct Picture {
  Shape shape;               // 1 channel (grey) or 3 (red, green, blue)
  PixelMemory pixels;        // [height][width][channels]
  bool lost_colour = false;  // whether grey was made of pixels that are not all grey
};

// While a picture is decoded, at most about 10 bytes are allocated for each of its pixels.
struct PictureLimits {
  Index most_pixels = 100'000'000;  // height times width
  Index most_side = 65'535;         // resize() relies on it
};

// The most bytes of a file that is read into memory to be decoded.
inline constexpr std::uint64_t kMostPictureBytes = std::uint64_t{256} << 20;

enum class PictureFormat { png, jpeg, webp, pnm };

// "PNG", "JPEG", "WebP", "PGM or PPM".
const char* to_string(PictureFormat format);
// The first bytes of a file by which its format is known.
inline constexpr std::size_t kPictureSignature = 12;
// Of a file that begins with these bytes; none: no picture that Convoy knows.
std::optional<PictureFormat> picture_format(std::span<const std::uint8_t> bytes);
// Whether this build has the library for it.
bool can_decode(PictureFormat format);

// The rules above, as a number that grows with each change of them or of what is refused, and the
// libraries with their versions: what the bytes of a decoded picture depend on, beside its file.
std::string picture_rules();

// Height and width as they will be after decoding; reads the header alone.
Extent picture_size(const PictureFile& file, const PictureLimits& limits = {});
// `channels` is 1 or 3. The pixels may lie in `memory`, for example that of the picture before: the
// system clears new memory a page at a time, which takes a tenth of the time of a progressive JPEG.
Picture decode_picture(const PictureFile& file, Index channels, const PictureLimits& limits = {},
                       PixelMemory memory = {});
// Makes grey of RGB, or the reverse, where `channels` differs from those of the picture. Sets
// lost_colour.
Picture with_channels(Picture picture, Index channels);

}  // namespace convoy
