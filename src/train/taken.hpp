// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convoy {

// What becomes of a new run whose folder exists already.
enum class Taken {
  refused,   // unless it is an empty folder, which the run's takes the place of
  numbered,  // it goes to NAME-2, NAME-3 ...: the first that does not exist, empty or not
};

}  // namespace convoy
