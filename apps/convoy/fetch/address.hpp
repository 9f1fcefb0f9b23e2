// SPDX-License-Identifier: Apache-2.0
// Addresses as messages show them.
#pragma once

#include <string>
#include <string_view>

namespace convoy::app {

// Without the user's name and password, and without what follows a '?', which may be a key.
std::string shown_address(std::string_view address);

}  // namespace convoy::app
