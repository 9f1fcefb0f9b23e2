// SPDX-License-Identifier: Apache-2.0
// The six splits of EMNIST (G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: Extending MNIST
// to handwritten letters, IJCNN 2017), in IDX files with names of their own:
//   emnist-SPLIT-train-images-idx3-ubyte  emnist-SPLIT-train-labels-idx1-ubyte
//   emnist-SPLIT-test-images-idx3-ubyte   emnist-SPLIT-test-labels-idx1-ubyte
// Two things differ from MNIST. The images are stored column by column, so they look mirrored and
// turned; they are transposed when read. The labels of `letters` begin with 1; they are counted
// from 0 when read, unless the options say something else. Files that were changed already should
// have the names of MNIST's files, under which nothing is changed.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/parts.hpp"

namespace convoy {

struct EmnistSplit {
  std::string_view name;         // as in the names of the files
  std::string_view title;        // as messages call it
  std::string_view classes;      // a character for each
  Label first_label;             // in the files
  std::string_view train, test;  // the numbers of images, for people
};
inline constexpr std::string_view kEmnistMerged = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";
inline constexpr EmnistSplit kEmnistSplits[] = {
    {"byclass", "EMNIST (byclass)",
     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 0, "697932", "116323"},
    {"bymerge", "EMNIST (bymerge)", kEmnistMerged, 0, "697932", "116323"},
    {"balanced", "EMNIST (balanced)", kEmnistMerged, 0, "112800", "18800"},
    {"letters", "EMNIST (letters)", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1, "124800", "20800"},
    {"digits", "EMNIST (digits)", "0123456789", 0, "240000", "40000"},
    {"mnist", "EMNIST (mnist)", "0123456789", 0, "60000", "10000"},
};

// The names of the files, in the order of read_emnist(): the images of training, their labels,
// those of the test.
std::vector<std::string> emnist_files(const EmnistSplit& split);
std::vector<std::string> emnist_class_names(const EmnistSplit& split);

// Throws what read_idx() does; a note says what was changed.
Parts read_emnist(const EmnistSplit& split, std::span<const std::filesystem::path> files,
                  DataOptions options = {});

}  // namespace convoy
