// SPDX-License-Identifier: Apache-2.0
// PGM and PPM, plain and binary (netpbm, "pgm(5)" and "ppm(5)"). White space and comments, from #
// to the end of the line, are allowed between the numbers of the header and of a plain raster, and
// behind a plain raster. One white-space character stands between the maximum value and a binary
// raster, whose values have two bytes, the high one first, where the maximum value is over 255.
#pragma once

#include "data/picture/decoder.hpp"
