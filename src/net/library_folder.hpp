// SPDX-License-Identifier: Apache-2.0
// Where the library lies, for what is installed beside it. library_folder/shared_library.cpp is
// for a shared library; a static one, which is a part of the program, has static_library.cpp.
#pragma once

#include <filesystem>

namespace convoy {

// Empty of a static library, and where the loader does not know it.
std::filesystem::path library_folder();

}  // namespace convoy
