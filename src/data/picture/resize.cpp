// SPDX-License-Identifier: Apache-2.0
#include "data/picture/resize.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.hpp"
#include "data/picture/resample.hpp"

namespace convoy {
namespace {

// One direction: `from` pixels would become `to`, of which `count` are computed, from `begin` on,
// and lie at `offset` in the result.
struct Direction {
  Index from, to, begin, count, offset;

  bool is_identity() const { return from == to; }
};

constexpr Index half_to_even(Index n) {
  return (n + (n / 2 % 2)) / 2;
}

// The two directions: rows (height) and columns (width).
std::array<Direction, 2> directions(const Shape& from, Extent to, Resize resize) {
  const Index h = from.height, w = from.width;
  Index height = to.height, width = to.width;
  const bool is_wide = h * to.width <= w * to.height;
  if (resize == Resize::crop) (is_wide ? width : height) = is_wide ? w * height / h : h * width / w;
  if (resize == Resize::fit) {
    (is_wide ? height : width) = std::max<Index>(is_wide ? h * width / w : w * height / h, 1);
  }
  const auto direction = [](Index size, Index scaled, Index wanted) -> Direction {
    if (scaled >= wanted) return {size, scaled, half_to_even(scaled - wanted), wanted, 0};
    return {size, scaled, 0, scaled, (wanted - scaled) / 2};
  };
  return {direction(h, height, to.height), direction(w, width, to.width)};
}

ResampleWindows windows_of(const Direction& direction) {
  const auto from = static_cast<std::int32_t>(direction.from);
  const double scale = static_cast<double>(direction.from) / static_cast<double>(direction.to);
  const double reach = std::max(scale, 1.0), shrink = 1.0 / reach;
  ResampleWindows windows;
  windows.taps = align_floats(2 * static_cast<Index>(std::ceil(reach)) + 1);
  const auto outputs = static_cast<std::size_t>(direction.count);
  windows.first.resize(outputs);
  windows.count.resize(outputs);
  windows.coefficients.resize(outputs * static_cast<std::size_t>(windows.taps));
  std::vector<double> weights(static_cast<std::size_t>(windows.taps));
  for (std::size_t x = 0; x < outputs; ++x) {
    const double centre =
        (static_cast<double>(direction.begin + static_cast<Index>(x)) + 0.5) * scale;
    const std::int32_t first =
        std::max(static_cast<std::int32_t>(std::trunc(centre - reach + 0.5)), 0);
    const std::int32_t end =
        std::min(static_cast<std::int32_t>(std::trunc(centre + reach + 0.5)), from);
    double sum = 0;
    for (std::int32_t i = 0; i < end - first; ++i) {
      const double distance = std::abs((i + first - centre + 0.5) * shrink);
      weights[static_cast<std::size_t>(i)] = distance < 1.0 ? 1.0 - distance : 0.0;
      sum += weights[static_cast<std::size_t>(i)];
    }
    std::int32_t* k = windows.coefficients.data() + static_cast<Index>(x) * windows.taps;
    for (std::int32_t i = 0; i < end - first; ++i) {
      const double weight = weights[static_cast<std::size_t>(i)] / sum;
      k[i] = static_cast<std::int32_t>(std::trunc(0.5 + weight * (1 << kCoefficientBits)));
    }
    windows.first[x] = first;
    windows.count[x] = end - first;
  }
  return windows;
}

// Rows of bytes one after the other, a part of a picture.
struct Rows {
  const std::uint8_t* data;
  Index first;  // the number of the row at `data`
  Index bytes;  // of a row
};

// Resizes the rows [range) of a picture.
std::vector<std::uint8_t> with_resized_rows(const Picture& picture, Range range,
                                            const ResampleWindows& windows) {
  const Index channels = picture.shape.channels, bytes = picture.shape.width * channels;
  const Index out_bytes = windows.outputs() * channels;
  std::vector<std::uint8_t> out(
      static_cast<std::size_t>(range.size() * out_bytes + kWrittenBehindRow));
  for (Index y = range.begin; y < range.end; ++y) {
    const std::uint8_t* row = picture.pixels.data() + y * bytes;
    std::vector<std::uint8_t> copy;  // with room behind it
    if ((picture.shape.height - y - 1) * bytes < kReadBehindRow) {
      copy.assign(row, row + bytes);
      copy.resize(static_cast<std::size_t>(bytes + kReadBehindRow));
      row = copy.data();
    }
    resample_row(row, channels, windows, out.data() + (y - range.begin) * out_bytes);
  }
  return out;
}

// The rows of the picture that the columns' windows cover.
Range rows_of(const Direction& down, const ResampleWindows& windows) {
  if (down.is_identity()) return {down.begin, down.begin + down.count};
  return {windows.first.front(), Index{windows.first.back()} + windows.count.back()};
}

}  // namespace

const char* to_string(Resize resize) {
  switch (resize) {
    case Resize::stretch:
      return "stretch";
    case Resize::fit:
      return "fit";
    case Resize::crop:
      break;
  }
  return "crop";
}

std::optional<Resize> resize_from(std::string_view name) {
  for (const Resize resize : {Resize::stretch, Resize::fit, Resize::crop}) {
    if (name == to_string(resize)) return resize;
  }
  return std::nullopt;
}

Picture resized(const Picture& picture, Extent size, Resize resize) {
  const auto [from_height, from_width, channels] = picture.shape;
  CONVOY_ASSERT(channels == 1 || channels == 3);
  CONVOY_ASSERT(std::min({from_height, from_width, size.height, size.width}) >= 1);
  CONVOY_ASSERT(std::max(from_height, from_width) <= PictureLimits{}.most_side);
  if (from_height == size.height && from_width == size.width) return picture;

  const auto [down, across] = directions(picture.shape, size, resize);
  const ResampleWindows rows = down.is_identity() ? ResampleWindows{} : windows_of(down);
  const Range range = rows_of(down, rows);
  std::vector<std::uint8_t> narrow;
  Rows source{picture.pixels.data(), 0, from_width * channels};
  Index skipped = across.begin * channels;  // bytes of a row left of what is computed
  if (!across.is_identity()) {
    ResampleWindows columns = windows_of(across);
    if (channels == 3) columns.split_coefficients();
    narrow = with_resized_rows(picture, range, columns);
    source = {narrow.data(), range.begin, across.count * channels};
    skipped = 0;
  }

  Picture result{{size.height, size.width, channels}, {}, picture.lost_colour};
  result.pixels.resize(static_cast<std::size_t>(result.shape.size()));
  const Index bytes = size.width * channels, used = across.count * channels;
  std::vector<std::uint8_t> line(static_cast<std::size_t>(source.bytes));
  for (Index y = 0; y < down.count; ++y) {
    const std::uint8_t* row = source.data + (down.begin + y - source.first) * source.bytes;
    if (!down.is_identity()) {
      resample_columns(source.data, source.first, source.bytes, rows, y, line.data());
      row = line.data();
    }
    std::copy_n(row + skipped, used,
                result.pixels.data() + (down.offset + y) * bytes + across.offset * channels);
  }
  return result;
}

}  // namespace convoy
