// SPDX-License-Identifier: Apache-2.0
// What a data set looks like: counts, sizes, and the mean and standard deviation of its channels.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "survey/picture_data.hpp"

namespace convoy::app {

struct Survey {
  using Counts = std::array<Index, 3>;  // by PicturePart
  std::vector<Counts> counts;           // of each class; pictures that cannot be read included
  Counts total = {};                    // of all classes
  Counts unreadable = {};               // of these, by PicturePart

  // Height and width of the images that can be read.
  Extent smallest, largest;  // by area; of equal ones the lower
  Extent most_frequent;      // of equally frequent ones the smallest
  Index with_most_frequent = 0;
  Extent median;  // of heights and of widths, each for itself; the lower one of two
  bool has_one_size = false;

  // Of the training images. Each image counts alike, whatever its size: the mean of a channel is
  // the mean over images of the image's mean, and the variance is the mean over images of the
  // image's mean square, less the square of the mean. Where all images have one size, these are the
  // mean and the standard deviation over all pixels that users of torchvision compute. Bytes are
  // divided by 255; floats are taken as they are.
  Index channels =
      0;  // of arrays; of pictures 1 where all for training are grey (R = G = B), else 3
  bool are_floats = false;
  std::vector<double> mean, stddev;  // of each channel

  struct Bad {
    std::string picture, message;
    Label label = 0;
  };
  std::vector<Bad> bad;  // pictures that cannot be read, in the order of the data set

  Index readable_for_training() const { return total[0] - unreadable[0]; }
  Index all() const { return total[0] + total[1] + total[2]; }
};

// Reads all images by up to `threads` threads; 0: one for each usable core. The result does not
// depend on their number. `progress` is called by the calling thread with the images that are done.
// Throws UserError(bad_data) where no training image can be read.
Survey survey(const PictureData& data, int threads,
              const std::function<void(std::size_t)>& progress = {});

}  // namespace convoy::app
