// SPDX-License-Identifier: Apache-2.0
// The style of a report's page: all of its colours, light and dark, and what print makes of it.
#pragma once

#include <string_view>

namespace convoy {

std::string_view page_style();

}  // namespace convoy
