// SPDX-License-Identifier: Apache-2.0
// WebP by libwebp ("WebP Container Specification"), and the orientation of its chunk EXIF.
// Animations are refused.
#pragma once

#include "data/picture/decoder.hpp"
