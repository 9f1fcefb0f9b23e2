// SPDX-License-Identifier: Apache-2.0
#include "data/picture/webp.hpp"

namespace convoy {

const PictureDecoder kWebpDecoder{"libwebp", nullptr, nullptr, false};

}  // namespace convoy
