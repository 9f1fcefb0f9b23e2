// SPDX-License-Identifier: Apache-2.0
#include "data/picture/pnm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace convoy {
namespace {

constexpr int kEnd = -1;

bool is_space(int c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Reads numbers from the text of a file.
struct Reader {
  const PictureFile& file;
  std::size_t at = 2;  // the next byte, behind the "P5" of the beginning

  int get() { return at < file.bytes.size() ? file.bytes[at++] : kEnd; }

  // The next byte that is neither white space nor in a comment.
  int next_character() {
    int c = get();
    while (c == '#' || is_space(c)) {
      if (c == '#') {
        while (c != '\n' && c != kEnd) c = get();
      }
      if (c != kEnd) c = get();
    }
    return c;
  }

  // Takes a number of at most nine digits, and the byte after it.
  Index next_number() {
    Index value = 0;
    int digits = 0;
    int c = next_character();
    for (; c >= '0' && c <= '9' && digits < 9; c = get(), ++digits) value = value * 10 + (c - '0');
    if (digits == 0 || (c >= '0' && c <= '9')) {
      refuse_picture(
          file, fmt::format("a number is missing or wrong at byte {}", c == kEnd ? at : at - 1));
    }
    return value;
  }
};

struct PnmHeader {
  bool is_plain;
  Index channels, width, height, largest;
  std::size_t end;  // where the raster begins
};

PnmHeader read_header(const PictureFile& file) {
  Reader reader{file};
  const std::uint8_t kind = file.bytes[1];
  PnmHeader header{};
  header.is_plain = kind == '2' || kind == '3';
  header.channels = kind == '3' || kind == '6' ? 3 : 1;
  header.width = reader.next_number();
  header.height = reader.next_number();
  header.largest = reader.next_number();
  header.end = reader.at;
  if (header.largest < 1 || header.largest > 65535) {
    refuse_picture(file,
                   fmt::format("its maximum value is {}, not from 1 to 65535", header.largest));
  }
  return header;
}

std::uint8_t scaled(const PictureFile& file, Index value, Index largest) {
  if (value > largest) {
    refuse_picture(
        file, fmt::format("it contains the value {}, above its maximum value {}", value, largest));
  }
  return static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
}

// Both allocate no more than the file has bytes, whatever its header says.
PixelMemory read_plain(const PictureFile& file, const PnmHeader& header, std::size_t count,
                       PixelMemory pixels) {
  Reader reader{file, header.end};
  pixels.clear();
  pixels.reserve(std::min(count, file.bytes.size()));
  while (pixels.size() < count) {
    pixels.push_back(scaled(file, reader.next_number(), header.largest));
  }
  if (reader.next_character() == kEnd) return pixels;
  refuse_picture(file,
                 fmt::format("after its last number it has more than white space, from byte {} on",
                             reader.at - 1),
                 "write one picture, with nothing after it");
}

// Only bytes behind a raster show that it begins later than the format says.
[[noreturn]] void refuse_rest(const PictureFile& file, const PnmHeader& header,
                              std::size_t raster) {
  const auto bytes = file.bytes.subspan(header.end);
  const std::size_t rest = bytes.size() - raster;
  const char* cause = "the file may hold a second picture";
  if (file.bytes[header.end - 1] == '\r' && bytes[0] == '\n') {
    cause = "its header ends in CR LF, as in text mode";
  } else if (bytes[0] == '#') {
    cause = "a comment follows the maximum value, where the raster must begin";
  }
  refuse_picture(
      file,
      fmt::format("{} its raster: {}",
                  rest == 1 ? "1 byte follows" : fmt::format("{} bytes follow", rest), cause),
      "write one picture, with a single white-space character between the maximum value and the "
      "raster");
}

PixelMemory read_binary(const PictureFile& file, const PnmHeader& header, std::size_t count,
                        PixelMemory pixels) {
  const auto bytes = file.bytes.subspan(header.end);
  const std::size_t raster = header.largest > 255 ? 2 * count : count;
  if (bytes.size() < raster) refuse_picture(file, "it ends too early");
  pixels.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
  if (header.largest != 255) {
    for (std::size_t i = 0; i < count; ++i) {
      const Index value = raster == count ? bytes[i] : bytes[2 * i] * 256 + bytes[2 * i + 1];
      pixels[i] = scaled(file, value, header.largest);
    }
  }
  if (bytes.size() > raster) refuse_rest(file, header, raster);
  return pixels;
}

StoredPicture decode(const PictureFile& file, Index /*channels*/, const PictureLimits& limits,
                     PixelMemory memory) {
  const PnmHeader header = read_header(file);
  check_limits(file, {header.height, header.width}, limits);
  const auto count = static_cast<std::size_t>(header.height * header.width * header.channels);
  return {{{header.height, header.width, header.channels},
           (header.is_plain ? read_plain : read_binary)(file, header, count, std::move(memory))}};
}

PictureHeader header_of(const PictureFile& file) {
  const PnmHeader header = read_header(file);
  return {header.height, header.width};
}

}  // namespace

const PictureDecoder kPnmDecoder{"", header_of, decode};

}  // namespace convoy
