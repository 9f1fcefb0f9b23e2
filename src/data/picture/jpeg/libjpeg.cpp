// SPDX-License-Identifier: Apache-2.0
// The headers of libjpeg need this order.
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "data/picture/exif.hpp"
#include "data/picture/jpeg.hpp"

namespace convoy {
namespace {

using Bytes = std::span<const std::uint8_t>;

// A progressive picture has some ten scans. Each takes time in proportion to the pixels, so that
// a small file of thousands of scans would take hours.
constexpr int kMostScans = 200;
constexpr int kExifMarker = JPEG_APP0 + 1;

// libjpeg reports errors by longjmp, so the code between setjmp and the call that may fail uses
// only plain C objects; objects with a destructor are in the caller.
struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  std::array<char, JMSG_LENGTH_MAX> error{};
  bool reads_pixels = false;
  bool lacks_memory = false;

  JpegReader() {
    jpeg.err = jpeg_std_error(&errors);
    jpeg.client_data = this;
    errors.error_exit = on_error;
    errors.emit_message = on_message;
    progress.progress_monitor = on_progress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  bool read_header(const std::uint8_t* bytes, std::size_t size) {
    if (setjmp(escape)) return false;
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
    jpeg_save_markers(&jpeg, kExifMarker, 0xFFFF);
    jpeg_mem_src(&jpeg, bytes, size);
    jpeg_read_header(&jpeg, TRUE);
    return true;
  }

  bool start(J_COLOR_SPACE colours) {
    if (setjmp(escape)) return false;
    reads_pixels = true;
    jpeg.out_color_space = colours;
    jpeg.dct_method = JDCT_ISLOW;
    jpeg.do_fancy_upsampling = TRUE;
    jpeg.do_block_smoothing = FALSE;
    jpeg_start_decompress(&jpeg);
    return true;
  }

  // Reads the next `count` rows.
  bool read_rows(std::uint8_t* to, std::size_t stride, Index count) {
    if (setjmp(escape)) return false;
    for (Index y = 0; y < count; ++y) {
      JSAMPROW row = to + static_cast<std::size_t>(y) * stride;
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    return true;
  }

  bool finish() {
    if (setjmp(escape)) return false;
    jpeg_finish_decompress(&jpeg);
    return true;
  }

 private:
  static JpegReader& reader_of(j_common_ptr jpeg) {
    return *static_cast<JpegReader*>(jpeg->client_data);
  }

  static void on_error(j_common_ptr jpeg) {
    JpegReader& self = reader_of(jpeg);
    self.lacks_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    self.errors.format_message(jpeg, self.error.data());
    std::longjmp(self.escape, 1);
  }

  // A level below 0 is a warning. Before the pixels one harms nothing.
  static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && reader_of(jpeg).reads_pixels) on_error(jpeg);
  }

  static void on_progress(j_common_ptr jpeg) {
    JpegReader& self = reader_of(jpeg);
    if (self.jpeg.input_scan_number <= kMostScans) return;
    std::snprintf(self.error.data(), self.error.size(), "it has more than %d scans", kMostScans);
    std::longjmp(self.escape, 1);
  }
};

[[noreturn]] void refuse(const PictureFile& file, const JpegReader& reader) {
  if (reader.lacks_memory) throw std::bad_alloc();
  refuse_picture(file, fmt::format("JPEG: {}", reader.error.data()));
}

int orientation_of(const JpegReader& reader) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (const jpeg_marker_struct* m = reader.jpeg.marker_list; m != nullptr; m = m->next) {
    const Bytes data(m->data, m->data_length);
    if (m->marker == kExifMarker && data.size() >= kExif.size() &&
        std::equal(kExif.begin(), kExif.end(), data.begin())) {
      return exif_orientation(data.subspan(kExif.size()));
    }
  }
  return 1;
}

PictureHeader read_header(const PictureFile& file, JpegReader& reader) {
  if (!reader.read_header(file.bytes.data(), file.bytes.size())) refuse(file, reader);
  return {static_cast<Index>(reader.jpeg.image_height), static_cast<Index>(reader.jpeg.image_width),
          orientation_of(reader)};
}

PictureHeader header_of(const PictureFile& file) {
  JpegReader reader;
  return read_header(file, reader);
}

// What libjpeg gives: CMYK of four components, grey of grey where it is wanted, RGB of the others.
J_COLOR_SPACE colours_of(const PictureFile& file, const JpegReader& reader, Index channels) {
  const int components = reader.jpeg.num_components;
  if (components == 4) return JCS_CMYK;
  if (components == 1) return channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  if (components == 3) return JCS_RGB;
  refuse_picture(file, fmt::format("JPEG: it has {} components, not 1, 3 or 4", components));
}

// `cmyk` is inverted: 255 is no ink. Rounds c k / 255 as PIL does, to the nearest.
void rgb_of_cmyk(const std::uint8_t* cmyk, std::uint8_t* rgb, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned k = cmyk[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned product = (255u - cmyk[4 * i + c]) * k + 128u;
      rgb[3 * i + c] = static_cast<std::uint8_t>(k - ((product >> 8) + product) / 256);
    }
  }
}

void read_cmyk(const PictureFile& file, JpegReader& reader, Picture& picture) {
  const auto width = static_cast<std::size_t>(picture.shape.width);
  std::vector<std::uint8_t> row(4 * width);
  for (Index y = 0; y < picture.shape.height; ++y) {
    if (!reader.read_rows(row.data(), row.size(), 1)) refuse(file, reader);
    rgb_of_cmyk(row.data(), picture.pixels.data() + static_cast<std::size_t>(y) * 3 * width, width);
  }
}

StoredPicture decode(const PictureFile& file, Index channels, const PictureLimits& limits,
                     PixelMemory memory) {
  JpegReader reader;
  const PictureHeader header = read_header(file, reader);
  check_limits(file, header, limits);
  const J_COLOR_SPACE colours = colours_of(file, reader, channels);
  if (!reader.start(colours)) refuse(file, reader);

  const Index samples = colours == JCS_GRAYSCALE ? 1 : 3;
  Picture picture{{header.height, header.width, samples}, std::move(memory)};
  picture.pixels.assign(static_cast<std::size_t>(picture.shape.size()), 0);
  if (colours == JCS_CMYK) {
    read_cmyk(file, reader, picture);
  } else if (!reader.read_rows(picture.pixels.data(),
                               static_cast<std::size_t>(header.width * samples), header.height)) {
    refuse(file, reader);
  }
  if (!reader.finish()) refuse(file, reader);
  return {std::move(picture), header.orientation};
}

// The library does not tell its version while it runs.
#define CONVOY_TEXT_OF(tokens) #tokens
#define CONVOY_EXPANDED_TEXT_OF(macro) CONVOY_TEXT_OF(macro)
std::string version() {
  return CONVOY_EXPANDED_TEXT_OF(LIBJPEG_TURBO_VERSION);
}

}  // namespace

const PictureDecoder kJpegDecoder{"libjpeg-turbo", header_of, decode, true, version};

}  // namespace convoy
