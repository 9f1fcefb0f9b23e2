// SPDX-License-Identifier: Apache-2.0
#include "data/cifar.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "data/data_file.hpp"

namespace convoy {
namespace {

constexpr Shape kImage{32, 32, 3};
constexpr std::size_t kPlane = std::size_t{32} * 32, kChannels = 3, kPixels = kChannels * kPlane;

// One kind of file: the classes that each of the labels before the pixels can have, and which label
// is the class of the sample.
struct Layout {
  std::string_view name;
  std::vector<Index> classes;
  std::size_t used = 0;

  std::size_t record() const { return classes.size() + kPixels; }
};

std::size_t count_records(const std::filesystem::path& path, const Layout& layout) {
  const DataFile file(path);
  const std::uint64_t bytes = file.size();
  if (bytes == 0) file.refuse("is empty", "0 bytes after decompression");
  if (bytes % layout.record() != 0)
    file.refuse(fmt::format("is not a {} file, or is truncated", layout.name),
                fmt::format("its {} bytes are {} records of {} bytes and {} bytes more", bytes,
                            bytes / layout.record(), layout.record(), bytes % layout.record()));
  return bytes / layout.record();
}

void read_records(const std::filesystem::path& path, const Layout& layout,
                  std::span<std::uint8_t> pixels, std::span<Label> labels) {
  DataFile file(path);
  std::vector<std::uint8_t> record(layout.record());
  std::uint8_t* out = pixels.data();
  for (std::size_t r = 0; r < labels.size(); ++r) {
    file.read(record, "a record");
    for (std::size_t l = 0; l < layout.classes.size(); ++l) {
      if (record[l] >= layout.classes[l])
        file.refuse(
            fmt::format("holds a label that is out of range, or is not a {} file", layout.name),
            fmt::format("label {} of record {}, at byte {}; there are {} classes", record[l], r,
                        r * layout.record() + l, layout.classes[l]));
    }
    labels[r] = record[layout.used];
    const std::uint8_t* planes = record.data() + layout.classes.size();
    for (std::size_t i = 0; i < kPlane; ++i)
      for (std::size_t c = 0; c < kChannels; ++c) *out++ = planes[c * kPlane + i];
  }
  file.expect_end();
}

Dataset read_files(std::span<const std::filesystem::path> files, const Layout& layout) {
  std::vector<std::size_t> counts;
  std::size_t total = 0;
  for (const auto& file : files) total += counts.emplace_back(count_records(file, layout));
  if (!files.empty())
    check_room(total * (kPixels + sizeof(Label)),
               fmt::format("the images of {}", files.front().parent_path().string()));
  std::vector<std::uint8_t> pixels(total * kPixels);
  std::vector<Label> labels(total);
  std::size_t at = 0;
  for (std::size_t f = 0; f < files.size(); at += counts[f++])
    read_records(files[f], layout, std::span(pixels).subspan(at * kPixels, counts[f] * kPixels),
                 std::span(labels).subspan(at, counts[f]));
  return {kImage, std::move(pixels), std::move(labels), layout.classes[layout.used]};
}

}  // namespace

Dataset read_cifar(std::span<const std::filesystem::path> files) {
  return read_files(files, {"CIFAR-10", {kCifarClasses}});
}

Dataset read_cifar100(const std::filesystem::path& file, Cifar100Labels labels) {
  return read_files({&file, 1}, {"CIFAR-100",
                                 {kCifar100CoarseClasses, kCifar100FineClasses},
                                 labels == Cifar100Labels::coarse ? 0U : 1U});
}

}  // namespace convoy
