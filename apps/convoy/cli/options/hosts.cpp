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

// "HOST:N" or "HOST", which has one slot, as Open MPI's and MPICH's launchers count.
Index slots_of(std::string_view host, std::string_view hosts) {
  const std::size_t colon = host.find(':');
  const std::string_view name = host.substr(0, colon);
  if (name.empty() || name.find_first_of(" \t") != name.npos) refuse(hosts);
  if (colon == host.npos) return 1;
  const std::string_view digits = host.substr(colon + 1);
  int slots = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, slots);
  if (error != std::errc() || stop != end || slots < 1) refuse(hosts);
  return slots;
}

}  // namespace

Index slots_of_hosts(std::string_view hosts) {
  Index slots = 0;
  for (std::string_view rest = hosts;;) {
    const std::size_t comma = rest.find(',');
    slots += slots_of(rest.substr(0, comma), hosts);
    if (comma == rest.npos) return slots;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace convoy::app
