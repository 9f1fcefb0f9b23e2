// SPDX-License-Identifier: Apache-2.0
// Data sets by name or folder: where they are looked for, and what is read there.
#pragma once

#include <filesystem>
#include <string_view>

#include "data/dataset.hpp"

namespace convoy {

// The folder that `convoy fetch` writes `name` into: the first of `searched`, the system's places
// left out, that the user may write. Throws UserError: usage (a name that is not to be fetched),
// not_found (no such folder).
std::filesystem::path fetch_folder(std::string_view name);

}  // namespace convoy
