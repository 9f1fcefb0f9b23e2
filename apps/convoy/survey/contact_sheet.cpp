// SPDX-License-Identifier: Apache-2.0
#include "survey/contact_sheet.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/picture/resize.hpp"
#include "images/png.hpp"

namespace convoy::app {
namespace {

constexpr std::uint8_t kBackground = 255;

// An image as a picture of 3 channels.
Picture shown(const SurveyedImage& pixels) {
  const Shape& shape = pixels.shape;
  Picture picture{{shape.height, shape.width, shape.channels == 3 ? 3 : 1}, {}};
  const auto step = static_cast<std::size_t>(shape.channels);
  const auto kept = static_cast<std::size_t>(picture.shape.channels);
  picture.pixels.reserve(static_cast<std::size_t>(picture.shape.size()));
  const auto take = [&](std::size_t size, auto byte) {
    for (std::size_t i = 0; i < size; ++i)
      if (i % step < kept) picture.pixels.push_back(byte(i));
  };
  if (pixels.are_floats()) {
    const auto ends = std::ranges::minmax(pixels.floats);
    const double low = ends.min, range = ends.max > ends.min ? ends.max - low : 1;
    take(pixels.floats.size(), [&](std::size_t i) {
      return static_cast<std::uint8_t>(std::lround((pixels.floats[i] - low) / range * 255));
    });
  } else {
    take(pixels.u8().size(), [&](std::size_t i) { return pixels.u8()[i]; });
  }
  return with_channels(std::move(picture), 3);
}

void draw(Picture& sheet, const Picture& small, Index top, Index left) {
  const auto row_bytes = static_cast<std::size_t>(small.shape.width * 3);
  for (Index y = 0; y < small.shape.height; ++y) {
    const auto* from = small.pixels.data() + static_cast<std::size_t>(y) * row_bytes;
    auto* to = sheet.pixels.data() + ((top + y) * sheet.shape.width + left) * 3;
    std::copy_n(from, row_bytes, to);
  }
}

// The images of the first classes, training images first, by class.
std::vector<std::vector<std::size_t>> candidates(const PictureData& data) {
  // Some more than fit, because some may be unreadable.
  constexpr std::size_t kMost = 5 * static_cast<std::size_t>(kSheetColumns);
  std::vector<std::vector<std::size_t>> of_class(std::min(data.classes().size(), kSheetRows));
  for (const bool is_train : {true, false})
    for (std::size_t i = 0; i < data.size(); ++i) {
      if ((data.part(i) == PicturePart::train) != is_train) continue;
      const Label label = data.label(i);
      if (label < of_class.size() && of_class[label].size() < kMost) of_class[label].push_back(i);
    }
  return of_class;
}

}  // namespace

std::string contact_sheet(const PictureData& data) {
  const auto rows = candidates(data);
  constexpr Index kStep = kSheetCell + kSheetGap;
  Picture sheet{{std::ssize(rows) * kStep + kSheetGap, kSheetColumns * kStep + kSheetGap, 3}, {}};
  sheet.pixels.assign(static_cast<std::size_t>(sheet.shape.size()), kBackground);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Index column = 0;
    for (const std::size_t image : rows[row]) {
      if (column == kSheetColumns) break;
      try {
        const Picture small =
            resized(shown(data.image(image)), {kSheetCell, kSheetCell}, Resize::fit);
        draw(sheet, small, static_cast<Index>(row) * kStep + kSheetGap, column * kStep + kSheetGap);
        ++column;
      } catch (const UserError&) {  // the survey names the pictures that cannot be read
      }
    }
  }
  return png_of(sheet.shape, sheet.pixels);
}

}  // namespace convoy::app
