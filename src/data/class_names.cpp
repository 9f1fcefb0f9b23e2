// SPDX-License-Identifier: Apache-2.0
#include "data/class_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "base/tensor.hpp"
#include "data/data_file.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

// Such a file is short; a long one is something else.
std::vector<std::string> read_names(const fs::path& path) {
  constexpr std::uint64_t kMost = std::uint64_t{4} << 20;
  constexpr std::size_t kLongestName = 256;
  DataFile file(path);
  const auto refuse = [&](const std::string& why) {
    file.refuse("is not a list of class names", why, "write one name per line, in UTF-8");
  };
  const std::uint64_t bytes = file.size();
  if (bytes > kMost) refuse(fmt::format("{} bytes", bytes));
  std::string text(bytes, '\0');
  file.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, "the names");
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) refuse("it is UTF-16");
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::vector<std::string> names;
  for (std::size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const auto end = std::min(text.find('\n', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    if (!name.empty() && name.back() == '\r') name.pop_back();
    begin = end + 1;
    if (name.size() > kLongestName)
      refuse(fmt::format("line {} has {} bytes, at most {} are a name", line, name.size(),
                         kLongestName));
    if (!is_utf8(name)) refuse(fmt::format("line {} is not UTF-8", line));
    const bool blank = name.find_first_not_of(" \t") == std::string::npos;
    if (blank && text.find_first_not_of(" \t\r\n", std::min(end, text.size())) != std::string::npos)
      refuse(fmt::format("line {} is blank", line));
    if (!blank) names.push_back(std::move(name));
  }
  if (names.empty() || static_cast<Index>(names.size()) > kMostClasses)
    refuse(fmt::format("{} names, where 1 to {} are wanted", names.size(), kMostClasses));
  return names;
}

}  // namespace

std::vector<std::string> names_in(const fs::path& list) {
  std::error_code unreadable;
  if (fs::exists(list, unreadable)) return read_names(list);
  if (unreadable) throw SystemError(Fault::io, "stat", list.string(), unreadable.value());
  return {};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Character first = first_character(text);
    if (!first.is_utf8) return false;
    text.remove_prefix(first.bytes);
  }
  return true;
}

}  // namespace convoy
