// SPDX-License-Identifier: Apache-2.0
// The error for files of another version of Convoy.
#pragma once

#include "base/check.hpp"

namespace convoy {

// The file is not damaged, but this Convoy cannot read it, or would continue it with other bits.
class OtherVersion : public UserError {
 public:
  using UserError::UserError;
};

}  // namespace convoy
