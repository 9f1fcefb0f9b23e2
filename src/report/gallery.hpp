// SPDX-License-Identifier: Apache-2.0
// Small pictures side by side, embedded in the page.
#pragma once

#include <string>
#include <vector>

namespace convoy {

struct GalleryPicture {
  std::string png;                 // the file's bytes
  std::string caption;             // the first line below the picture
  std::vector<std::string> lines;  // further lines
};

std::string gallery_html(const std::vector<GalleryPicture>& pictures);

// Base64 of RFC 4648, with padding.
std::string base64(const std::string& bytes);

}  // namespace convoy
