// SPDX-License-Identifier: Apache-2.0
// Returns the fault and the message of a call that must fail.
#pragma once

#include <string>

#include "base/check.hpp"

namespace convoy {

struct Failure {
  Fault fault = Fault::internal;
  std::string message;  // empty: it did not fail
};

template <class Function>
Failure failure_of(Function function) {
  try {
    function();
  } catch (const UserError& error) {
    return {error.fault(), error.what()};
  }
  return {};
}

}  // namespace convoy
