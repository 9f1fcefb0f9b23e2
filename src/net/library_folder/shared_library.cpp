// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include "net/library_folder.hpp"

namespace convoy {

std::filesystem::path library_folder() {
  static const char kHere = 0;
  Dl_info self{};
  if (::dladdr(&kHere, &self) == 0 || self.dli_fname == nullptr) return {};
  return std::filesystem::path(self.dli_fname).parent_path();
}

}  // namespace convoy
