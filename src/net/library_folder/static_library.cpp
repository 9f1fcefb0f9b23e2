// SPDX-License-Identifier: Apache-2.0
#include "net/library_folder.hpp"

namespace convoy {

std::filesystem::path library_folder() {
  return {};
}

}  // namespace convoy
