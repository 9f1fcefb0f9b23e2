// SPDX-License-Identifier: Apache-2.0
#include "data/picture/picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "data/picture/decoder.hpp"
#include "data/picture/exif.hpp"

namespace convoy {
namespace {

const PictureDecoder& decoder_of(PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return kPngDecoder;
    case PictureFormat::jpeg:
      return kJpegDecoder;
    case PictureFormat::webp:
      return kWebpDecoder;
    case PictureFormat::pnm:
      break;
  }
  return kPnmDecoder;
}

const PictureDecoder& decoder_for(const PictureFile& file) {
  if (file.bytes.empty()) {
    throw UserError(Fault::bad_data, fmt::format("{} is empty", file.name), "0 bytes",
                    "create the file again");
  }
  const auto format = picture_format(file.bytes);
  if (!format) {
    refuse_picture(file, "unsupported image format",
                   "give a picture in the format PNG, JPEG, WebP, PGM or PPM");
  }
  const PictureDecoder& decoder = decoder_of(*format);
  if (!decoder.is_there) {
    throw UserError(
        Fault::unavailable, fmt::format("cannot use {}", printable(file.name)),
        fmt::format("it is a {} file, and this build of Convoy has no {}", to_string(*format),
                    decoder.library),
        "build Convoy where that library is installed, or convert the picture to PGM or PPM");
  }
  return decoder;
}

// In the memory of the colours.
void make_grey(PixelMemory& pixels) {
  const std::size_t count = pixels.size() / 3;
  const std::uint8_t* p = pixels.data();
  for (std::size_t i = 0; i < count; ++i, p += 3) {
    pixels[i] = static_cast<std::uint8_t>((299u * p[0] + 587u * p[1] + 114u * p[2] + 500u) / 1000u);
  }
  pixels.resize(count);
}

bool has_colour(const std::vector<std::uint8_t>& rgb) {
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    if (rgb[i] != rgb[i + 1] || rgb[i] != rgb[i + 2]) return true;
  }
  return false;
}

std::vector<std::uint8_t> rgb_of(const std::vector<std::uint8_t>& grey) {
  std::vector<std::uint8_t> rgb(grey.size() * 3);
  std::uint8_t* p = rgb.data();
  for (const std::uint8_t value : grey) {
    p[0] = p[1] = p[2] = value;
    p += 3;
  }
  return rgb;
}

}  // namespace

void refuse_picture(const PictureFile& file, std::string_view why, std::string_view remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", printable(file.name)), why, remedy);
}

void check_limits(const PictureFile& file, const PictureHeader& header,
                  const PictureLimits& limits) {
  const auto [height, width, orientation] = header;
  if (height < 1 || width < 1) {
    refuse_picture(file, fmt::format("it has {} x {} pixels (height x width)", height, width));
  }
  if (height <= limits.most_side && width <= limits.most_side &&
      width <= limits.most_pixels / height) {
    return;
  }
  refuse_picture(file,
                 fmt::format("its header says {} x {} pixels (height x width); at most {} on a "
                             "side and {} in all are read",
                             height, width, limits.most_side, limits.most_pixels),
                 "make the picture smaller");
}

const char* to_string(PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return "PNG";
    case PictureFormat::jpeg:
      return "JPEG";
    case PictureFormat::webp:
      return "WebP";
    case PictureFormat::pnm:
      break;
  }
  return "PGM or PPM";
}

std::optional<PictureFormat> picture_format(std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kPictureSignature));
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return PictureFormat::png;
  if (text.starts_with("\xff\xd8\xff")) return PictureFormat::jpeg;
  if (text.starts_with("RIFF") && text.size() == kPictureSignature && text.ends_with("WEBP")) {
    return PictureFormat::webp;
  }
  constexpr std::string_view kKinds = "2356";
  if (text.size() >= 2 && text[0] == 'P' && kKinds.find(text[1]) != std::string_view::npos) {
    return PictureFormat::pnm;
  }
  return std::nullopt;
}

bool can_decode(PictureFormat format) {
  return decoder_of(format).is_there;
}

std::string picture_rules() {
  constexpr int kRules = 2;
  std::string all = fmt::format("rules {}", kRules);
  for (const PictureDecoder* decoder : {&kPngDecoder, &kJpegDecoder, &kWebpDecoder}) {
    all += fmt::format(", {} {}", decoder->library,
                       decoder->version == nullptr ? "is missing" : decoder->version());
  }
  return all;
}

Picture with_channels(Picture picture, Index channels) {
  if (picture.shape.channels == channels) return picture;
  picture.lost_colour = channels == 1 && has_colour(picture.pixels);
  if (channels == 1) {
    make_grey(picture.pixels);
  } else {
    picture.pixels = rgb_of(picture.pixels);
  }
  picture.shape.channels = channels;
  return picture;
}

Extent picture_size(const PictureFile& file, const PictureLimits& limits) {
  PictureHeader header = decoder_for(file).header(file);
  check_limits(file, header, limits);
  if (header.orientation >= 5) std::swap(header.height, header.width);
  return {header.height, header.width};
}

Picture decode_picture(const PictureFile& file, Index channels, const PictureLimits& limits,
                       PixelMemory memory) {
  CONVOY_ASSERT(channels == 1 || channels == 3);
  auto [picture, orientation] = decoder_for(file).decode(file, channels, limits, std::move(memory));
  return upright(with_channels(std::move(picture), channels), orientation);
}

}  // namespace convoy
