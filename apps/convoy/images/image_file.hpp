// SPDX-License-Identifier: Apache-2.0
// The images of one file, one after the other: a picture (data/picture/picture.hpp), an IDX file of
// images, an array in the format .npy or one in an .npz archive, or the binary version of CIFAR-10
// or CIFAR-100. All but .npz may be gzip-compressed. The first bytes tell the format, never the
// name; CIFAR has no signature, and is known by its size and by its labels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

// An image as its file has it.
struct StoredImage {
  std::optional<Index> index;       // in a file that can hold several, counted from 0
  Shape shape;                      // of the pixels
  std::vector<std::uint8_t> bytes;  // [height][width][channels]; of a picture: its whole file
  std::vector<float> floats;        // the same numbers instead, if they are no bytes
  bool is_picture = false;          // `bytes` have to be decoded, and `shape` is not known
  // Of IDX and NumPy's formats, in which images may be stored column by column; nothing where that
  // cannot be. True: the file has a name by which a data set's images are known to be so (EMNIST).
  std::optional<bool> is_by_columns;
  // Its class, as the file numbers it, and the name that goes with it, if the file says them.
  std::optional<Index> label;
  std::string label_name = {};
  std::optional<Index> coarse_label = {};  // of CIFAR-100, where `label` is the fine one
  bool is_dim = false;                     // of floats: no number of the whole file is above 1
};

// Errors are UserError(bad_data), "cannot use FILE (why): remedy", and Error(io). A file whose
// size is not the one that its header states is refused before its first image. Threads must not
// share an object.
class ImageFile {
 public:
  virtual ~ImageFile() = default;
  // Reads the next image; nothing is left where it returns false. The memory that is taken is
  // bounded by the size of the file's content and, for a picture, by kMostPictureBytes.
  virtual bool next(StoredImage& image) = 0;
};

// Opens `file`, or standard input, "-". With `wanted`, the file must hold several images, and only
// number `wanted` of them is read. Also throws UserError(not_found), and UserError(usage) where
// `wanted` does not fit the file.
std::unique_ptr<ImageFile> open_image_file(const std::string& file, std::optional<Index> wanted);

// Throws UserError(usage) where `file` has no image number `wanted`.
void check_wanted(std::optional<Index> wanted, Index count, const std::string& file);

// Throws "cannot use FILE (why): remedy".
[[noreturn]] void refuse_image(const std::string& file, std::string_view why,
                               std::string_view remedy);

}  // namespace convoy::app
