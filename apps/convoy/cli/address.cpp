// SPDX-License-Identifier: Apache-2.0
#include "cli/address.hpp"

namespace convoy::app {

std::string shown_address(std::string_view address) {
  // A password that is not properly encoded may hold any character, so everything before the last @
  // is removed, wherever libcurl would find the host.
  const auto scheme = address.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto at = address.rfind('@');
  std::string text(address.substr(0, begin));
  std::string_view rest = address.substr(begin);
  if (at != std::string_view::npos && at >= begin) {
    text += "***@";
    rest = address.substr(at + 1);
  }
  const auto query = rest.find('?');
  text += rest.substr(0, query);
  return query == std::string_view::npos ? text : text + "?***";
}

}  // namespace convoy::app
