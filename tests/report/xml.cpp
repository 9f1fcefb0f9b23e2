// SPDX-License-Identifier: Apache-2.0
#include "tests/report/xml.hpp"

#include <cctype>
#include <set>

namespace convoy::test {
namespace {

// The text with its entities resolved; nothing where one is unknown.
std::optional<std::string> resolved(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (static_cast<unsigned char>(text.front()) < 0x20 && text.front() != '\n') return {};
    if (text.front() != '&') {
      result += text.front();
      text.remove_prefix(1);
      continue;
    }
    bool known = false;
    for (const auto& [name, character] :
         {std::pair{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}}) {
      if (!text.starts_with(name)) continue;
      result += character;
      text.remove_prefix(std::string_view(name).size());
      known = true;
      break;
    }
    if (!known) return {};
  }
  return result;
}

// The attributes of a tag, `rest` of it behind its name.
bool attributes_are_well(std::string_view rest) {
  std::set<std::string_view> names;
  while (true) {
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front()))) {
      rest.remove_prefix(1);
    }
    if (rest.empty()) return true;
    const auto equals = rest.find("=\"");
    if (equals == rest.npos || !names.insert(rest.substr(0, equals)).second) return false;
    const auto end = rest.find('"', equals + 2);
    if (end == rest.npos || !resolved(rest.substr(equals + 2, end - equals - 2))) return false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::vector<std::string>> texts_of_xml(std::string_view document) {
  constexpr std::string_view kHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  if (!document.starts_with(kHead)) return {};
  document.remove_prefix(kHead.size());
  std::vector<std::string> texts, open;
  bool begun = false;
  while (!document.empty()) {
    const auto tag = document.find('<');
    const auto text = resolved(document.substr(0, tag));
    if (!text) return {};
    if (text->find_first_not_of(" \n") != text->npos) {
      if (open.empty()) return {};
      texts.push_back(*text);
    }
    if (tag == document.npos) break;
    const auto end = document.find('>', tag);
    if (end == document.npos || (begun && open.empty())) return {};
    std::string_view inside = document.substr(tag + 1, end - tag - 1);
    document.remove_prefix(end + 1);
    begun = true;
    if (inside.starts_with("/")) {
      if (open.empty() || open.back() != inside.substr(1)) return {};
      open.pop_back();
      continue;
    }
    const bool whole = inside.ends_with("/");
    if (whole) inside.remove_suffix(1);
    const auto name_end = std::min(inside.find(' '), inside.size());
    if (name_end == 0 || inside.find('<') != inside.npos ||
        !attributes_are_well(inside.substr(name_end))) {
      return {};
    }
    if (!whole) open.emplace_back(inside.substr(0, name_end));
  }
  if (!open.empty()) return {};
  return texts;
}

}  // namespace convoy::test
