// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/listing/list_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "data/class_names.hpp"

namespace convoy {
namespace {

constexpr std::string_view kPathColumns[] = {"path",     "file",  "filename",  "file_name",
                                             "filepath", "image", "image_path"};
constexpr std::string_view kLabelColumns[] = {"label", "class", "category"};
constexpr std::string_view kPartColumns[] = {"split", "part"};
constexpr std::size_t kMostColumns = 1000;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view without_spaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct Record {
  std::vector<std::string> fields;
  std::size_t line = 0;

  bool is_blank() const { return fields.size() == 1 && fields[0].empty(); }
};

// Reads one record after the other.
class Records {
 public:
  Records(std::string_view text, const std::string& name) : text_(text), name_(name) {
    const std::string_view first = text.substr(0, text.find('\n'));
    for (const char separator : {'\t', ',', ';'})
      if (first.find(separator) != std::string_view::npos) {
        separator_ = separator;
        break;
      }
  }

  bool has_more() const { return at_ < text_.size(); }

  Record next() {
    Record record;
    record.line = line_;
    do {
      if (record.fields.size() == kMostColumns)
        refuse(record.line, fmt::format("more than {} fields", kMostColumns));
      record.fields.push_back(field());
    } while (takes(separator_));
    takes('\r');
    if (has_more() && !takes('\n')) refuse(line_, "text behind a closing quote");
    ++line_;
    return record;
  }

  [[noreturn]] void refuse(std::size_t line, std::string_view why,
                           std::string_view remedy = "write path,label for each picture") const {
    throw UserError(Fault::bad_data, fmt::format("cannot use the list {}", name_),
                    fmt::format("line {}: {}", line, why), remedy);
  }

 private:
  bool takes(char c) {
    if (!has_more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string field() {
    const std::size_t begin = at_;
    while (has_more() && text_[at_] == ' ') ++at_;
    if (takes('"')) return quoted();
    at_ = begin;
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n') ++end;
    at_ = end;
    // The line end may be CR LF.
    if (at_ > begin && at_ < text_.size() && text_[at_] == '\n' && text_[at_ - 1] == '\r') --at_;
    if (end == text_.size() && at_ > begin && text_[at_ - 1] == '\r') --at_;
    const std::string_view plain = text_.substr(begin, at_ - begin);
    if (plain.find('"') != std::string_view::npos)
      refuse(line_, "a quote inside a field",
             "put the field in quotes and write each quote in it twice");
    return std::string(without_spaces(plain));
  }

  std::string quoted() {
    const std::size_t begin = line_;
    std::string result;
    for (;; ++at_) {
      if (!has_more()) refuse(begin, "a quote is not closed", "close it");
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c == '"') {
        ++at_;
        if (!has_more() || text_[at_] != '"') break;
      }
      result += c;
    }
    while (has_more() && text_[at_] == ' ' && separator_ != ' ') ++at_;
    return result;
  }

  std::string_view text_;
  const std::string& name_;
  char separator_ = ',';
  std::size_t at_ = 0, line_ = 1;
};

// Which fields are used.
struct Columns {
  std::size_t path = 0, label = 1;
  std::optional<std::size_t> part;
};

std::optional<std::size_t> find_column(const Record& record,
                                       std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < record.fields.size(); ++i)
    if (std::ranges::find(names, lower(record.fields[i])) != names.end()) return i;
  return std::nullopt;
}

// The columns by the names in the first line; nothing where that is no header.
std::optional<Columns> named_columns(const Records& records, const Record& first) {
  const auto path = find_column(first, kPathColumns);
  if (!path) return std::nullopt;
  const auto label = find_column(first, kLabelColumns);
  if (!label)
    records.refuse(first.line, "no column is called label, class or category",
                   "name the columns path and label");
  return Columns{*path, *label, find_column(first, kPartColumns)};
}

Columns columns_by_number(const Records& records, const Record& first) {
  const std::size_t fields = first.fields.size();
  if (fields != 2 && fields != 3)
    records.refuse(first.line,
                   fmt::format("{} {} and no header", fields, fields == 1 ? "field" : "fields"),
                   "write path,label for each picture, or name the columns path and label in the "
                   "first line");
  return Columns{0, 1, fields == 3 ? std::optional<std::size_t>(2) : std::nullopt};
}

PicturePart part_of(const Records& records, const Record& record, std::string_view text) {
  const std::string name = lower(text);
  if (name == "train" || name == "training") return PicturePart::train;
  if (name == "test" || name == "testing") return PicturePart::test;
  if (name == "val" || name == "valid" || name == "validation") return PicturePart::validation;
  records.refuse(record.line, fmt::format("\"{}\" is no part", printable(text)),
                 "write train, val or test");
}

ListRow row_of(const Records& records, Record& record, const Columns& columns) {
  ListRow row{.path = std::move(record.fields[columns.path]),
              .label = std::move(record.fields[columns.label]),
              .part = {},
              .line = record.line};
  if (row.path.empty()) records.refuse(row.line, "the path is empty");
  if (row.label.empty()) records.refuse(row.line, "the label is empty");
  if (row.label.size() > kLongestClassName)
    records.refuse(row.line, fmt::format("the label has {} bytes, at most {} are a name",
                                         row.label.size(), kLongestClassName));
  if (!is_utf8(row.label)) records.refuse(row.line, "the label is not UTF-8", "write UTF-8");
  if (columns.part) row.part = part_of(records, record, record.fields[*columns.part]);
  return row;
}

}  // namespace

std::vector<ListRow> list_rows(std::string_view text, const std::string& name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Records records(text, name);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    records.refuse(1, "it is UTF-16", "save it as UTF-8");
  if (text.find('\0') != std::string_view::npos)
    records.refuse(1, "it holds zero bytes, so it is no text");
  std::vector<ListRow> rows;
  std::optional<Columns> columns;
  std::size_t fields = 0;
  while (records.has_more()) {
    Record record = records.next();
    if (record.is_blank()) continue;
    if (!columns) {
      fields = record.fields.size();
      columns = named_columns(records, record);
      if (columns) continue;
      columns = columns_by_number(records, record);
    }
    if (record.fields.size() != fields)
      records.refuse(
          record.line,
          fmt::format("{} fields, where the first line has {}", record.fields.size(), fields),
          "put fields that hold the separator in quotes");
    if (rows.size() == kMostListedFiles)
      records.refuse(record.line, fmt::format("more than {} pictures", kMostListedFiles));
    rows.push_back(row_of(records, record, *columns));
  }
  if (rows.empty()) records.refuse(1, "it has no pictures");
  return rows;
}

std::optional<Label> label_number(std::string_view text) {
  Label number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace convoy
