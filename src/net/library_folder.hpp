// SPDX-License-Identifier: Apache-2.0
// Finds the folder of the library, to find the files installed beside it. A shared library is built
// with library_folder/shared_library.cpp; a static one, which is a part of the program, with
// static_library.cpp.
#pragma once

#include <filesystem>

namespace convoy {

// Empty for a static library, and where the loader does not know the folder.
std::filesystem::path library_folder();

}  // namespace convoy
