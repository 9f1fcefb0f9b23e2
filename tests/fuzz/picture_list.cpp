// SPDX-License-Identifier: Apache-2.0
// Lists of pictures (CSV, TSV). The rows that were read, written again with all fields in quotes,
// give the same rows.
#include "data/pictures/listing/list_rows.hpp"

#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace convoy;

std::string quoted(const std::string& field) {
  std::string result = "\"";
  for (const char c : field) {
    if (c == '"') result += c;
    result += c;
  }
  return result + '"';
}

std::string written(const std::vector<ListRow>& rows, bool have_parts) {
  constexpr const char* kParts[] = {"train", "val", "test"};
  std::string text = have_parts ? "path,label,part\r\n" : "path,label\r\n";
  for (const ListRow& row : rows) {
    text += quoted(row.path) + ',' + quoted(row.label);
    if (row.part) text += std::string(",") + kParts[static_cast<std::size_t>(*row.part)];
    text += "\r\n";
  }
  return text;
}

}  // namespace

bool convoy::fuzz::takes(Input input) {
  return reads([&] {
    const auto rows = list_rows(text_of(input), "list.csv");
    if (rows.empty()) report("no rows");
    for (const ListRow& row : rows) {
      if (row.path.empty() || row.label.empty() || row.label.size() > kLongestClassName)
        report("an empty field or a long label");
      if (row.part.has_value() != rows.front().part.has_value()) report("a part for some");
    }
    const auto again = list_rows(written(rows, rows.front().part.has_value()), "again.csv");
    if (again.size() != rows.size()) report("another number of rows");
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (again[i].path != rows[i].path || again[i].label != rows[i].label ||
          again[i].part != rows[i].part)
        report("another row");
  });
}
