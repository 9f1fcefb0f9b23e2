// SPDX-License-Identifier: Apache-2.0
#include "data/npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <string_view>

#include "base/memory.hpp"
#include "data/npy_header.hpp"

namespace convoy {
namespace {

constexpr std::size_t kAtOnce = 8192;  // numbers that are decoded at a time
constexpr double kLargestByte = 255;

// "(60000, 28, 28)"
std::string in_words(const std::vector<std::uint64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

// The number of numbers. Checks that they all follow the header, before memory for them is
// allocated.
std::size_t check_size(const Content& content, const NpyHeader& header) {
  std::uint64_t count = 1, stated = 0;
  for (const std::uint64_t size : header.shape) {
    if (size == 0)
      content.refuse("holds nothing", fmt::format("its shape is {}", in_words(header.shape)));
    if (__builtin_mul_overflow(count, size, &count)) count = UINT64_MAX;
  }
  if (__builtin_mul_overflow(count, header.item, &stated) ||
      __builtin_add_overflow(stated, header.bytes, &stated))
    content.refuse(
        "has an impossible header",
        fmt::format("an array of {} is too large for any memory", in_words(header.shape)));
  const std::uint64_t size = content.size(stated);
  if (size != stated)
    content.refuse(size < stated ? "is truncated" : "is too long",
                   fmt::format("its header states {} numbers of {} bytes, {} bytes in all, and it "
                               "has {}",
                               in_words(header.shape), header.item, stated, size));
  return count;
}

template <class Number>
double number_from(std::span<const std::uint8_t> bytes) {
  Number number;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return static_cast<double>(number);
}

using Decode = double (*)(std::span<const std::uint8_t>);

// Reads a number in the byte order of this machine; null for a kind that is no number here. All
// numbers that are accepted later are exact in double.
Decode decoder(const NpyHeader& header) {
  switch (header.kind) {
    case 'b':
      return header.item == 1 ? number_from<std::uint8_t> : nullptr;
    case 'u':
      return header.item == 1   ? number_from<std::uint8_t>
             : header.item == 2 ? number_from<std::uint16_t>
             : header.item == 4 ? number_from<std::uint32_t>
             : header.item == 8 ? number_from<std::uint64_t>
                                : Decode(nullptr);
    case 'i':
      return header.item == 1   ? number_from<std::int8_t>
             : header.item == 2 ? number_from<std::int16_t>
             : header.item == 4 ? number_from<std::int32_t>
             : header.item == 8 ? number_from<std::int64_t>
                                : Decode(nullptr);
    case 'f':
      return header.item == 4   ? number_from<float>
             : header.item == 8 ? number_from<double>
                                : Decode(nullptr);
    default:
      return nullptr;
  }
}

// Calls take(index, number) for every number in the order of the file.
template <class Take>
void read_numbers(Content& content, const NpyHeader& header, std::size_t count,
                  std::string_view what, Take take) {
  const Decode decode = decoder(header);
  const bool is_swapped = header.is_big_endian != (std::endian::native == std::endian::big);
  std::vector<std::uint8_t> bytes(std::min(kAtOnce, count) * header.item);
  for (std::size_t first = 0; first < count; first += kAtOnce) {
    const std::size_t numbers = std::min(kAtOnce, count - first);
    content.read(std::span(bytes).first(numbers * header.item), what);
    for (std::size_t i = 0; i < numbers; ++i) {
      const auto number = std::span(bytes).subspan(i * header.item, header.item);
      if (is_swapped) std::ranges::reverse(number);
      take(first + i, decode(number));
    }
  }
}

bool is_whole(double number, double most) {
  return number >= 0 && number <= most && number == std::floor(number);  // a NaN is none of these
}

// Where the numbers of a file belong: the position in the order of the last index for one number
// after the other in the order of the file.
class Positions {
 public:
  Positions(const std::vector<std::uint64_t>& shape, bool is_fortran_order)
      : shape_(shape),
        is_fortran_order_(is_fortran_order),
        steps_(shape.size(), 1),
        index_(shape.size(), 0) {
    for (std::size_t d = shape.size() - 1; d > 0; --d) steps_[d - 1] = steps_[d] * shape[d];
  }

  std::size_t next() {
    const std::size_t position = position_;
    if (!is_fortran_order_) {
      ++position_;
      return position;
    }
    for (std::size_t d = 0; d < shape_.size(); ++d) {
      position_ += steps_[d];
      if (++index_[d] < shape_[d]) break;
      position_ -= steps_[d] * shape_[d];
      index_[d] = 0;
    }
    return position;
  }

 private:
  std::vector<std::size_t> shape_;
  bool is_fortran_order_;
  std::vector<std::size_t> steps_, index_;
  std::size_t position_ = 0;
};

Shape image_shape(const Content& content, const NpyHeader& header) {
  const std::vector<std::uint64_t>& shape = header.shape;
  if (shape.size() != 3 && shape.size() != 4)
    content.refuse("holds no images", fmt::format("its shape is {}", in_words(shape)),
                   "write an array of the shape (images, rows, columns) or (images, rows, columns, "
                   "channels)");
  constexpr std::uint64_t kMostColours = 4;  // red, green, blue, alpha
  if (shape.size() == 4 && shape[1] <= kMostColours && shape[3] > kMostColours)
    content.refuse("has the channels before the rows",
                   fmt::format("its shape is {}", in_words(shape)),
                   "write the images as (images, rows, columns, channels), for example with "
                   "np.transpose(x, (0, 2, 3, 1))");
  return {static_cast<Index>(shape[1]), static_cast<Index>(shape[2]),
          shape.size() == 4 ? static_cast<Index>(shape[3]) : 1};
}

[[noreturn]] void refuse_type(const Content& content, const NpyHeader& header,
                              std::string_view wanted) {
  content.refuse(
      fmt::format("holds no {}", wanted),
      fmt::format("its numbers have the type '{}'", header.type),
      fmt::format("write the {} as {}", wanted, wanted == "images" ? "np.uint8" : "integers"));
}

[[noreturn]] void refuse_pixel(const Content& content, const NpyHeader& header, std::size_t i,
                               double number, std::string_view rule, std::string_view remedy) {
  content.refuse("holds a number that is no pixel",
                 fmt::format("number {} at byte {} is {}; {}", i, header.bytes + i * header.item,
                             number, rule),
                 remedy);
}

// Reads bytes in their final order, or other integers that are whole and from 0 to 255.
void read_integers(Content& content, const NpyHeader& header, std::span<std::uint8_t> pixels) {
  if (header.kind == 'u' && header.item == 1 && !header.is_fortran_order)
    return content.read(pixels, "the images");
  Positions positions(header.shape, header.is_fortran_order);
  read_numbers(content, header, pixels.size(), "the images", [&](std::size_t i, double number) {
    if (!is_whole(number, kLargestByte))
      refuse_pixel(content, header, i, number, "integers that are pixels are from 0 to 255",
                   "write the images as np.uint8, or as np.float32 where they have another range");
    pixels[positions.next()] = static_cast<std::uint8_t>(number);
  });
}

// Reads floating-point numbers, and makes bytes of them where all are.
void read_floats(Content& content, const NpyHeader& header, std::size_t count, ImageArray& images) {
  images.floats.resize(count);
  Positions positions(header.shape, header.is_fortran_order);
  bool are_bytes = true;
  double largest = 0;
  read_numbers(content, header, count, "the images", [&](std::size_t i, double number) {
    const auto rounded = static_cast<float>(number);
    if (!std::isfinite(rounded))
      refuse_pixel(content, header, i, number, "pixels are finite in single precision",
                   "replace such numbers, for example with np.nan_to_num");
    are_bytes = are_bytes && is_whole(number, kLargestByte);
    largest = std::max(largest, number);
    images.floats[positions.next()] = rounded;
  });
  images.is_dim = largest <= 1;
  if (!are_bytes) return;
  images.pixels.resize(count);
  std::ranges::transform(images.floats, images.pixels.begin(),
                         [](float pixel) { return static_cast<std::uint8_t>(pixel); });
  images.floats = {};
}

}  // namespace

NpyHeader read_npy_header(Content& content) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  std::array<std::uint8_t, 12> begin{};
  content.read(std::span(begin).first(8), "the beginning of an array");
  if (!std::equal(kMagic.begin(), kMagic.end(), begin.begin(),
                  [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
    content.refuse("is no array of NumPy", "it does not begin with 0x93 NUMPY",
                   "write it with np.save or np.savez_compressed");
  const unsigned version = begin[6];
  if (version < 1 || version > 3)
    content.refuse("has an unknown version of the format .npy",
                   fmt::format("{}.{}", version, begin[7]),
                   "write it with np.save or np.savez_compressed");
  const std::size_t width = version == 1 ? 2 : 4;
  content.read(std::span(begin).subspan(8, width), "the length of the header");
  std::uint64_t length = 0;
  for (std::size_t i = width; i > 0; --i) length = length << 8 | begin[8 + i - 1];
  if (length > kLongestNpyHeader)
    content.refuse("has an impossible header",
                   fmt::format("{} bytes long, at most {} are allowed", length, kLongestNpyHeader));
  std::string text(length, '\0');
  content.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, "the header");
  NpyHeader header = parse_npy_header(content, text);
  header.bytes = 8 + width + length;
  return header;
}

ImageArray read_npy_images(Content& content) {
  const NpyHeader header = read_npy_header(content);
  if (!decoder(header) || header.kind == 'b') refuse_type(content, header, "images");
  ImageArray images;
  images.shape = image_shape(content, header);
  const std::size_t count = check_size(content, header);
  images.count = static_cast<Index>(header.shape[0]);
  const bool is_float = header.kind == 'f';
  check_room(count * (is_float ? sizeof(float) + 1 : 1),
             fmt::format("the images of {}", content.name()));
  if (is_float) {
    read_floats(content, header, count, images);
  } else {
    images.pixels.resize(count);
    read_integers(content, header, images.pixels);
  }
  content.expect_end();
  return images;
}

LabelArray read_npy_labels(Content& content) {
  const NpyHeader header = read_npy_header(content);
  if (!decoder(header)) refuse_type(content, header, "labels");
  const std::vector<std::uint64_t>& shape = header.shape;
  if (shape.size() == 2 && shape[1] > 1)
    content.refuse("holds several labels for each image",
                   fmt::format("its shape is {}", in_words(shape)),
                   "write one class number for each image; of rows that have a single 1, "
                   "np.argmax(labels, axis=1) makes them");
  if (shape.size() != 1 && shape.size() != 2)
    content.refuse("holds no labels", fmt::format("its shape is {}", in_words(shape)),
                   "write an array of the shape (images,) or (images, 1)");
  const std::size_t count = check_size(content, header);
  check_room(count * sizeof(Label), fmt::format("the labels of {}", content.name()));
  LabelArray result{std::vector<Label>(count), header.bytes, header.item};
  read_numbers(content, header, count, "the labels", [&](std::size_t i, double number) {
    if (!is_whole(number, static_cast<double>(kMostClasses - 1)))
      content.refuse(
          "holds a label that is out of range",
          fmt::format("label {} of sample {}, at byte {}; labels are whole and from 0 to "
                      "{}",
                      number, i, header.bytes + i * header.item, kMostClasses - 1),
          "number the classes from 0");
    result.labels[i] = static_cast<Label>(number);
  });
  content.expect_end();
  return result;
}

}  // namespace convoy
