// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_codes.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <new>

#include "internal.hpp"

namespace convoy::app {
namespace {

Ending bug(std::string_view what) {
  return {static_cast<int>(Fault::internal),
          fmt::format("internal error ({}): please report it, with the command and the output of "
                      "'convoy info --json'",
                      what)};
}

}  // namespace

Ending ending_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    if (e.fault() == Fault::internal) return bug(e.what());
    return {static_cast<int>(e.fault()), e.what()};
  } catch (const std::filesystem::filesystem_error& e) {
    if (e.code() == std::errc::filename_too_long) {
      constexpr std::size_t kShown = 60;
      return {static_cast<int>(Fault::usage),
              fmt::format("{}... is too long for a path ({}): choose a shorter one",
                          e.path1().string().substr(0, kShown), e.code().message())};
    }
    return {static_cast<int>(Fault::io),
            fmt::format("{}: check that folder and its permissions", e.what())};
  } catch (const std::bad_alloc&) {
    return {static_cast<int>(Fault::unavailable),
            "out of memory: use a smaller batch, grain or model, or fewer threads"};
  } catch (const std::exception& e) {
    return bug(e.what());
  } catch (...) {
    return bug("unknown");
  }
}

}  // namespace convoy::app
