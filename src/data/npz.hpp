// SPDX-License-Identifier: Apache-2.0
// Data sets in one .npz file, as np.savez and np.savez_compressed write it: a zip archive of arrays
// in the format .npy. The names of the arrays are those of MedMNIST or those of Keras:
//   train_images  train_labels  test_images  test_labels
//   x_train       y_train       x_test       y_test
// MedMNIST's validation images, if they are there, are held out (Parts::validation):
//   val_images  val_labels
// Arrays of other names are not read.
#pragma once

#include <filesystem>
#include <span>

#include "data/parts.hpp"

namespace convoy {

// Throws UserError(bad_data) where the file is no such archive, and for the reasons of
// read_npy_images(), read_npy_labels() and make_parts().
Parts read_npz(const std::filesystem::path& file, const DataOptions& options = {});

// The same arrays, each in a file NAME.npy, plain or gzip: the images of training, their labels,
// those of the test, and where there are six files those of validation. `classes` and `names_file`
// are as for make_parts().
Parts read_npy_files(std::span<const std::filesystem::path> files, Index classes,
                     const std::filesystem::path& names_file, const DataOptions& options = {});

}  // namespace convoy
