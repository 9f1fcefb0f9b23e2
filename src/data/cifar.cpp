// SPDX-License-Identifier: Apache-2.0
#include "data/cifar.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "data/data_file.hpp"

namespace convoy {
namespace {

constexpr Shape kImage{32, 32, 3};
constexpr std::size_t kPlane = std::size_t{32} * 32, kChannels = 3;
constexpr std::size_t kRecord = 1 + kChannels * kPlane;

std::size_t count_records(const std::filesystem::path& path) {
  const DataFile file(path);
  const std::uint64_t bytes = file.size();
  if (bytes == 0) file.refuse("is empty", "0 bytes after decompression");
  if (bytes % kRecord != 0)
    file.refuse("is not a CIFAR-10 file, or is truncated",
                fmt::format("its {} bytes are {} records of {} bytes and {} bytes more", bytes,
                            bytes / kRecord, kRecord, bytes % kRecord));
  return bytes / kRecord;
}

void read_records(const std::filesystem::path& path, std::span<std::uint8_t> pixels,
                  std::span<Label> labels) {
  DataFile file(path);
  std::array<std::uint8_t, kRecord> record{};
  std::uint8_t* out = pixels.data();
  for (std::size_t r = 0; r < labels.size(); ++r) {
    file.read(record, "a record");
    labels[r] = record[0];
    if (labels[r] >= kCifarClasses)
      file.refuse("holds a label that is out of range, or is not a CIFAR-10 file",
                  fmt::format("label {} of record {}, at byte {}; there are {} classes", labels[r],
                              r, r * kRecord, kCifarClasses));
    for (std::size_t i = 0; i < kPlane; ++i)
      for (std::size_t c = 0; c < kChannels; ++c) *out++ = record[1 + c * kPlane + i];
  }
  file.expect_end();
}

}  // namespace

Dataset read_cifar(std::span<const std::filesystem::path> files) {
  std::vector<std::size_t> counts;
  std::size_t total = 0;
  for (const auto& file : files) total += counts.emplace_back(count_records(file));
  if (!files.empty())
    check_room(total * (kRecord - 1 + sizeof(Label)),
               fmt::format("the images of {}", files.front().parent_path().string()));
  std::vector<std::uint8_t> pixels(total * (kRecord - 1));
  std::vector<Label> labels(total);
  std::size_t at = 0;
  for (std::size_t f = 0; f < files.size(); at += counts[f++])
    read_records(files[f], std::span(pixels).subspan(at * (kRecord - 1), counts[f] * (kRecord - 1)),
                 std::span(labels).subspan(at, counts[f]));
  return {kImage, std::move(pixels), std::move(labels), kCifarClasses};
}

}  // namespace convoy
