// SPDX-License-Identifier: Apache-2.0
/// @file
/// The errors that the library throws, and text that is safe to print.
///
/// Every function may throw an Error, or what the standard library throws (`std::bad_alloc`,
/// `std::filesystem::filesystem_error`). The library never prints, never ends the process, and
/// installs no signal handler.
///
/// @code
/// int main() {
///   try {
///     convoy::train(convoy::load_model("lenet5"), convoy::load_data("mnist"));
///   } catch (const convoy::Error& error) {
///     std::fprintf(stderr, "%s\n", convoy::printable_message(error.what()).c_str());
///     return error.exit_code();
///   }
/// }
/// @endcode
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace convoy {

/// What went wrong. The numbers are the exit codes of the program `convoy` (after sysexits.h).
enum class Fault {
  usage = 2,         ///< an argument or an option is wrong
  bad_data = 65,     ///< a data, model or checkpoint file has wrong content
  not_found = 66,    ///< an input does not exist
  unavailable = 69,  ///< this machine or build lacks a device or a service
  internal = 70,     ///< Convoy has a bug
  io = 74,           ///< reading or writing failed (the disk is full, a permission is missing)
  stopped = 75,      ///< the caller asked for a stop
  peer = 77,         ///< another rank failed or hangs
};

/// The base class of the library's errors. `what()` is one message for people, "problem (why):
/// remedy", in UTF-8 if the names in it are UTF-8. It may contain names from files, so print it
/// through printable_message().
class Error : public std::runtime_error {
 public:
  /// The kind of error.
  Fault fault() const noexcept { return fault_; }
  /// The exit code that the program `convoy` would return: the number of fault().
  int exit_code() const noexcept { return static_cast<int>(fault_); }
  /// The part of what() before the remedy. Valid as long as the error.
  std::string_view problem() const noexcept;
  /// The part of what() that says what to do, or empty. Valid as long as the error.
  std::string_view remedy() const noexcept;

 protected:
  /// `problem` and, unless it is empty, `remedy` become what().
  Error(Fault fault, std::string_view problem, std::string_view remedy);

 private:
  Fault fault_;
  std::size_t problem_length_;
};

/// An error that the user can correct: "problem (why): remedy".
class UserError : public Error {
 public:
  /// `why` may be empty; `remedy` never is.
  UserError(Fault fault, std::string_view problem, std::string_view why, std::string_view remedy);
};

/// An error of a call to the operating system or to a library: "call failed on place (reason)",
/// and a remedy where the number of the error suggests one.
class SystemError : public Error {
 public:
  /// `place` is the file, the device or the rank that the call used.
  SystemError(Fault fault, std::string_view call, std::string_view place, std::string_view reason);
  /// Takes the reason and the remedy from `errno_value`.
  SystemError(Fault fault, std::string_view call, std::string_view place, int errno_value);
};

/// An error that every rank of a job throws, with the same fault and message. One rank should print
/// it: see should_print() in session.hpp.
class SharedError : public Error {
 public:
  /// Has the fault and the message of `error`.
  explicit SharedError(const Error& error)
      : Error(error.fault(), error.problem(), error.remedy()) {}
  /// `message` becomes what(), all of it problem().
  SharedError(Fault fault, std::string_view message) : Error(fault, message, "") {}
};

/// Returns `text` on one line and safe for a terminal. Control characters, invisible marks, marks
/// that change the direction of writing, and bytes that are not UTF-8 are spelled out, as `\n`,
/// `\x1b`, `\u202e`. Printable text stays as it is. Names of classes, models and files may come
/// from any source, so print them through this function. Thread-safe.
std::string printable(std::string_view text);

/// Does the same for a message of several lines. The lines after the first are indented by at least
/// two spaces, so that none looks like a message of its own. A word that is longer than any path
/// (4096 characters) is cut after 80 characters, and the number of omitted characters follows.
/// Thread-safe.
std::string printable_message(std::string_view text);

}  // namespace convoy
