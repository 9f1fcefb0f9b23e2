// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"
#include "data/class_names.hpp"
#include "data/data_file.hpp"
#include "data/pictures/listing.hpp"
#include "data/pictures/listing/finish.hpp"
#include "data/pictures/listing/list_rows.hpp"
#include "data/pictures/listing/lists.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& list) {
  DataFile file(list);
  const std::uint64_t bytes = file.size();
  if (bytes > kMostListBytes)
    file.refuse("is too long for a list of pictures",
                fmt::format("{} bytes, at most {} are read", bytes, kMostListBytes),
                "divide it, or give class folders");
  std::string text(bytes, '\0');
  file.read({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, "the list");
  file.expect_end();
  return text;
}

// The lines of one list, and what they become.
class ListReader {
 public:
  explicit ListReader(Listing& listing) : listing_(listing) {}

  // `part`: of all pictures; nothing: as the rows say.
  void take(const fs::path& list, std::optional<PicturePart> part);
  // Throws where files are missing. Makes classes of the labels.
  void finish();

 private:
  std::string path_of(const ListRow& row) const;
  void take_file(const ListRow& row, PicturePart part);
  bool take_numbers();
  void take_names();
  [[noreturn]] void refuse(std::size_t line, const std::string& why,
                           const std::string& remedy) const {
    refuse(names_.back(), line, why, remedy);
  }
  [[noreturn]] void refuse(const std::string& list, std::size_t line, const std::string& why,
                           const std::string& remedy) const {
    throw UserError(Fault::bad_data, fmt::format("cannot use the list {}", list),
                    fmt::format("line {}: {}", line, why), remedy);
  }

  // A label as written, and where: in the list names_[list].
  struct Written {
    std::string label;
    std::size_t list, line;
  };

  Listing& listing_;
  std::vector<std::string> names_;  // of the lists, in messages; the last one is being read
  std::vector<Written> labels_;     // of listing_.pictures
  struct Line {
    std::size_t number;
    PicturePart part;
  };
  std::unordered_map<std::string, Line> lines_;  // of paths
  std::vector<std::string> missing_;
};

// The path relative to the list's folder, without "." and double slashes.
std::string ListReader::path_of(const ListRow& row) const {
  fs::path path(row.path);
  const std::string where =
      "write paths relative to the folder of the list, and below it; links "
      "may lead elsewhere";
  if (path.is_absolute()) {
    path = path.lexically_relative(fs::absolute(listing_.root).lexically_normal());
    if (path.empty() || *path.begin() == "..")
      refuse(row.line, fmt::format("{} is not in {}", printable(row.path), shown(listing_.root)),
             where);
  }
  if (std::ranges::find(path, fs::path("..")) != path.end())
    refuse(row.line, fmt::format("\"..\" in {}", printable(row.path)), where);
  return path.lexically_normal().generic_string();
}

void ListReader::take_file(const ListRow& row, PicturePart part) {
  std::string path = path_of(row);
  const auto [known, is_new] = lines_.emplace(path, Line{row.line, part});
  if (!is_new)
    refuse(row.line,
           fmt::format("{} stands in line {} of the {} part, too", printable(row.path),
                       known->second.number, name_of(known->second.part)),
           "keep one of the lines");
  struct stat facts {};
  if (::stat((listing_.root / path).c_str(), &facts) != 0) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
      throw SystemError(Fault::io, "stat", (listing_.root / path).string(), errno);
    missing_.push_back(row.path);
    return;
  }
  if (!S_ISREG(facts.st_mode))
    refuse(row.line, fmt::format("{} is not a regular file", printable(row.path)),
           "name picture files");
  listing_.pictures.push_back({std::move(path), 0, part, version_of(facts)});
  labels_.push_back({row.label, names_.size() - 1, row.line});
}

void ListReader::take(const fs::path& list, std::optional<PicturePart> part) {
  names_.push_back(printable(list.string()));
  for (const ListRow& row : list_rows(read_text(list), names_.back())) {
    if (part && row.part)
      refuse(row.line, "the column of the parts and the name of the list both state the part",
             "remove the column");
    take_file(row, part ? *part : row.part.value_or(PicturePart::train));
  }
}

bool ListReader::take_numbers() {
  const auto is_number = [](const Written& written) { return is_whole_number(written.label); };
  if (!std::ranges::all_of(labels_, is_number)) return false;
  std::vector<Label> numbers;
  for (const Written& written : labels_) {
    const auto number = label_number(written.label);
    if (!number)
      refuse(names_[written.list], written.line,
             fmt::format("the label {} is not from 0 to {}", written.label, kMostClasses - 1),
             "number the classes from 0, or write their names");
    numbers.push_back(*number);
  }
  const std::size_t classes = std::size_t{std::ranges::max(numbers)} + 1;
  const fs::path file = listing_.root / "class_names.txt";
  listing_.classes = names_in(file);
  if (!listing_.classes.empty() && listing_.classes.size() < classes)
    throw UserError(Fault::bad_data, fmt::format("cannot use the list {}", names_.back()),
                    fmt::format("it has the label {}, and {} has {} names", classes - 1,
                                shown(file), listing_.classes.size()),
                    "write a name for each class, or remove that file");
  for (std::size_t i = listing_.classes.size(); i < classes; ++i)
    listing_.classes.push_back(std::to_string(i));
  for (std::size_t i = 0; i < numbers.size(); ++i) listing_.pictures[i].label = numbers[i];
  return true;
}

void ListReader::take_names() {
  std::map<std::string, Label> classes;
  for (const Written& written : labels_) {
    classes.emplace(written.label, Label{0});
    if (static_cast<Index>(classes.size()) > kMostClasses)
      throw UserError(Fault::bad_data, fmt::format("cannot use the list {}", names_.back()),
                      fmt::format("more than {} labels", kMostClasses),
                      "write the path and the class of each picture");
  }
  for (auto& [name, label] : classes) {
    label = static_cast<Label>(listing_.classes.size());
    listing_.classes.push_back(name);
  }
  for (std::size_t i = 0; i < labels_.size(); ++i)
    listing_.pictures[i].label = classes.at(labels_[i].label);
}

void ListReader::finish() {
  if (!missing_.empty()) {
    const bool has_backslash = missing_.front().find('\\') != std::string::npos;
    throw UserError(
        Fault::not_found, fmt::format("cannot use the list {}", names_.back()),
        fmt::format("{} {} not exist in {}: {}", missing_.size(),
                    missing_.size() == 1 ? "file does" : "files do", shown(listing_.root),
                    some_of(missing_)),
        has_backslash
            ? "write / between folders"
            : "write paths relative to the folder of the list; where the first line names the "
              "columns, call them path and label");
  }
  const bool are_numbers = take_numbers();
  if (!are_numbers) take_names();
  finish_listing(listing_, names_.back(), are_numbers);
}

}  // namespace

Listing list_file(const fs::path& csv_or_tsv) {
  Listing listing;
  listing.root = csv_or_tsv.has_parent_path() ? csv_or_tsv.parent_path() : fs::path(".");
  ListReader reader(listing);
  reader.take(csv_or_tsv, std::nullopt);
  reader.finish();
  return listing;
}

Listing list_parts_of(const fs::path& folder, const std::vector<PartList>& lists) {
  if (lists.size() == 1) return list_file(folder / lists.front().name);
  Listing listing;
  listing.root = folder;
  for (std::size_t i = 1; i < lists.size(); ++i)
    if (lists[i].part == lists[i - 1].part)
      throw UserError(
          Fault::bad_data, fmt::format("cannot use {}", shown(folder)),
          fmt::format("{} and {} are lists of the same part", lists[i - 1].name, lists[i].name),
          "keep one of them");
  ListReader reader(listing);
  for (const PartList& list : lists) reader.take(folder / list.name, list.part);
  reader.finish();
  return listing;
}

bool is_list_name(std::string_view file) {
  std::string name(file);
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".csv") || name.ends_with(".tsv");
}

}  // namespace convoy
