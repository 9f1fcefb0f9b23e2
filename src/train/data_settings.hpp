// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/tensor.hpp"
#include "convoy/data.hpp"

namespace convoy {

// The part of a run's identity that is not in the model file.
struct DataSettings {
  std::string name;       // as given: a catalog name or a folder
  Index limit = 0;        // the first `limit` training samples; 0: all
  double validation = 0;  // fraction of them held out
  // Digest of the samples that the data set itself holds out (validation_sha256()); empty if none.
  std::string validation_sha256 = {};
  // Of class folders and lists of pictures, as in DataOptions.
  double test_fraction = 0;
  BadImages bad_images = BadImages::stop;
};

// "stop", "skip"
const char* to_string(BadImages bad_images);
std::optional<BadImages> bad_images_from(std::string_view name);

}  // namespace convoy
