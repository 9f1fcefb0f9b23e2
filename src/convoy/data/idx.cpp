// SPDX-License-Identifier: Apache-2.0
#include "convoy/data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "convoy/base/check.hpp"
#include "convoy/data/data_file.hpp"

namespace convoy {
namespace {

constexpr std::uint32_t kImages = 0x00000803, kLabels = 0x00000801;
constexpr std::uint64_t kMagicBytes = 4;

std::uint32_t big_endian(const std::uint8_t* b) {
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

std::string_view content_of(std::uint32_t magic) {
  if (magic == kImages) return "images";
  if (magic == kLabels) return "labels";
  return "something else";
}

void check_magic(DataFile& file, std::uint32_t wanted) {
  std::array<std::uint8_t, kMagicBytes> bytes{};
  file.read(bytes, "the magic number");
  const std::uint32_t magic = big_endian(bytes.data());
  if (magic == wanted) return;
  file.refuse(fmt::format("holds {} instead of {}", content_of(magic), content_of(wanted)),
              fmt::format("its magic number at byte 0 is {:#010x}, not {:#010x}", magic, wanted));
}

// The numbers after the magic number, all of them at least 1.
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

// What follows the header is exactly `count * each` bytes. Comes before the memory for them.
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
                  Index classes) {
  constexpr std::ptrdiff_t kHeader = 8;
  const auto wrong = std::ranges::find_if(labels, [&](Label l) { return l >= classes; });
  if (wrong == labels.end()) return;
  const auto sample = wrong - labels.begin();
  throw UserError(Fault::bad_data,
                  fmt::format("{} holds a label that is out of range", file.string()),
                  fmt::format("label {} of sample {}, at byte {}; there are {} classes", *wrong,
                              sample, kHeader + sample, classes),
                  "put an intact copy of the file in its place");
}

Index classes_shown(const std::vector<Label>& labels) {
  return labels.empty() ? 0 : Index{*std::ranges::max_element(labels)} + 1;
}

}  // namespace

IdxImages read_idx_images(const std::filesystem::path& path) {
  constexpr std::uint64_t kHeader = 16;
  DataFile file(path);
  check_magic(file, kImages);
  const auto [count, rows, columns] = read_sizes(file, std::array{"images", "rows", "columns"});
  check_size(file, kHeader, count, rows * columns,  // 32 by 32 bits cannot overflow
             fmt::format("{} images of {} x {}", count, rows, columns));
  IdxImages images;
  images.count = static_cast<Index>(count);
  images.shape = {static_cast<Index>(rows), static_cast<Index>(columns), 1};
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
                  const std::vector<std::string>& names) {
  Part a = read_part(train), b = read_part(test);
  if (a.images.shape != b.images.shape)
    throw UserError(Fault::bad_data,
                    fmt::format("{} and {} do not belong together", train.images.string(),
                                test.images.string()),
                    fmt::format("images of {} x {} and of {} x {}", a.images.shape.height,
                                a.images.shape.width, b.images.shape.height, b.images.shape.width),
                    "put files of the same set side by side");
  if (classes == 0)
    classes = std::max({Index{2}, classes_shown(a.labels), classes_shown(b.labels)});
  check_labels(train.labels, a.labels, classes);
  check_labels(test.labels, b.labels, classes);
  const auto dataset = [&](Part& part) {
    Dataset data(part.images.shape, std::move(part.images.pixels), std::move(part.labels), classes);
    data.set_class_names(names);
    return data;
  };
  return {dataset(a), dataset(b)};
}

}  // namespace convoy
