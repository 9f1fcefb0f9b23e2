// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg-turbo (ITU-T T.81, JFIF), and the orientation of its first segment of EXIF.
// libjpeg-turbo warns of data that it had to make up, and goes on; such a picture is refused, as
// one with an error is. What follows the end marker is ignored.
//
// The inverse transform is JDCT_ISLOW, the upsampling smooth, and blocks are never smoothed, so
// that all versions of libjpeg-turbo give the same bits, with and without vector instructions.
#pragma once

#include "data/picture/decoder.hpp"
