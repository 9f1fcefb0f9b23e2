// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convoy {

// What happens to a new run whose folder exists already.
enum class Taken {
  refused,   // except for an empty folder, which the run's folder replaces
  numbered,  // it becomes NAME-2, NAME-3 ...: the first name that does not exist
};

}  // namespace convoy
