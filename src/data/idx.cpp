// SPDX-License-Identifier: Apache-2.0
#include "data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/memory.hpp"
#include "data/data_file.hpp"

namespace convoy {
namespace {

constexpr std::uint32_t kImages = 0x00000803;
constexpr std::uint32_t kImagesOfChannels = 0x00000804;
constexpr std::uint32_t kExtendedLabels = 0x00000C02;
constexpr std::uint64_t kMagicBytes = 4;

std::uint32_t big_endian(const std::uint8_t* b) {
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

// A type of numbers that IDX knows. `bytes_of_label`: of each number, if labels may have this type.
struct Type {
  std::uint32_t code;
  std::string_view name;
  std::size_t bytes_of_label = 0;
};
constexpr std::uint32_t kUnsignedBytes = 0x08;
constexpr std::array kTypes = {Type{kUnsignedBytes, "unsigned bytes", 1},
                               Type{0x09, "signed bytes"},
                               Type{0x0B, "16-bit integers", 2},
                               Type{0x0C, "32-bit integers", 4},
                               Type{0x0D, "32-bit floating-point numbers"},
                               Type{0x0E, "64-bit floating-point numbers"}};

enum class Kind { images, labels, extended_labels, other };

// "images (0x00000803)", "labels (0x00000801, 0x00000b01, 0x00000c01)"
std::string magic_numbers(Kind kind) {
  if (kind == Kind::images)
    return fmt::format("images ({:#010x}, {:#010x})", kImages, kImagesOfChannels);
  if (kind == Kind::extended_labels)
    return fmt::format("extended labels ({:#010x})", kExtendedLabels);
  std::string text;
  for (const Type& type : kTypes) {
    if (type.bytes_of_label == 0) continue;
    text += fmt::format("{}{:#010x}", text.empty() ? "" : ", ", type.code << 8 | 1);
  }
  return fmt::format("labels ({})", text);
}

// What the magic number of a file states: its type, and the number of dimensions.
struct Magic {
  std::uint32_t value;

  bool is_idx() const { return value >> 16 == 0 && type() != nullptr && dimensions() >= 1; }
  std::uint32_t dimensions() const { return value & 0xFF; }
  // Returns null if IDX has no such type.
  const Type* type() const {
    const auto found = std::ranges::find(kTypes, value >> 8 & 0xFF, &Type::code);
    return found == kTypes.end() ? nullptr : &*found;
  }
  Kind kind() const {
    if (value == kImages || value == kImagesOfChannels) return Kind::images;
    if (value == kExtendedLabels) return Kind::extended_labels;
    return is_idx() && dimensions() == 1 && type()->bytes_of_label > 0 ? Kind::labels : Kind::other;
  }
};

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::images:
      return "images";
    case Kind::labels:
      return "labels";
    case Kind::extended_labels:
      return "extended labels";
    default:
      return "something else";
  }
}

std::string remedy_for(Magic found, Kind wanted) {
  if (found.kind() == Kind::extended_labels && wanted == Kind::labels)
    return "keep the names of QMNIST's four files, which say that its labels are extended";
  if (found.kind() != Kind::other)
    return fmt::format("put the file of {} in its place; perhaps the two are exchanged",
                       to_string(wanted));
  if (!found.is_idx())
    return fmt::format("put a file of {} in its place (IDX: docs/formats.md, \"Data files\")",
                       to_string(wanted));
  switch (wanted) {
    case Kind::images:
      return "write the images as unsigned bytes of 3 dimensions (count, rows and columns) or of 4 "
             "(these and channels)";
    case Kind::extended_labels:
      return "write the labels as 32-bit integers of 2 dimensions: count, and 8 columns";
    default:
      return "write the labels as unsigned bytes, or as 16-bit or 32-bit integers, of 1 dimension: "
             "a class number for each image";
  }
}

Magic read_magic(DataFile& file, Kind wanted) {
  std::array<std::uint8_t, kMagicBytes> bytes{};
  file.read(bytes, "the magic number");
  const Magic found{big_endian(bytes.data())};
  if (found.kind() == wanted) return found;
  std::string why = fmt::format("its magic number at byte 0 is {:#010x}, not that of {}",
                                found.value, magic_numbers(wanted));
  if (found.is_idx())
    why += fmt::format(": {} of {} dimension{}", found.type()->name, found.dimensions(),
                       found.dimensions() == 1 ? "" : "s");
  file.refuse(fmt::format("holds {} instead of {}", to_string(found.kind()), to_string(wanted)),
              why, remedy_for(found, wanted));
}

// Reads the next numbers of the header, which begin at byte `at`; each is at least 1.
template <std::size_t N>
std::array<std::uint64_t, N> read_sizes(DataFile& file, const std::array<const char*, N>& names,
                                        std::uint64_t at = kMagicBytes) {
  std::array<std::uint8_t, 4 * N> bytes{};
  file.read(bytes, "the header");
  std::array<std::uint64_t, N> sizes{};
  for (std::size_t i = 0; i < N; ++i) {
    sizes[i] = big_endian(bytes.data() + 4 * i);
    if (sizes[i] == 0)
      file.refuse("holds nothing",
                  fmt::format("the number of {} at byte {} is 0", names[i], at + 4 * i));
  }
  return sizes;
}

// Checks that exactly `count * each` bytes follow the header. Called before their memory is
// allocated.
void check_size(const DataFile& file, std::uint64_t header, std::uint64_t count, std::uint64_t each,
                const std::string& statement) {
  std::uint64_t stated = 0;
  if (__builtin_mul_overflow(count, each, &stated) ||
      __builtin_add_overflow(stated, header, &stated))
    file.refuse("has an impossible header",
                fmt::format("{} are too large for any memory", statement));
  const std::uint64_t size = file.size(stated);
  if (size == stated) return;
  file.refuse(
      size < stated ? "is truncated" : "is too long",
      fmt::format("its header states {}, {} bytes in all, and it has {}", statement, stated, size));
}

// Reads a big-endian integer of 1, 2 or 4 bytes; those of several bytes are signed.
std::int64_t label_at(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  if (bytes.size() == 2) return static_cast<std::int16_t>(value);
  return bytes.size() == 1 ? std::int64_t{value} : static_cast<std::int32_t>(value);
}

// The bytes of an image, or so many that no file has them.
std::uint64_t image_bytes(const std::array<std::uint64_t, 4>& sizes) {
  std::uint64_t bytes = 0;
  const bool is_large = __builtin_mul_overflow(sizes[1] * sizes[2], sizes[3], &bytes);
  return is_large ? UINT64_MAX : bytes;
}

PartArrays read_part(const IdxFiles& files) {
  LabelArray labels = read_idx_labels(files.labels, files.label_columns);
  return {read_idx_images(files.images), std::move(labels), files.images.string(),
          files.labels.string()};
}

}  // namespace

std::optional<IdxHeader> parse_idx_header(std::span<const std::uint8_t> beginning) {
  if (beginning.size() < kMagicBytes) return std::nullopt;
  const std::uint32_t magic = big_endian(beginning.data());
  const std::size_t dimensions = magic & 0xFF, bytes = kMagicBytes + 4 * dimensions;
  const bool is_images = magic == kImages || magic == kImagesOfChannels;
  if (!is_images || beginning.size() < bytes) return std::nullopt;
  const auto size = [&](std::size_t i) {
    return Index{big_endian(beginning.data() + kMagicBytes + 4 * i)};
  };
  return IdxHeader{size(0), {size(1), size(2), dimensions == 4 ? size(3) : 1}, bytes};
}

ImageArray read_idx_images(const std::filesystem::path& path) {
  DataFile file(path);
  const bool has_channels = read_magic(file, Kind::images).value == kImagesOfChannels;
  const auto [count, rows, columns] = read_sizes(file, std::array{"images", "rows", "columns"});
  const std::uint64_t channels =
      has_channels ? read_sizes(file, std::array{"channels"}, kMagicBytes + 12)[0] : 1;
  check_size(file, kMagicBytes + (has_channels ? 16 : 12), count,
             image_bytes({count, rows, columns, channels}),
             fmt::format("{} images of {} x {}{}", count, rows, columns,
                         has_channels ? fmt::format(" x {}", channels) : std::string()));
  ImageArray images;
  images.count = static_cast<Index>(count);
  images.shape = {static_cast<Index>(rows), static_cast<Index>(columns),
                  static_cast<Index>(channels)};
  const std::uint64_t bytes = count * rows * columns * channels;
  check_room(bytes, fmt::format("the images of {}", file.name()));
  images.pixels.resize(bytes);
  file.read(images.pixels, "the images");
  file.expect_end();
  return images;
}

LabelArray read_idx_labels(const std::filesystem::path& path, std::size_t columns) {
  DataFile file(path);
  const bool is_extended = columns > 1;
  const Magic magic = read_magic(file, is_extended ? Kind::extended_labels : Kind::labels);
  const std::size_t each = magic.type()->bytes_of_label, step = each * columns;
  const auto [count] = read_sizes(file, std::array{"labels"});
  const std::size_t header = kMagicBytes + (is_extended ? 8 : 4);
  if (is_extended) {
    const auto [stated] = read_sizes(file, std::array{"columns"}, kMagicBytes + 4);
    if (stated != columns)
      file.refuse("holds labels of another kind",
                  fmt::format("{} columns, and QMNIST has {}", stated, columns),
                  "put a file of QMNIST's extended labels in its place");
  }
  check_size(file, header, count, step, fmt::format("{} labels", count));
  check_room(count * sizeof(Label), fmt::format("the labels of {}", file.name()));
  LabelArray result{std::vector<Label>(count), header, step};
  constexpr std::size_t kAtOnce = 4096;
  std::vector<std::uint8_t> bytes(kAtOnce * step);
  for (std::size_t first = 0; first < count; first += kAtOnce) {
    const auto part = std::span(result.labels).subspan(first, std::min(kAtOnce, count - first));
    file.read(std::span(bytes).first(part.size() * step), "the labels");
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::int64_t label = label_at(std::span(bytes).subspan(i * step, each));
      if (label < 0 || label >= kMostClasses)
        file.refuse("holds a label that is out of range",
                    fmt::format("label {} of sample {}, at byte {}; labels are from 0 to {}", label,
                                first + i, header + (first + i) * step, kMostClasses - 1),
                    "number the classes from 0, or put an intact copy of the file in its place");
      part[i] = static_cast<Label>(label);
    }
  }
  file.expect_end();
  return result;
}

Parts read_idx(const IdxFiles& train, const IdxFiles& test, Index classes,
               const std::filesystem::path& names_file, const DataOptions& options) {
  SetArrays arrays{read_part(train), read_part(test)};
  Parts parts = make_parts(std::move(arrays), classes, names_file, options);
  parts.train.set_label_file(train.labels);
  parts.test.set_label_file(test.labels);
  return parts;
}

}  // namespace convoy
