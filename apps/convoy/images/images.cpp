// SPDX-License-Identifier: Apache-2.0
#include "images/images.hpp"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <exception>
#include <new>
#include <span>

#include "data/idx.hpp"
#include "images/picture_stream.hpp"

namespace convoy::app {
namespace {

constexpr const char* kFormats = "give a PNG, PGM, PPM or IDX file";

[[noreturn]] void refuse(const std::string& file, std::string_view why, std::string_view remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", file), why, remedy);
}

// "1 byte follows", "at least 1073741824 bytes follow": the number of remaining bytes.
std::string rest_of(PictureStream& stream) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;
  const std::uint64_t bytes = stream.rest(kMost);
  if (bytes == 0) return "";
  if (bytes == 1) return "1 byte follows";
  return fmt::format("{}{} bytes follow", bytes == kMost ? "at least " : "", bytes);
}

void check_size(const std::string& file, Index height, Index width, const Shape& shape) {
  if (height == shape.height && width == shape.width) return;
  refuse(file,
         fmt::format("it has {} x {} pixels (height x width); the model reads {} x {}", height,
                     width, shape.height, shape.width),
         fmt::format("resize it first, for example: convert IN -resize {}x{}! OUT.png", shape.width,
                     shape.height));
}

// Converts from `from` channels (1 or 3) to `to`.
std::vector<std::uint8_t> convert(std::vector<std::uint8_t> pixels, Index from, Index to,
                                  const std::string& file) {
  if (from == to) return pixels;
  std::vector<std::uint8_t> result;
  const std::size_t count = pixels.size() / static_cast<std::size_t>(from);
  result.reserve(count * static_cast<std::size_t>(to));
  if (from == 1 && to == 3) {
    for (const std::uint8_t grey : pixels) result.insert(result.end(), 3, grey);
  } else if (from == 3 && to == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned luma =
          (299u * pixels[3 * i] + 587u * pixels[3 * i + 1] + 114u * pixels[3 * i + 2] + 500u) /
          1000u;
      result.push_back(static_cast<std::uint8_t>(luma));
    }
  } else {
    refuse(file, fmt::format("it has {} channels; the model reads {}", from, to),
           "only grey and RGB can be converted into each other");
  }
  return result;
}

// libpng reports errors by longjmp, so the code between setjmp and the call that may fail uses only
// plain C objects; objects with a destructor are in the caller. An exception of the stream is kept
// in `failure` until libpng's frames are left.
struct PngReader {
  PictureStream& stream;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::array<char, 200> error{};
  std::exception_ptr failure;

  explicit PngReader(PictureStream& source) : stream(source) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, auto) {});
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) throw std::bad_alloc();
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool read_header() {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, this, on_read);
    png_read_info(png, info);
    return true;
  }

  // Converts to 8 bits per channel: grey, grey + alpha, RGB or RGB + alpha.
  bool start() {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_expand(png);
    png_set_scale_16(png);
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
  bool take(png_bytep to, png_size_t size) noexcept {
    try {
      return stream.read({to, size}) == size;
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  }

  static void on_read(png_structp png, png_bytep to, png_size_t size) {
    if (!static_cast<PngReader*>(png_get_io_ptr(png))->take(to, size)) {
      png_error(png, "it ends too early");
    }
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->error.data(), self->error.size(), "%s", message);
    png_longjmp(png, 1);
  }
};

std::vector<std::uint8_t> read_png(PictureStream& stream, const Shape& shape) {
  const std::string& path = stream.name();
  PngReader reader(stream);
  auto damaged = [&] {
    if (reader.failure) std::rethrow_exception(reader.failure);
    refuse(path, fmt::format("PNG: {}", reader.error.data()), "create the file again");
  };
  if (!reader.read_header()) damaged();
  check_size(path, static_cast<Index>(png_get_image_height(reader.png, reader.info)),
             static_cast<Index>(png_get_image_width(reader.png, reader.info)), shape);
  if (!reader.start()) damaged();

  const auto height = static_cast<std::size_t>(shape.height);
  const auto area = static_cast<std::size_t>(shape.height * shape.width);
  const std::size_t stride = png_get_rowbytes(reader.png, reader.info);
  const std::size_t samples = png_get_channels(reader.png, reader.info);
  std::vector<std::uint8_t> pixels(height * stride);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = pixels.data() + y * stride;
  if (!reader.read_rows(rows.data())) damaged();

  const std::size_t channels = samples >= 3 ? 3 : 1;
  if (samples != channels) {  // the last channel is alpha
    for (std::size_t i = 0; i < area; ++i) {
      if (pixels[i * samples + channels] != 255) {
        refuse(path, "it has transparent pixels",
               "remove the transparency (flatten the image onto a background)");
      }
      for (std::size_t c = 0; c < channels; ++c) {
        pixels[i * channels + c] = pixels[i * samples + c];
      }
    }
    pixels.resize(area * channels);
  }
  return convert(std::move(pixels), static_cast<Index>(channels), shape.channels, path);
}

bool is_space(int c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// The next byte that is neither white space nor in a comment, which extends from # to the end of
// its line; -1 at the end.
int next_character(PictureStream& stream) {
  int c = stream.get();
  while (c == '#' || is_space(c)) {
    if (c == '#') {
      while (c != '\n' && c != -1) c = stream.get();
    }
    if (c != -1) c = stream.get();
  }
  return c;
}

struct Number {
  Index value = 0;
  int next = -1;  // the byte after the number, which is taken, too
};

// Reads a number of a header or of a plain file.
Number next_number(PictureStream& stream) {
  Number number;
  int digits = 0;
  int c = next_character(stream);
  for (; c >= '0' && c <= '9' && digits < 9; c = stream.get(), ++digits) {
    number.value = number.value * 10 + (c - '0');
  }
  if (digits == 0 || (c >= '0' && c <= '9')) {
    refuse(stream.name(),
           fmt::format("a number is missing or wrong at byte {}",
                       std::max<std::uint64_t>(stream.position(), 1) - 1),
           "create the file again");
  }
  number.next = c;
  return number;
}

// Refuses bytes after a raster: only they show that a raster begins later than the format says.
void expect_end_of_raster(PictureStream& stream, int after_header, int first) {
  const std::string rest = rest_of(stream);
  if (rest.empty()) return;
  const char* cause = "the file may hold a second picture";
  if (after_header == '\r' && first == '\n') cause = "its header ends in CR LF, as in text mode";
  if (first == '#') cause = "a comment follows the maximum value, where the raster must begin";
  refuse(stream.name(), fmt::format("{} its raster: {}", rest, cause),
         "write one picture, with a single white-space character between the maximum value and the "
         "raster");
}

void expect_end_of_numbers(PictureStream& stream) {
  if (next_character(stream) == -1) return;
  const std::uint64_t at = stream.position() - 1;
  refuse(stream.name(),
         fmt::format("after its last number it has more than white space, from byte {} on", at),
         "write one picture, with nothing after it");
}

std::vector<std::uint8_t> read_pnm(PictureStream& stream, const Shape& shape) {
  const std::string& path = stream.name();
  stream.get();
  const int kind = stream.get();
  const bool plain = kind == '2' || kind == '3';
  const Index channels = kind == '3' || kind == '6' ? 3 : 1;
  const Index width = next_number(stream).value, height = next_number(stream).value;
  const auto [largest, after_header] = next_number(stream);
  if (largest < 1 || largest > 65535) {
    refuse(path, fmt::format("its maximum value is {}, not from 1 to 65535", largest),
           "create the file again");
  }
  check_size(path, height, width, shape);

  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * channels));
  int first = -1;  // first byte of the raster
  for (std::uint8_t& pixel : pixels) {
    Index value = 0;
    if (plain) {
      value = next_number(stream).value;
    } else {
      for (int byte = largest > 255 ? 2 : 1; byte > 0; --byte) {
        const int c = stream.get();
        if (c == -1) refuse(path, "it ends too early", "create the file again");
        if (first == -1) first = c;
        value = value * 256 + c;
      }
    }
    if (value > largest) {
      refuse(path,
             fmt::format("it contains the value {}, above its maximum value {}", value, largest),
             "create the file again");
    }
    pixel = static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
  }
  if (plain) {
    expect_end_of_numbers(stream);
  } else {
    expect_end_of_raster(stream, after_header, first);
  }
  return convert(std::move(pixels), channels, shape.channels, path);
}

std::vector<Image> read_idx(PictureStream& stream, const std::string& file, const Shape& shape,
                            std::optional<Index> wanted) {
  const std::string& path = stream.name();
  const auto header = parse_idx_header(stream.beginning(kLongestIdxHeader));
  if (!header) {
    refuse(path, "not an IDX file of images (unsigned bytes, 3 or 4 dimensions)", kFormats);
  }
  std::array<std::uint8_t, kLongestIdxHeader> taken{};
  stream.read(std::span(taken).first(header->bytes));
  const Index count = header->count, channels = header->shape.channels;
  check_size(path, header->shape.height, header->shape.width, shape);
  if (channels != 1 && channels != 3) {
    refuse(path, fmt::format("it has {} channels", channels), "use a grey or RGB picture");
  }
  if (count == 0) refuse(path, "it holds no images", "write at least one");
  if (wanted && *wanted >= count) {
    throw UserError(Fault::usage, fmt::format("--index {} is past the end", *wanted),
                    fmt::format("{} holds {} images, counted from 0", path, count),
                    "choose a smaller number");
  }
  std::vector<Image> images;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(shape.height * shape.width * channels));
  for (Index i = 0; i < count; ++i) {
    if (stream.read(pixels) != pixels.size()) {
      refuse(path, fmt::format("it ends in image {} of {}", i, count), "get the file again");
    }
    if (!wanted || i == *wanted) {
      images.push_back({file, i, convert(pixels, channels, shape.channels, path)});
    }
  }
  if (const std::string rest = rest_of(stream); !rest.empty()) {
    refuse(path, fmt::format("{} its {} images", rest, count), "get the file again");
  }
  return images;
}

}  // namespace

std::vector<Image> read_images(const std::string& file, const Shape& shape,
                               std::optional<Index> index) {
  PictureStream stream(file);
  const auto magic = stream.beginning(8);
  if (magic.size() >= 4 && magic[0] == 0 && magic[1] == 0) {
    return read_idx(stream, file, shape, index);
  }
  if (index) {
    throw UserError(Fault::usage, "--index needs an IDX file",
                    fmt::format("{} holds one image", stream.name()), "leave --index out");
  }
  if (magic.size() == 8 && png_sig_cmp(magic.data(), 0, 8) == 0) {
    return {{file, std::nullopt, read_png(stream, shape)}};
  }
  constexpr std::string_view kKinds = "2356";
  if (magic.size() >= 2 && magic[0] == 'P' &&
      kKinds.find(static_cast<char>(magic[1])) != std::string_view::npos) {
    return {{file, std::nullopt, read_pnm(stream, shape)}};
  }
  refuse(stream.name(), "unsupported image format", kFormats);
}

}  // namespace convoy::app
