// SPDX-License-Identifier: Apache-2.0
// Pictures of another size: bilinear, antialiased, with the bits of Pillow 12's
// Image.resize(size, BILINEAR) on every machine. (Pillow 13 resizes columns first where the height
// shrinks much more than the width, which changes some values by 1; Convoy never does.)
//
// A row of `from` pixels becomes a row of `to` pixels by a triangle that is as wide as the
// reduction:
//
//   s     = from / to                  both in double, as everything up to K
//   r     = max(s, 1)                  the triangle reaches r pixels to either side
//   c     = (x + 0.5) s                the centre of output x
//   first = max(trunc(c - r + 0.5), 0)
//   end   = min(trunc(c + r + 0.5), from)
//   w[i]  = max(1 - |(i + first - c + 0.5) (1 / r)|, 0)      i = 0 ... end - first - 1
//   K[i]  = trunc(0.5 + w[i] / W 2^22)                       W: the sum of w in this order
//   out   = clamp(floor((2^21 + sum of K[i] in[first + i]) / 2^22), 0, 255)
//
// The sums are in whole numbers of 32 bits, so that they have no order. All rows are resized first,
// then all columns of the result, whose values are bytes; a direction that keeps its size is left
// as it is. Channels are resized alike.
#pragma once

#include <optional>
#include <string_view>

#include "convoy/data.hpp"
#include "data/picture/picture.hpp"

namespace convoy {

// How a picture of h x w becomes one of H x W (`Resize` is declared in convoy/data.hpp).
//
//   stretch  to H x W, which distorts it where the ratios differ
//   fit      the longer side fits: to H' x W' with W' = W, H' = max(floor(h W / w), 1) where
//            h W <= w H, else H' = H, W' = max(floor(w H / h), 1). It lies in the middle, with
//            floor((H - H') / 2) rows above it and floor((W - W') / 2) columns left of it, and the
//            border is black.
//   crop     the shorter side fits: to H' x W' with H' = H, W' = floor(w H / h) where h W <= w H,
//            else W' = W, H' = floor(h W / w). The middle is cut out: it begins (H' - H) / 2 rows
//            and (W' - W) / 2 columns in, a half rounded to the even number. (So do torchvision's
//            Resize(n) and CenterCrop(n) in turn.)

const char* to_string(Resize resize);
std::optional<Resize> resize_from(std::string_view name);

// `size` is H x W. Neither side of `picture` is longer than PictureLimits' default, 65535.
// Thread-safe.
Picture resized(const Picture& picture, Extent size, Resize resize);

}  // namespace convoy
