// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace convoy {
namespace {

// ": REMEDY", or nothing where the number does not suggest one.
std::string_view remedy_for(int errno_value) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return ": correct its permissions";
    case EDQUOT:
    case ENOSPC:
      return ": free disk space";
    case EFBIG:
      return ": raise the limit of the size of files (ulimit -f)";
    case EIO:
      return ": check the disk";
    case EISDIR:
      return ": it is a folder; give the path of a file";
    case EMFILE:
      return ": raise the limit of open files (ulimit -n)";
    case ENOENT:
      return ": check the path";
    case ENOTDIR:
      return ": a part of the path is not a folder; give another path";
    case EROFS:
      return ": give a path on a file system that can be written";
    default:
      return "";
  }
}

}  // namespace

UserError::UserError(Fault fault, std::string_view problem, std::string_view why,
                     std::string_view remedy)
    : Error(fault, why.empty() ? fmt::format("{}: {}", problem, remedy)
                               : fmt::format("{} ({}): {}", problem, why, remedy)) {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view subject,
                         std::string_view reason)
    : Error(fault, fmt::format("{} failed on {} ({})", call, subject, reason)) {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view subject,
                         int errno_value)
    : Error(fault,
            fmt::format("{} failed on {} ({}){}", call, subject,
                        std::generic_category().message(errno_value), remedy_for(errno_value))) {}

}  // namespace convoy
