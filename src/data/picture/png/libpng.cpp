// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "data/picture/exif.hpp"
#include "data/picture/png.hpp"

namespace convoy {
namespace {

using Bytes = std::span<const std::uint8_t>;

// The chunks that libpng need not read. Alpha is left out, and so is tRNS, which gives it.
constexpr png_byte kSkipped[] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0"
    "tIME\0tRNS\0zTXt";

std::size_t big_endian(Bytes bytes, std::size_t at) {
  return std::size_t{bytes[at]} << 24 | std::size_t{bytes[at + 1]} << 16 |
         std::size_t{bytes[at + 2]} << 8 | std::size_t{bytes[at + 3]};
}

// Of the first chunk eXIf; a chunk is its length, its name, its data and a checksum.
int orientation_of(Bytes bytes) {
  constexpr std::size_t kSignature = 8, kFrame = 12;
  std::size_t at = kSignature;
  while (bytes.size() - at >= kFrame) {
    const std::size_t length = big_endian(bytes, at);
    if (length > bytes.size() - at - kFrame) break;
    if (std::memcmp(bytes.data() + at + 4, "eXIf", 4) == 0) {
      return exif_orientation(bytes.subspan(at + 8, length));
    }
    at += kFrame + length;
  }
  return 1;
}

// libpng reports errors by longjmp, so the code between setjmp and the call that may fail uses only
// plain C objects; objects with a destructor are in the caller.
struct PngReader {
  Bytes rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::array<char, 200> error{};

  explicit PngReader(Bytes bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, auto) {});
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool read_header() {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, this, on_read);
    skip_chunks();
    png_read_info(png, info);
    return true;
  }

  // Converts to 8 bits per channel, grey or RGB. Grey becomes RGB where that is wanted.
  bool start(bool wants_rgb) {
    if (setjmp(png_jmpbuf(png))) return false;
    const int kind = png_get_color_type(png, info);
    if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (kind == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    if ((kind & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png);
    if (wants_rgb && (kind & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return true;
  }

  bool read_rows(png_bytep* rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }

 private:
  void skip_chunks() {
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kSkipped, sizeof kSkipped / 5);
#endif
  }

  static void on_read(png_structp png, png_bytep to, png_size_t size) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (self->rest.size() < size) png_error(png, "it ends too early");
    std::copy_n(self->rest.begin(), size, to);
    self->rest = self->rest.subspan(size);
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->error.data(), self->error.size(), "%s", message);
    png_longjmp(png, 1);
  }
};

[[noreturn]] void refuse(const PictureFile& file, const PngReader& reader) {
  const std::string_view error = reader.error.data();
  // libpng's "Out of memory", "insufficient memory to read chunk" and the like; it has no codes.
  for (const std::string_view shortage : {"ut of memory", "nsufficient memory"}) {
    if (error.find(shortage) != std::string_view::npos) throw std::bad_alloc();
  }
  refuse_picture(file, fmt::format("PNG: {}", error));
}

PictureHeader header_from(const PictureFile& file, const PngReader& reader) {
  return {static_cast<Index>(png_get_image_height(reader.png, reader.info)),
          static_cast<Index>(png_get_image_width(reader.png, reader.info)),
          orientation_of(file.bytes)};
}

PictureHeader header_of(const PictureFile& file) {
  PngReader reader(file.bytes);
  if (!reader.read_header()) refuse(file, reader);
  return header_from(file, reader);
}

StoredPicture decode(const PictureFile& file, Index channels, const PictureLimits& limits,
                     PixelMemory memory) {
  PngReader reader(file.bytes);
  if (!reader.read_header()) refuse(file, reader);
  const PictureHeader header = header_from(file, reader);
  check_limits(file, header, limits);
  if (!reader.start(channels == 3)) refuse(file, reader);

  const std::size_t samples = png_get_channels(reader.png, reader.info);
  const std::size_t stride = png_get_rowbytes(reader.png, reader.info);
  CONVOY_ASSERT((samples == 1 || samples == 3) &&
                stride == samples * static_cast<std::size_t>(header.width));
  const auto height = static_cast<std::size_t>(header.height);
  memory.assign(height * stride, 0);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = memory.data() + y * stride;
  if (!reader.read_rows(rows.data())) refuse(file, reader);
  return {{{header.height, header.width, static_cast<Index>(samples)}, std::move(memory)},
          header.orientation};
}

std::string version() {
  return png_get_libpng_ver(nullptr);
}

}  // namespace

const PictureDecoder kPngDecoder{"libpng", header_of, decode, true, version};

}  // namespace convoy
