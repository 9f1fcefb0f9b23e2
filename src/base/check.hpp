// SPDX-License-Identifier: Apache-2.0
// The three kinds of error, and the three ways to raise them.
//
//   what a user got wrong       throw UserError(fault, problem, why, remedy)
//                               "problem (why): remedy"
//   a broken internal contract  CONVOY_ASSERT(condition)
//                               debug builds only
//   a failed call of a system   throw SystemError(fault, call, place, reason)
//                               "call failed on place (reason)"
//
// The library never prints and never exits: main() catches errors and turns `fault()` into the exit
// code.
#pragma once

#include <cassert>
#include "convoy/error.hpp"

#define CONVOY_ASSERT(condition) assert(condition)
