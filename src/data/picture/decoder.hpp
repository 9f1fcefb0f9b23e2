// SPDX-License-Identifier: Apache-2.0
// What the decoder of one format does; picture.cpp does the rest for all of them.
#pragma once

#include <string>
#include <string_view>

#include "base/check.hpp"
#include "data/picture/picture.hpp"

namespace convoy {

// As stored, before the orientation is applied.
struct PictureHeader {
  Index height = 0;
  Index width = 0;
  int orientation = 1;  // the value of EXIF's tag
};

// As stored, likewise.
struct StoredPicture {
  Picture picture;
  int orientation = 1;
};

// `channels` is what the caller of decode_picture() asked for: a decoder gives grey as that many
// channels where it can do so at no cost, and never makes grey of colours. The pixels may lie in
// `memory`.
struct PictureDecoder {
  const char* library;  // for the message of a build without it
  PictureHeader (*header)(const PictureFile& file);
  // Calls check_limits() before it allocates memory for the pixels.
  StoredPicture (*decode)(const PictureFile& file, Index channels, const PictureLimits& limits,
                          PixelMemory memory);
  bool is_there = true;
  std::string (*version)() = nullptr;  // of the library, where there is one
};

// Each is in a file of its own; the libraries' ones have a second one for builds without the
// library (CONVOY_PICTURES).
extern const PictureDecoder kPngDecoder;
extern const PictureDecoder kJpegDecoder;
extern const PictureDecoder kWebpDecoder;
extern const PictureDecoder kPnmDecoder;

// Throws "cannot use FILE (why): remedy".
[[noreturn]] void refuse_picture(const PictureFile& file, std::string_view why,
                                 std::string_view remedy = "create the file again");
void check_limits(const PictureFile& file, const PictureHeader& header,
                  const PictureLimits& limits);

}  // namespace convoy
