// SPDX-License-Identifier: Apache-2.0
// Small pictures beside each other, within the page itself.
#pragma once

#include <string>
#include <vector>

namespace convoy {

struct GalleryPicture {
  std::string png;                 // the file's bytes
  std::string caption;             // what is told first
  std::vector<std::string> lines;  // and below it
};

std::string gallery_html(const std::vector<GalleryPicture>& pictures);

// RFC 4648, with padding.
std::string base64(const std::string& bytes);

}  // namespace convoy
