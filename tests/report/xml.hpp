// SPDX-License-Identifier: Apache-2.0
// Reads enough of XML to check that a picture is well-formed, and to get its texts.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::test {

inline int occurrences(std::string_view text, std::string_view part) {
  int count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The texts between the tags of a document, those of white space left out; nothing where it is not
// well-formed: tags that do not match, a bare & or <, an attribute without quotes or given twice, a
// control character.
std::optional<std::vector<std::string>> texts_of_xml(std::string_view document);

}  // namespace convoy::test
