// SPDX-License-Identifier: Apache-2.0
#include "images.hpp"

#include <fmt/format.h>
#include <png.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <memory>

#include "options.hpp"

namespace convoy::app {
namespace {

constexpr const char* kFormats = "give a PNG, PGM, PPM or IDX file";

[[noreturn]] void refuse(const std::filesystem::path& file, std::string_view why,
                         std::string_view remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", file.string()), why, remedy);
}

void check_size(const std::filesystem::path& file, Index height, Index width, const Shape& shape) {
  if (height == shape.height && width == shape.width) return;
  refuse(file,
         fmt::format("it is {} x {} pixels (height x width), the model reads {} x {}", height,
                     width, shape.height, shape.width),
         fmt::format("resize it first, for example: convert IN -resize {}x{}! OUT.png", shape.width,
                     shape.height));
}

// From `from` channels (1 or 3) to `to`.
std::vector<std::uint8_t> convert(std::vector<std::uint8_t> pixels, Index from, Index to,
                                  const std::filesystem::path& file) {
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
    refuse(file, fmt::format("it has {} channels, the model reads {}", from, to),
           "only grey and RGB can be converted into each other");
  }
  return result;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// libpng reports errors by longjmp, so what happens between setjmp and the call that may fail keeps
// to plain C objects; everything with a destructor lives in the caller.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::array<char, 200> error{};

  PngReader() {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, auto) {});
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) throw std::bad_alloc();
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool read_header(std::FILE* file) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_init_io(png, file);
    png_read_info(png, info);
    return true;
  }

  // To 8 bits a channel: grey, grey + alpha, RGB or RGB + alpha.
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
  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->error.data(), self->error.size(), "%s", message);
    png_longjmp(png, 1);
  }
};

std::vector<std::uint8_t> read_png(const std::filesystem::path& path, std::FILE* file,
                                   const Shape& shape) {
  PngReader reader;
  auto damaged = [&] {
    refuse(path, fmt::format("PNG: {}", reader.error.data()), "the file is damaged: make it again");
  };
  if (!reader.read_header(file)) damaged();
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
  if (samples != channels) {  // the last is alpha
    for (std::size_t i = 0; i < area; ++i) {
      if (pixels[i * samples + channels] != 255) {
        refuse(path, "it has transparent pixels", "flatten it onto a background");
      }
      for (std::size_t c = 0; c < channels; ++c) {
        pixels[i * channels + c] = pixels[i * samples + c];
      }
    }
    pixels.resize(area * channels);
  }
  return convert(std::move(pixels), static_cast<Index>(channels), shape.channels, path);
}

// The next number of a header or of a plain file; comments run from # to the end of the line.
Index next_number(const std::filesystem::path& path, std::FILE* file) {
  int c = std::getc(file);
  while (c == '#' || c == ' ' || (c >= '\t' && c <= '\r')) {
    if (c == '#') {
      while (c != '\n' && c != EOF) c = std::getc(file);
    }
    if (c != EOF) c = std::getc(file);
  }
  Index number = 0;
  int digits = 0;
  for (; c >= '0' && c <= '9' && digits < 9; c = std::getc(file), ++digits) {
    number = number * 10 + (c - '0');
  }
  if (digits == 0 || (c >= '0' && c <= '9')) {
    refuse(
        path,
        fmt::format("a number is missing or wrong at byte {}", std::max(std::ftell(file), 1L) - 1),
        "the file is damaged: make it again");
  }
  return number;  // and one byte after it is taken
}

std::vector<std::uint8_t> read_pnm(const std::filesystem::path& path, std::FILE* file,
                                   const Shape& shape) {
  std::getc(file);
  const int kind = std::getc(file);
  const bool plain = kind == '2' || kind == '3';
  const Index channels = kind == '3' || kind == '6' ? 3 : 1;
  const Index width = next_number(path, file), height = next_number(path, file);
  const Index largest = next_number(path, file);
  if (largest < 1 || largest > 65535) {
    refuse(path, fmt::format("its largest value is {}, not one of 1 .. 65535", largest),
           "the file is damaged: make it again");
  }
  check_size(path, height, width, shape);

  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * channels));
  for (std::uint8_t& pixel : pixels) {
    Index value = 0;
    if (plain) {
      value = next_number(path, file);
    } else {
      for (int byte = largest > 255 ? 2 : 1; byte > 0; --byte) {
        const int c = std::getc(file);
        if (c == EOF) refuse(path, "it ends too early", "the file is damaged: make it again");
        value = value * 256 + c;
      }
    }
    if (value > largest) {
      refuse(path, fmt::format("it holds {}, more than its largest value {}", value, largest),
             "the file is damaged: make it again");
    }
    pixel = static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
  }
  return convert(std::move(pixels), channels, shape.channels, path);
}

struct CloseGzip {
  void operator()(gzFile file) const { gzclose_r(file); }
};

Index big_endian(const std::uint8_t* bytes) {
  return (Index{bytes[0]} << 24) | (Index{bytes[1]} << 16) | (Index{bytes[2]} << 8) | bytes[3];
}

// Unsigned bytes, [images][height][width], [images][height][width][channels].
std::vector<Image> read_idx(const std::filesystem::path& path, const Shape& shape,
                            std::optional<Index> wanted) {
  const std::unique_ptr<gzFile_s, CloseGzip> file(gzopen(path.c_str(), "rb"));
  if (!file) throw SystemError(Fault::io, "gzopen", path.string(), errno);
  auto read = [&](std::uint8_t* to, Index size) {
    return gzread(file.get(), to, static_cast<unsigned>(size)) == size;
  };
  std::array<std::uint8_t, 20> header{};
  if (!read(header.data(), 4) || header[0] != 0 || header[1] != 0 || header[2] != 8 ||
      (header[3] != 3 && header[3] != 4) || !read(header.data() + 4, 4 * header[3])) {
    refuse(path, "not an IDX file of images (unsigned bytes, 3 or 4 dimensions)", kFormats);
  }
  const Index count = big_endian(header.data() + 4);
  const Index channels = header[3] == 4 ? big_endian(header.data() + 16) : 1;
  check_size(path, big_endian(header.data() + 8), big_endian(header.data() + 12), shape);
  if (channels != 1 && channels != 3) {
    refuse(path, fmt::format("it has {} channels", channels), "use a grey or RGB picture");
  }
  if (wanted && *wanted >= count) {
    throw UserError(Fault::usage, fmt::format("--index {} is past the end", *wanted),
                    fmt::format("{} holds {} images, counted from 0", path.string(), count),
                    "choose a smaller number");
  }
  std::vector<Image> images;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(shape.height * shape.width * channels));
  const Index last = wanted ? *wanted + 1 : count;
  for (Index i = 0; i < last; ++i) {
    if (!read(pixels.data(), static_cast<Index>(pixels.size()))) {
      refuse(path, fmt::format("it ends in image {} of {}", i, count),
             "the file is damaged: get it again");
    }
    if (!wanted || i == *wanted) {
      images.push_back({path, i, convert(pixels, channels, shape.channels, path)});
    }
  }
  return images;
}

}  // namespace

std::vector<Image> read_images(const std::filesystem::path& path, const Shape& shape,
                               std::optional<Index> index) {
  if (!std::filesystem::exists(path)) {
    throw UserError(Fault::not_found, fmt::format("no image {}", path.string()),
                    "there is no such file", kFormats);
  }
  if (!std::filesystem::is_regular_file(path)) refuse(path, "it is not a file", kFormats);
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) throw SystemError(Fault::io, "open", path.string(), errno);
  std::array<std::uint8_t, 8> magic{};
  const std::size_t size = std::fread(magic.data(), 1, magic.size(), file.get());
  std::rewind(file.get());

  const bool idx = size >= 4 && magic[0] == 0 && magic[1] == 0;
  const bool gzip = size >= 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  if (idx || gzip) return read_idx(path, shape, index);
  if (index) {
    throw UserError(Fault::usage, "--index needs an IDX file",
                    fmt::format("{} holds one image", path.string()), "leave --index out");
  }
  if (size == 8 && png_sig_cmp(magic.data(), 0, 8) == 0) {
    return {{path, std::nullopt, read_png(path, file.get(), shape)}};
  }
  if (size >= 2 && magic[0] == 'P' &&
      (magic[1] == '2' || magic[1] == '3' || magic[1] == '5' || magic[1] == '6')) {
    return {{path, std::nullopt, read_pnm(path, file.get(), shape)}};
  }
  refuse(path, "unsupported image format", kFormats);
}

}  // namespace convoy::app
