// SPDX-License-Identifier: Apache-2.0
// A report as one HTML file that needs no other file: readable offline, light or dark like the
// reader's system, and printable. Texts are UTF-8 and are escaped here; `html` arguments are
// inserted unchanged.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/table.hpp"

namespace convoy {

class Page {
 public:
  Page(std::string title, std::string subtitle);

  void section(std::string_view heading);  // with an entry in the list of contents
  void subsection(std::string_view heading);
  void paragraph(std::string_view text);
  void note(std::string_view text);     // small print
  void warning(std::string_view text);  // a flag, shown by a mark and a word, not only by colour
  void good(std::string_view text);     // what was checked and holds
  void figure(std::string_view svg, std::string_view caption);
  void figures(
      const std::vector<std::pair<std::string, std::string>>& svg_and_caption);  // side by side
  void table(const Table& table);
  void code(std::string_view text);  // commands, as they are
  void facts(const std::vector<std::pair<std::string, std::string>>& names_and_values);
  void html(std::string_view html);

  std::string text() const;  // the whole document

 private:
  std::string title_, subtitle_, contents_, body_;
  int sections_ = 0;
};

}  // namespace convoy
