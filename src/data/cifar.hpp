// SPDX-License-Identifier: Apache-2.0
// The binary versions of CIFAR-10 and CIFAR-100, plain or gzip. A file is a sequence of records:
//   CIFAR-10   1     label, 0 to 9
//   CIFAR-100  1     coarse label, 0 to 19
//              1     fine label, 0 to 99
//   3072  pixels, [channel][row][column] with channels red, green, blue; turned to NHWC when read
// A file that does not consist of whole records, or has a label out of range, throws
// UserError(bad_data).
#pragma once

#include <filesystem>
#include <span>

#include "data/dataset.hpp"

namespace convoy {

inline constexpr Index kCifarClasses = 10, kCifar100FineClasses = 100, kCifar100CoarseClasses = 20;

// Returns the records of all files of CIFAR-10, one file after the other.
Dataset read_cifar(std::span<const std::filesystem::path> files);

// Which of the two labels of a record of CIFAR-100 is the class.
enum class Cifar100Labels { fine, coarse };
Dataset read_cifar100(const std::filesystem::path& file, Cifar100Labels labels);

}  // namespace convoy
