// SPDX-License-Identifier: Apache-2.0
// The binary versions of CIFAR-10 and CIFAR-100, plain or gzip. A file is a sequence of records:
//   CIFAR-10   1     label, 0 to 9
//   CIFAR-100  1     coarse label, 0 to 19
//              1     fine label, 0 to 99
//   3072  pixels, [channel][row][column] with channels red, green, blue; turned to NHWC when read
// A file that does not consist of whole records, or has a label out of range, throws
// UserError(bad_data).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "data/dataset.hpp"

namespace convoy {

inline constexpr Index kCifarClasses = 10, kCifar100FineClasses = 100, kCifar100CoarseClasses = 20;

inline constexpr Shape kCifarImage{32, 32, 3};

// The records of one kind of file: the number of classes that each of the labels before the pixels
// has; 0 for a second label that is not there.
struct CifarRecord {
  std::string_view name;
  std::array<Index, 2> classes;

  constexpr std::size_t labels() const { return classes[1] == 0 ? 1 : 2; }
  constexpr std::size_t bytes() const {
    return labels() + static_cast<std::size_t>(kCifarImage.size());
  }
};
inline constexpr CifarRecord kCifar10Record{"CIFAR-10", {kCifarClasses, 0}};
inline constexpr CifarRecord kCifar100Record{"CIFAR-100",
                                             {kCifar100CoarseClasses, kCifar100FineClasses}};

// The first label of a record, or of its beginning, that is out of range; labels() if there is
// none.
std::size_t wrong_cifar_label(const CifarRecord& kind, std::span<const std::uint8_t> record);
// Turns the pixels of a record, [channel][row][column], to [row][column][channel].
void read_cifar_pixels(std::span<const std::uint8_t> planes, std::span<std::uint8_t> pixels);

// Returns the records of all files of CIFAR-10, one file after the other.
Dataset read_cifar(std::span<const std::filesystem::path> files);

// Which of the two labels of a record of CIFAR-100 is the class.
enum class Cifar100Labels { fine, coarse };
Dataset read_cifar100(const std::filesystem::path& file, Cifar100Labels labels);

}  // namespace convoy
