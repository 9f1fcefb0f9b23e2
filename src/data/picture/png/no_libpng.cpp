// SPDX-License-Identifier: Apache-2.0
#include "data/picture/png.hpp"

namespace convoy {

const PictureDecoder kPngDecoder{"libpng", nullptr, nullptr, false};

}  // namespace convoy
