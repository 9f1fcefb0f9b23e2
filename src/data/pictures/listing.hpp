// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "convoy/data.hpp"

namespace convoy {

enum class PicturePart : std::uint8_t { train, validation, test };

struct ListedPicture {
  std::string path;
  Label label = 0;
  PicturePart part = PicturePart::train;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
};

struct Listing {
  std::filesystem::path root;
  std::vector<std::string> classes;
  std::vector<ListedPicture> pictures;
  bool has_test = false, has_validation = false;
  std::vector<std::string> notes;
};

}  // namespace convoy
