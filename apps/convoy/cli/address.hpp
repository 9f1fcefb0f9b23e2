// SPDX-License-Identifier: Apache-2.0
// The form of addresses in messages.
#pragma once

#include <string>
#include <string_view>

namespace convoy::app {

// The address without user name and password, and without the part after a '?', which may be a key.
std::string shown_address(std::string_view address);

}  // namespace convoy::app
