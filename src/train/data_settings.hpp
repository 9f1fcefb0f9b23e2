// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/tensor.hpp"

namespace convoy {

// The part of a run's identity that is not in the model file.
struct DataSettings {
  std::string name;       // as given: a catalog name or a folder
  Index limit = 0;        // the first `limit` training samples; 0: all
  double validation = 0;  // fraction of them held out
  // Digest of the samples that the data set itself holds out (validation_sha256()); empty if none.
  std::string validation_sha256 = {};
};

}  // namespace convoy
