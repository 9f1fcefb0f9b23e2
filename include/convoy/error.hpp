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

#include <stdexcept>
#include <string>
#include <string_view>

namespace convoy {

/// What went wrong, numbered as the exit codes of the program `convoy` (after sysexits.h).
enum class Fault {
  usage = 2,         ///< an argument or an option
  bad_data = 65,     ///< a data, model or checkpoint file that does not hold what it should
  not_found = 66,    ///< an input that is not there
  unavailable = 69,  ///< a device or a service that this machine or build does not have
  internal = 70,     ///< a bug in Convoy
  io = 74,           ///< reading or writing failed (the disk is full, a permission is missing)
  peer = 77,         ///< another rank failed or hangs
};

/// The base of the library's errors. `what()` is one message, for people, in UTF-8 where the names
/// in it are. It may hold names from files: print it by way of printable_message().
class Error : public std::runtime_error {
 public:
  Fault fault() const noexcept { return fault_; }
  /// The exit code that `convoy` would have: the number of fault().
  int exit_code() const noexcept { return static_cast<int>(fault_); }

 protected:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}

 private:
  Fault fault_;
};

/// Something that the user can correct: "problem (why): remedy".
class UserError : public Error {
 public:
  /// `why` may be empty; `remedy` never is.
  UserError(Fault fault, std::string_view problem, std::string_view why, std::string_view remedy);
};

/// A call of the operating system or of a library that failed: "call failed on place (reason)".
class SystemError : public Error {
 public:
  /// `place` is the file, the device or the rank that the call was about.
  SystemError(Fault fault, std::string_view call, std::string_view place, std::string_view reason);
  /// The reason is the text of `errno_value`.
  SystemError(Fault fault, std::string_view call, std::string_view place, int errno_value);
};

/// An error that every rank of a job throws, with the same fault and message. One rank should print
/// it: see should_print() in session.hpp.
class SharedError : public Error {
 public:
  explicit SharedError(const Error& error) : Error(error.fault(), error.what()) {}
  SharedError(Fault fault, const std::string& message) : Error(fault, message) {}
};

/// `text` on one line and safe for a terminal. Control characters, invisible marks, marks that
/// change the direction of writing, and bytes that are not UTF-8 are spelled out, as `\n`, `\x1b`,
/// `\u202e`. Printable text stays as it is. Names of classes, models and files may come from
/// anywhere, so print them by way of this function. Thread-safe.
std::string printable(std::string_view text);

/// The same for a message of several lines: the lines after the first are indented by at least two
/// spaces, so that none looks like a message of its own. A word that is longer than any path (4096
/// characters) is cut after 80 characters, with the number of those left out. Thread-safe.
std::string printable_message(std::string_view text);

}  // namespace convoy
