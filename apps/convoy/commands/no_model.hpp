// SPDX-License-Identifier: Apache-2.0
// What convoy info says of an argument that is no model.
#pragma once

#include <string>

namespace convoy::app {

// Throws UserError(not_found) for a name that no model has, and for a folder or file of data. The
// message says what it is instead.
void check_is_model(const std::string& model);

}  // namespace convoy::app
