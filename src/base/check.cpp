// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace convoy {
namespace {

// Empty where the number does not suggest one.
std::string_view remedy_for(int errno_value) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return "correct its permissions";
    case EDQUOT:
    case ENOSPC:
      return "free disk space";
    case EFBIG:
      return "raise the limit of the size of files (ulimit -f)";
    case EIO:
      return "check the disk";
    case EISDIR:
      return "it is a folder; give the path of a file";
    case EMFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENOENT:
      return "check the path";
    case ENOTDIR:
      return "a part of the path is not a folder; give another path";
    case EROFS:
      return "give a path on a file system that can be written";
    default:
      return "";
  }
}

constexpr std::string_view kBeforeRemedy = ": ";

std::string joined(std::string_view problem, std::string_view remedy) {
  return remedy.empty() ? std::string(problem)
                        : fmt::format("{}{}{}", problem, kBeforeRemedy, remedy);
}

std::string with_reason(std::string_view problem, std::string_view why) {
  return why.empty() ? std::string(problem) : fmt::format("{} ({})", problem, why);
}

std::string failed_call(std::string_view call, std::string_view place, std::string_view reason) {
  return fmt::format("{} failed on {} ({})", call, printable(place), reason);
}

}  // namespace

Error::Error(Fault fault, std::string_view problem, std::string_view remedy)
    : std::runtime_error(joined(problem, remedy)), fault_(fault), problem_length_(problem.size()) {}

std::string_view Error::problem() const noexcept {
  return std::string_view(what()).substr(0, problem_length_);
}

std::string_view Error::remedy() const noexcept {
  const std::string_view rest = std::string_view(what()).substr(problem_length_);
  return rest.empty() ? rest : rest.substr(kBeforeRemedy.size());
}

UserError::UserError(Fault fault, std::string_view problem, std::string_view why,
                     std::string_view remedy)
    : Error(fault, with_reason(problem, why), remedy) {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view place,
                         std::string_view reason)
    : Error(fault, failed_call(call, place, reason), "") {}

SystemError::SystemError(Fault fault, std::string_view call, std::string_view place,
                         int errno_value)
    : Error(fault, failed_call(call, place, std::generic_category().message(errno_value)),
            remedy_for(errno_value)) {}

}  // namespace convoy
