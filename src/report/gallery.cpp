// SPDX-License-Identifier: Apache-2.0
#include "report/gallery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "report/svg.hpp"

namespace convoy {

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= have ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string gallery_html(const std::vector<GalleryPicture>& pictures) {
  std::string text = "<ul class=\"gallery\">\n";
  for (const GalleryPicture& picture : pictures) {
    const std::string caption = svg::escaped(picture.caption);
    text += fmt::format("<li><img alt=\"{}\" src=\"data:image/png;base64,{}\"/>{}", caption,
                        base64(picture.png), caption);
    for (const std::string& line : picture.lines) {
      text += fmt::format("<span>{}</span>", svg::escaped(line));
    }
    text += "</li>\n";
  }
  return text + "</ul>\n";
}

}  // namespace convoy
