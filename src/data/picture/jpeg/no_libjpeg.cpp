// SPDX-License-Identifier: Apache-2.0
#include "data/picture/jpeg.hpp"

namespace convoy {

const PictureDecoder kJpegDecoder{"libjpeg-turbo", nullptr, nullptr, false};

}  // namespace convoy
