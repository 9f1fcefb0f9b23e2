// SPDX-License-Identifier: Apache-2.0
// Arrays in NumPy's format .npy (numpy.lib.format, versions 1.0 to 3.0):
//   6  0x93 "NUMPY"
//   2  the version: major, minor
//   2  (version 1) or 4 (2 and 3): the length of the header, little-endian
//   the header: a Python dictionary with the keys descr, fortran_order and shape, and white space
//   the numbers, in the order of the last index, or of the first where fortran_order is True
// Content that is no such array, has another size than its header states, or holds numbers that are
// no pixels or no labels throws UserError(bad_data), before anything larger than the content is
// allocated. The header may have any length up to kLongestNpyHeader, as NumPy itself demands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/content.hpp"
#include "data/parts.hpp"

namespace convoy {

inline constexpr std::size_t kLongestNpyHeader = 10'000;

struct NpyHeader {
  std::string type;      // as the header has it: "|u1", "<i8"
  char kind = 0;         // of the numbers: b, i, u, f as in NumPy
  std::size_t item = 0;  // bytes of a number
  bool is_big_endian = false;
  bool is_fortran_order = false;
  std::vector<std::uint64_t> shape;
  std::size_t bytes = 0;  // all bytes before the first number
};
// Reads the header; the numbers are next.
NpyHeader read_npy_header(Content& content);

// The shape is [count][height][width], or [count][height][width][channels] where the channels are
// not the second of four indices (at most 4 rows and more than 4 channels are taken for that).
// Numbers that are whole and from 0 to 255, throughout the array, are bytes. Other floating-point
// numbers are floats, rounded to nearest; they must be finite, as floats too. Other integers are
// refused.
ImageArray read_npy_images(Content& content);

// The shape is [count] or [count][1], and the numbers are whole and from 0 to kMostClasses - 1.
LabelArray read_npy_labels(Content& content);

}  // namespace convoy
