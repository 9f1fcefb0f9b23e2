// SPDX-License-Identifier: Apache-2.0
// The value of --hosts.
#include <fmt/format.h>

#include <charconv>

#include "cli/options.hpp"

namespace convoy::app {
namespace {

[[noreturn]] void refuse(std::string_view hosts) {
  throw UserError(Fault::usage, fmt::format("--hosts {} is not readable", hosts), "",
                  "write HOST:N,HOST:N with N from 1 up");
}

// "HOST:N" or "HOST", which has one place, as Open MPI's and MPICH's launchers count.
Index places_of(std::string_view host, std::string_view hosts) {
  const std::size_t colon = host.find(':');
  const std::string_view name = host.substr(0, colon);
  if (name.empty() || name.find_first_of(" \t") != name.npos) refuse(hosts);
  if (colon == host.npos) return 1;
  const std::string_view digits = host.substr(colon + 1);
  int places = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, places);
  if (error != std::errc() || stop != end || places < 1) refuse(hosts);
  return places;
}

}  // namespace

Index places_on(std::string_view hosts) {
  Index places = 0;
  for (std::string_view rest = hosts;;) {
    const std::size_t comma = rest.find(',');
    places += places_of(rest.substr(0, comma), hosts);
    if (comma == rest.npos) return places;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace convoy::app
