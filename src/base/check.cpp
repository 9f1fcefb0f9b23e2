// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <fmt/format.h>

#include <system_error>

namespace convoy {

UserError::UserError(Fault fault, std::string_view problem, std::string_view why,
                     std::string_view remedy)
    : Error(fault, why.empty() ? fmt::format("{}: {}", problem, remedy)
                               : fmt::format("{} ({}): {}", problem, why, remedy)) {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view place,
                         std::string_view reason)
    : Error(fault, fmt::format("{} failed on {} ({})", call, place, reason)) {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view place,
                         int errno_value)
    : SystemError(fault, call, place, std::generic_category().message(errno_value)) {}

}  // namespace convoy
