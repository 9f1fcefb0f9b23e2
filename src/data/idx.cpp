// SPDX-License-Identifier: Apache-2.0
#include "data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/check.hpp"
#include "base/memory.hpp"
#include "data/data_file.hpp"
#include "data/labels.hpp"

namespace convoy {
namespace {

constexpr std::uint32_t kImages = 0x00000803, kLabels = 0x00000801;
constexpr std::uint32_t kImagesOfChannels = 0x00000804;
constexpr std::uint64_t kMagicBytes = 4;

std::uint32_t big_endian(const std::uint8_t* b) {
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

// What the magic number of a file states: its type, and the number of dimensions.
struct Magic {
  std::uint32_t value;

  bool is_idx() const { return value >> 16 == 0 && !type().empty() && dimensions() >= 1; }
  std::uint32_t dimensions() const { return value & 0xFF; }
  std::string_view type() const {
    switch (value >> 8 & 0xFF) {
      case 0x08:
        return "unsigned bytes";
      case 0x09:
        return "signed bytes";
      case 0x0B:
        return "16-bit integers";
      case 0x0C:
        return "32-bit integers";
      case 0x0D:
        return "32-bit floating-point numbers";
      case 0x0E:
        return "64-bit floating-point numbers";
      default:
        return "";
    }
  }
};

std::string_view content_of(std::uint32_t magic) {
  if (magic == kImages) return "images";
  if (magic == kLabels) return "labels";
  return "something else";
}

std::string remedy_for(Magic found, std::uint32_t wanted) {
  if (found.value == kImages || found.value == kLabels)
    return fmt::format("put the file of {} in its place; perhaps the two are exchanged",
                       content_of(wanted));
  if (!found.is_idx())
    return fmt::format("put a file of {} in its place (IDX: docs/formats.md, \"Data files\")",
                       content_of(wanted));
  return wanted == kImages
             ? "write the images as unsigned bytes of 3 dimensions: count, rows and columns of one "
               "channel"
             : "write the labels as unsigned bytes of 1 dimension: a class number for each image";
}

void check_magic(DataFile& file, std::uint32_t wanted) {
  std::array<std::uint8_t, kMagicBytes> bytes{};
  file.read(bytes, "the magic number");
  const Magic found{big_endian(bytes.data())};
  if (found.value == wanted) return;
  std::string why =
      fmt::format("its magic number at byte 0 is {:#010x}, not {:#010x}", found.value, wanted);
  if (found.is_idx())
    why += fmt::format(": {} of {} dimension{}", found.type(), found.dimensions(),
                       found.dimensions() == 1 ? "" : "s");
  file.refuse(fmt::format("holds {} instead of {}", content_of(found.value), content_of(wanted)),
              why, remedy_for(found, wanted));
}

// Reads the numbers after the magic number, each of which is at least 1.
template <std::size_t N>
std::array<std::uint64_t, N> read_sizes(DataFile& file, const std::array<const char*, N>& names) {
  std::array<std::uint8_t, 4 * N> bytes{};
  file.read(bytes, "the header");
  std::array<std::uint64_t, N> sizes{};
  for (std::size_t i = 0; i < N; ++i) {
    sizes[i] = big_endian(bytes.data() + 4 * i);
    if (sizes[i] == 0)
      file.refuse("holds nothing",
                  fmt::format("the number of {} at byte {} is 0", names[i], kMagicBytes + 4 * i));
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

struct Part {
  IdxImages images;
  std::vector<Label> labels;
};

Part read_part(const IdxFiles& files) {
  Part part;
  part.labels = read_idx_labels(files.labels);
  part.images = read_idx_images(files.images);
  if (part.images.count != static_cast<Index>(part.labels.size()))
    throw UserError(Fault::bad_data,
                    fmt::format("{} and {} do not belong together", files.images.string(),
                                files.labels.string()),
                    fmt::format("{} images and {} labels", part.images.count, part.labels.size()),
                    "put files of the same set side by side");
  return part;
}

void check_labels(const std::filesystem::path& file, const std::vector<Label>& labels,
                  Index classes, const std::filesystem::path& names_file) {
  constexpr std::ptrdiff_t kHeader = 8;
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong == labels.end()) return;
  const auto sample = wrong - labels.begin();
  const std::string doubt = doubts_about_labels(labels);
  const bool begins_with_one = doubt.starts_with("label 0 never");
  throw UserError(
      Fault::bad_data, fmt::format("{} holds a label that is out of range", file.string()),
      fmt::format(
          "label {} of sample {}, at byte {}; {} {} class{}{}{}", *wrong, sample, kHeader + sample,
          names_file.empty() ? "there are" : names_file.filename().string() + " names", classes,
          classes == 1 ? "" : "es", begins_with_one ? "; " : "", begins_with_one ? doubt : ""),
      names_file.empty()
          ? "number the classes from 0, or put an intact copy of the file in its place"
          : fmt::format("number the classes from 0 and name each in {}", names_file.string()));
}

Index classes_shown(const std::vector<Label>& labels) {
  return labels.empty() ? 0 : Index{*std::ranges::max_element(labels)} + 1;
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

IdxImages read_idx_images(const std::filesystem::path& path) {
  constexpr std::uint64_t kHeader = 16;
  DataFile file(path);
  check_magic(file, kImages);
  const auto [count, rows, columns] = read_sizes(file, std::array{"images", "rows", "columns"});
  check_size(file, kHeader, count, rows * columns,  // 32-bit numbers: no overflow
             fmt::format("{} images of {} x {}", count, rows, columns));
  IdxImages images;
  images.count = static_cast<Index>(count);
  images.shape = {static_cast<Index>(rows), static_cast<Index>(columns), 1};
  check_room(count * rows * columns, fmt::format("the images of {}", file.name()));
  images.pixels.resize(count * rows * columns);
  file.read(images.pixels, "the images");
  file.expect_end();
  return images;
}

std::vector<Label> read_idx_labels(const std::filesystem::path& path) {
  constexpr std::uint64_t kHeader = 8;
  DataFile file(path);
  check_magic(file, kLabels);
  const auto [count] = read_sizes(file, std::array{"labels"});
  check_size(file, kHeader, count, 1, fmt::format("{} labels", count));
  std::vector<Label> labels(count);
  file.read(labels, "the labels");
  file.expect_end();
  return labels;
}

IdxParts read_idx(const IdxFiles& train, const IdxFiles& test, Index classes,
                  const std::vector<std::string>& names, const std::filesystem::path& names_file) {
  Part a = read_part(train), b = read_part(test);
  if (a.images.shape != b.images.shape)
    throw UserError(
        Fault::bad_data,
        fmt::format("{} and {} do not belong together", train.images.string(),
                    test.images.string()),
        fmt::format("images of {} and of {}", to_string(a.images.shape), to_string(b.images.shape)),
        "put files of the same set side by side");
  if (classes == 0)
    classes = std::max({Index{2}, classes_shown(a.labels), classes_shown(b.labels)});
  check_labels(train.labels, a.labels, classes, names_file);
  check_labels(test.labels, b.labels, classes, names_file);
  const auto dataset = [&](Part& part, const std::filesystem::path& labels) {
    Dataset data(part.images.shape, std::move(part.images.pixels), std::move(part.labels), classes);
    data.set_class_names(names);
    data.set_label_file(labels);
    return data;
  };
  return {dataset(a, train.labels), dataset(b, test.labels)};
}

}  // namespace convoy
