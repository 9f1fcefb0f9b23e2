// SPDX-License-Identifier: Apache-2.0
#include "images/file_names.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "data/pictures/listing.hpp"
#include "data/pictures/listing/folder_entries.hpp"
#include "images/image_file.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

bool has_name_of_picture(std::string_view name) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  return is_picture_name(name);
}

// The numbers of classes by their names; of two equal names the first one counts.
class ClassNumbers {
 public:
  explicit ClassNumbers(const std::vector<std::string>& names) {
    Index number = 0;
    for (const std::string& name : names) numbers_.emplace(name, number++);
  }
  std::optional<Index> of(const std::string& name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? std::nullopt : std::optional<Index>(found->second);
  }

 private:
  std::unordered_map<std::string, Index> numbers_;
};

class NamesInFolder final : public FileNames {
 public:
  NamesInFolder(std::string folder, const std::vector<std::string>& class_names)
      : start_(std::move(folder)),
        top_(fs::absolute(start_ / "").lexically_normal().parent_path()),
        numbers_(class_names) {}

  std::optional<FileName> next() override {
    if (!has_started_) start();
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.at == level.entries.size()) {
        levels_.pop_back();
        continue;
      }
      const FolderEntry& entry = level.entries[level.at++];
      const fs::path path = level.folder / entry.name;
      if (entry.kind == EntryKind::folder) {
        enter(path, entry.device, entry.file.inode);
      } else if (has_name_of_picture(entry.name)) {
        ++pictures_;
        return FileName{path.string(), truth_of(path)};
      } else {
        ++others_;
      }
    }
    return std::nullopt;
  }

  std::string note() const override {
    if (pictures_ == 0) return "";
    std::string text;
    if (others_ > 0) {
      const bool is_one = others_ == 1;
      text = fmt::format("{} {} in {} {} left out, because of {}", others_,
                         is_one ? "file" : "files", printable(start_.string()),
                         is_one ? "is" : "are", is_one ? "its name" : "their names");
    }
    if (again_ > 0)
      text += fmt::format(
          "{}{} in {} to a folder that is already read {} left out, such as {}",
          text.empty() ? "" : "; ", again_ == 1 ? "1 link" : fmt::format("{} links", again_),
          printable(start_.string()), again_ == 1 ? "is" : "are", printable(first_again_));
    return text;
  }

 private:
  struct Level {
    fs::path folder;
    dev_t device = 0;
    ino_t inode = 0;
    std::vector<FolderEntry> entries;
    std::size_t at = 0;
  };

  void start() {
    has_started_ = true;
    struct stat facts {};
    if (::stat(start_.c_str(), &facts) != 0)
      throw SystemError(Fault::io, "stat", start_.string(), errno);
    enter(start_, facts.st_dev, facts.st_ino);
  }

  // Leaves a folder out that is one of those above it, or was read for the same class. Behind a
  // limit that is exceeded nothing is listed.
  void enter(const fs::path& folder, dev_t device, ino_t inode) {
    const bool is_circle = std::ranges::any_of(levels_, [&](const Level& level) {
      return level.device == device && level.inode == inode;
    });
    if (is_circle) return;
    if (!read_.emplace(truth_of(folder / "picture").value_or(-1), device, inode).second) {
      if (again_++ == 0) first_again_ = folder.string();
      return;
    }
    try {
      if (static_cast<int>(levels_.size()) > kMostFolderDepth)
        refuse_image(folder.string(),
                     fmt::format("it lies more than {} folders deep", kMostFolderDepth),
                     "name it on the command line");
      levels_.push_back({folder, device, inode, folder_entries(folder, left_)});
    } catch (const UserError&) {
      levels_.clear();
      throw;
    }
  }

  std::optional<Index> truth_of(const fs::path& file) const {
    fs::path folder = (top_ / file.lexically_relative(start_)).lexically_normal().parent_path();
    for (;; folder = folder.parent_path()) {
      const auto number = numbers_.of(folder.filename().string());
      if (number || folder == top_ || !folder.has_relative_path()) return number;
    }
  }

  fs::path start_;
  fs::path top_;  // the same folder, absolute
  ClassNumbers numbers_;
  bool has_started_ = false;
  std::vector<Level> levels_;
  std::size_t left_ = kMostListedFiles;
  std::set<std::tuple<Index, dev_t, ino_t>> read_;  // folders, by the class of their pictures
  Index pictures_ = 0, others_ = 0, again_ = 0;
  std::string first_again_;
};

class NamesInList final : public FileNames {
 public:
  NamesInList(const std::string& list, const std::vector<std::string>& class_names)
      : listing_(list_file(list)) {
    std::ranges::sort(listing_.pictures, {}, &ListedPicture::path);
    const ClassNumbers numbers(class_names);
    for (const std::string& name : listing_.classes) classes_.push_back(numbers.of(name));
  }

  std::optional<FileName> next() override {
    if (at_ == listing_.pictures.size()) return std::nullopt;
    const ListedPicture& picture = listing_.pictures[at_++];
    return FileName{(listing_.root / picture.path).string(), classes_[picture.label]};
  }

  std::string note() const override { return ""; }

 private:
  Listing listing_;
  std::vector<std::optional<Index>> classes_;  // of the labels of the list
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<FileNames> names_in_folder(const std::string& folder,
                                           const std::vector<std::string>& class_names) {
  return std::make_unique<NamesInFolder>(folder, class_names);
}

std::unique_ptr<FileNames> names_in_list(const std::string& list,
                                         const std::vector<std::string>& class_names) {
  return std::make_unique<NamesInList>(list, class_names);
}

}  // namespace convoy::app
