// SPDX-License-Identifier: Apache-2.0
// The binary version of CIFAR-10, plain or gzip. A file is a sequence of records of 3073 bytes
// each:
//   1     label, 0 to 9
//   3072  pixels, [channel][row][column] with channels red, green, blue; turned to NHWC when read
// A file that does not consist of whole records, or has a label out of range, throws
// UserError(bad_data).
#pragma once

#include <filesystem>
#include <span>

#include "data/dataset.hpp"

namespace convoy {

inline constexpr Index kCifarClasses = 10;

// Returns the records of all files, one file after the other.
Dataset read_cifar(std::span<const std::filesystem::path> files);

}  // namespace convoy
