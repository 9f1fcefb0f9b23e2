// SPDX-License-Identifier: Apache-2.0
#include "train/data_settings.hpp"

namespace convoy {

const char* to_string(BadImages bad_images) {
  return bad_images == BadImages::stop ? "stop" : "skip";
}

std::optional<BadImages> bad_images_from(std::string_view name) {
  for (const BadImages known : {BadImages::stop, BadImages::skip}) {
    if (name == to_string(known)) return known;
  }
  return std::nullopt;
}

}  // namespace convoy
