// SPDX-License-Identifier: Apache-2.0
#include "data/cifar.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "data/data_file.hpp"

namespace convoy {
namespace {

constexpr std::size_t kPlane = std::size_t{32} * 32, kChannels = 3, kPixels = kChannels * kPlane;

// One kind of file, and which label of a record is the class of the sample.
struct Layout {
  const CifarRecord& record;
  std::size_t used = 0;
};

std::size_t count_records(const std::filesystem::path& path, const Layout& layout) {
  const DataFile file(path);
  const std::uint64_t bytes = file.size();
  if (bytes == 0) file.refuse("is empty", "0 bytes after decompression");
  const std::size_t each = layout.record.bytes();
  if (bytes % each != 0)
    file.refuse(fmt::format("is not a {} file, or is truncated", layout.record.name),
                fmt::format("its {} bytes are {} records of {} bytes and {} bytes more", bytes,
                            bytes / each, each, bytes % each));
  return bytes / each;
}

void read_records(const std::filesystem::path& path, const Layout& layout,
                  std::span<std::uint8_t> pixels, std::span<Label> labels) {
  DataFile file(path);
  const CifarRecord& kind = layout.record;
  std::vector<std::uint8_t> record(kind.bytes());
  for (std::size_t r = 0; r < labels.size(); ++r) {
    file.read(record, "a record");
    if (const std::size_t wrong = wrong_cifar_label(kind, record); wrong < kind.labels())
      file.refuse(fmt::format("holds a label that is out of range, or is not a {} file", kind.name),
                  fmt::format("label {} of record {}, at byte {}; there are {} classes",
                              record[wrong], r, r * kind.bytes() + wrong, kind.classes[wrong]));
    labels[r] = record[layout.used];
    read_cifar_pixels(std::span(record).subspan(kind.labels()),
                      pixels.subspan(r * kPixels, kPixels));
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
  return {kCifarImage, std::move(pixels), std::move(labels), layout.record.classes[layout.used]};
}

}  // namespace

std::size_t wrong_cifar_label(const CifarRecord& kind, std::span<const std::uint8_t> record) {
  std::size_t label = 0;
  while (label < kind.labels() && record[label] < kind.classes[label]) ++label;
  return label;
}

void read_cifar_pixels(std::span<const std::uint8_t> planes, std::span<std::uint8_t> pixels) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < kPlane; ++i)
    for (std::size_t c = 0; c < kChannels; ++c) pixels[at++] = planes[c * kPlane + i];
}

Dataset read_cifar(std::span<const std::filesystem::path> files) {
  return read_files(files, {kCifar10Record});
}

Dataset read_cifar100(const std::filesystem::path& file, Cifar100Labels labels) {
  return read_files({&file, 1}, {kCifar100Record, labels == Cifar100Labels::coarse ? 0U : 1U});
}

}  // namespace convoy
