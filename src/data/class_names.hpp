// SPDX-License-Identifier: Apache-2.0
// The names of classes in a text file: one a line, in UTF-8; an editor's byte-order mark may come
// first.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// The names in the file `list`; empty where it does not exist. Throws UserError(bad_data) where it
// is not such a list, or has more than kMostClasses names, and SystemError(io).
std::vector<std::string> names_in(const std::filesystem::path& list);

bool is_utf8(std::string_view text);

}  // namespace convoy
