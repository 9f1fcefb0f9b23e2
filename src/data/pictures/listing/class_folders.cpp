// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <compare>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "data/class_names.hpp"
#include "data/pictures/listing.hpp"
#include "data/pictures/listing/finish.hpp"
#include "data/pictures/listing/folder_entries.hpp"
#include "data/pictures/listing/lists.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

struct PartFolder {
  std::string_view name;
  PicturePart part;
};
constexpr PartFolder kPartFolders[] = {{"train", PicturePart::train},
                                       {"test", PicturePart::test},
                                       {"val", PicturePart::validation},
                                       {"valid", PicturePart::validation},
                                       {"validation", PicturePart::validation}};

bool is_folder(const FolderEntry& entry) {
  return entry.kind == EntryKind::folder;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

const FolderEntry* find_folder(const std::vector<FolderEntry>& entries, std::string_view name) {
  const auto found = std::ranges::find(entries, name, &FolderEntry::name);
  return found != entries.end() && is_folder(*found) ? &*found : nullptr;
}

// Goes through the folders of one data set.
class FolderWalk {
 public:
  explicit FolderWalk(Listing& listing) : listing_(listing) { enter(place_of(listing.root)); }

  std::vector<FolderEntry> entries(const std::string& path) {
    return folder_entries(path.empty() ? listing_.root : listing_.root / path, left_);
  }

  // Takes all pictures of `folder`, each folder of which is a class. Its entries are `inside`.
  void take_part(const std::string& folder, const std::vector<FolderEntry>& inside,
                 PicturePart part);

  // Counts the files among `inside`, the entries of `folder`, which lie beside class folders.
  void count_stray(const std::string& folder, const std::vector<FolderEntry>& inside) {
    for (const FolderEntry& entry : inside) {
      if (is_folder(entry)) continue;
      ++stray_;
      if (entry.kind == EntryKind::file && is_list_name(entry.name))
        lists_.push_back(fs::path(folder) / entry.name);
    }
  }

  // Adds what was counted to the notes. Throws where links lead nowhere.
  void finish(const std::string& name);

 private:
  using Place = std::pair<dev_t, ino_t>;  // a folder under any of its names

  static Place place_of(const fs::path& folder);
  void enter(const Place& place);
  Label label_of(const std::string& name, PicturePart part);
  // Takes the pictures of the folder and of those in it; one that is reached twice is read once.
  void take_class(const FolderEntry& folder, const std::string& path, Label label,
                  PicturePart part);
  void take_folder(const FolderEntry& folder, const std::string& path, Label label,
                   PicturePart part);
  void take_file(const FolderEntry& entry, std::string path, Label label, PicturePart part);

  Listing& listing_;
  std::map<std::string, Label, std::less<>> labels_;
  std::vector<Place> above_;  // the folders around the one that is read
  std::set<Place> read_;      // the folders of this class and part
  std::size_t left_ = kMostListedFiles;
  std::size_t stray_ = 0, others_ = 0;
  std::vector<fs::path> lists_;  // among the stray files
  std::map<std::string, std::size_t> other_endings_;
  std::vector<std::string> dangling_, loops_, again_, special_;
};

FolderWalk::Place FolderWalk::place_of(const fs::path& folder) {
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0)
    throw SystemError(Fault::io, "stat", folder.string(), errno);
  return {facts.st_dev, facts.st_ino};
}

void FolderWalk::enter(const Place& place) {
  above_.push_back(place);
  if (std::ssize(above_) > kMostFolderDepth)
    throw UserError(Fault::bad_data, fmt::format("cannot list {}", shown(listing_.root)),
                    fmt::format("more than {} folders inside each other", kMostFolderDepth),
                    "put the pictures into the folder of their class");
}

Label FolderWalk::label_of(const std::string& name, PicturePart part) {
  const std::string root = shown(listing_.root);
  if (const auto known = labels_.find(name); known != labels_.end()) return known->second;
  if (part != PicturePart::train)
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", root),
                    fmt::format("the {} part has the class {}, which train lacks", name_of(part),
                                printable(name)),
                    "a net cannot learn a class without pictures: add some, or remove the class");
  if (!is_utf8(name))
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", shown(listing_.root / name)),
                    "the name of a class has to be UTF-8", "rename the folder");
  if (static_cast<Index>(labels_.size()) == kMostClasses)
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", root),
                    fmt::format("more than {} class folders", kMostClasses),
                    "give a folder with one folder for each class");
  const auto label = static_cast<Label>(listing_.classes.size());
  listing_.classes.push_back(name);  // in the order of the entries, which are sorted
  return labels_.emplace(name, label).first->second;
}

void FolderWalk::take_part(const std::string& folder, const std::vector<FolderEntry>& inside,
                           PicturePart part) {
  count_stray(folder, inside);
  if (!folder.empty()) enter(place_of(listing_.root / folder));
  for (const FolderEntry& entry : inside) {
    if (!is_folder(entry)) continue;
    const Label label = label_of(entry.name, part);
    take_class(entry, folder.empty() ? entry.name : folder + '/' + entry.name, label, part);
  }
  if (!folder.empty()) above_.pop_back();
}

void FolderWalk::take_class(const FolderEntry& folder, const std::string& path, Label label,
                            PicturePart part) {
  read_.clear();
  take_folder(folder, path, label, part);
}

void FolderWalk::take_folder(const FolderEntry& folder, const std::string& path, Label label,
                             PicturePart part) {
  const Place place{folder.device, folder.file.inode};
  if (std::ranges::find(above_, place) != above_.end()) {
    loops_.push_back(path);
    return;
  }
  if (!read_.insert(place).second) {
    again_.push_back(path);
    return;
  }
  enter(place);
  for (const FolderEntry& entry : entries(path)) {
    std::string inner = path + '/' + entry.name;
    if (is_folder(entry))
      take_folder(entry, inner, label, part);
    else
      take_file(entry, std::move(inner), label, part);
  }
  above_.pop_back();
}

void FolderWalk::take_file(const FolderEntry& entry, std::string path, Label label,
                           PicturePart part) {
  const bool is_picture = is_picture_name(entry.name);
  if (is_picture && entry.kind == EntryKind::dangling) {
    dangling_.push_back(std::move(path));
  } else if (is_picture && entry.kind == EntryKind::file) {
    listing_.pictures.push_back({std::move(path), label, part, entry.file});
  } else if (is_picture) {
    special_.push_back(std::move(path));
  } else {
    ++others_;
    const auto dot = entry.name.rfind('.');
    const bool is_ending = dot != std::string::npos && entry.name.size() - dot <= 6;
    ++other_endings_[is_ending ? lower(entry.name.substr(dot)) : "others"];
    if (other_endings_.size() > 1000) other_endings_ = {{"others", others_}};
  }
}

void FolderWalk::finish(const std::string& name) {
  if (!dangling_.empty())
    throw UserError(
        Fault::not_found, fmt::format("cannot use {}", printable(name)),
        fmt::format("{} {} nowhere: {}", dangling_.size(),
                    dangling_.size() == 1 ? "link leads" : "links lead", some_of(dangling_)),
        "fetch the files to which they should lead, or remove the links");
  if (listing_.classes.size() < 2 && lists_.size() == 1)
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", printable(name)),
                    "it has no two class folders, but a list of pictures",
                    fmt::format("give the list: --data {}", shell_path(listing_.root / lists_[0])));
  const auto note = [&](std::string text) { listing_.notes.push_back(std::move(text)); };
  if (others_ > 0) {
    std::vector<std::pair<std::size_t, std::string>> most;
    for (const auto& [ending, count] : other_endings_) most.emplace_back(count, ending);
    std::ranges::stable_sort(most, std::greater(), &std::pair<std::size_t, std::string>::first);
    std::vector<std::string> texts;
    for (const auto& [count, ending] : most) texts.push_back(fmt::format("{} {}", count, ending));
    note(fmt::format(
        "{} {} not read, because {} not end as a PNG, JPEG, WebP, PGM or PPM file does: {}",
        others_, others_ == 1 ? "file in the class folders is" : "files in the class folders are",
        others_ == 1 ? "its name does" : "their names do", some_of(texts, 5)));
  }
  if (stray_ > 0)
    note(fmt::format("{} beside the class folders {} not read",
                     stray_ == 1 ? "1 file" : fmt::format("{} files", stray_),
                     stray_ == 1 ? "is" : "are"));
  for (const fs::path& list : std::span(lists_).first(std::min<std::size_t>(lists_.size(), 5)))
    note(
        fmt::format("{} lies there, and the folders say the classes: if it is the list of the "
                    "pictures, give it with --data {}",
                    printable(list.filename().string()), shell_path(listing_.root / list)));
  if (!special_.empty())
    note(fmt::format("what is no regular file is not read, whatever its name: {}",
                     some_of(special_, 5)));
  if (!loops_.empty())
    note(fmt::format("links to a folder above themselves are left out: {}", some_of(loops_, 5)));
  if (!again_.empty())
    note(fmt::format("links to a folder that is already read for this class are left out: {}",
                     some_of(again_, 5)));
}

bool looks_like_part(const std::string& name) {
  const std::string begin = lower(name);
  return begin.starts_with("train") || begin.starts_with("test") || begin.starts_with("val");
}

// DIR/train/CLASS and so on; `inside` are the entries of DIR, `train` those of DIR/train.
void list_parts(FolderWalk& walk, Listing& listing, const std::vector<FolderEntry>& inside,
                const std::vector<FolderEntry>& train) {
  const bool mixed = std::ranges::any_of(
      train, [](const FolderEntry& e) { return !is_folder(e) && is_picture_name(e.name); });
  std::vector<std::string> unread, validation;
  for (const FolderEntry& entry : inside) {
    const auto part = std::ranges::find(kPartFolders, entry.name, &PartFolder::name);
    if (part == std::end(kPartFolders) || !is_folder(entry)) {
      if (is_folder(entry)) unread.push_back(entry.name);
      if (is_folder(entry) && looks_like_part(entry.name))
        throw UserError(
            Fault::bad_data, fmt::format("cannot use {}", shown(listing.root)),
            fmt::format("its folder {} looks like a part, and is none", printable(entry.name)),
            "call it test or val, or move it elsewhere");
    } else if (part->part == PicturePart::validation) {
      validation.push_back(entry.name);
    }
  }
  if (mixed && !unread.empty())
    throw UserError(
        Fault::bad_data, fmt::format("cannot use {}", shown(listing.root)),
        fmt::format("train holds pictures and folders, so it may be a class like {}, or "
                    "the training part",
                    printable(unread.front())),
        "move the pictures of train into class folders, or its folders elsewhere");
  if (validation.size() > 1)
    throw UserError(Fault::bad_data, fmt::format("cannot use {}", shown(listing.root)),
                    fmt::format("several folders for validation: {}", some_of(validation)),
                    "keep one of them");
  if (!unread.empty())
    listing.notes.push_back(
        fmt::format("folders beside train are not read: {}", some_of(unread, 5)));
  walk.take_part("train", train, PicturePart::train);
  for (const PartFolder& part : kPartFolders) {
    if (part.part == PicturePart::train || !find_folder(inside, part.name)) continue;
    const std::string name(part.name);
    const auto classes = walk.entries(name);
    if (std::ranges::none_of(classes, is_folder))
      listing.notes.push_back(
          fmt::format("the folder {} is not read, because it holds no class folders", name));
    else
      walk.take_part(name, classes, part.part);
  }
}

// Refuses DIR/test/CLASS without DIR/train, and DIR/training_set/CLASS and so on, which would
// become classes "test" or "training_set".
void refuse_unknown_parts(const Listing& listing, const std::vector<FolderEntry>& inside) {
  std::vector<std::string> folders;
  for (const FolderEntry& entry : inside)
    if (is_folder(entry)) folders.push_back(entry.name);
  const auto has_only_folders = [&](const std::string& name) {
    return std::ranges::none_of(listing.pictures, [&](const ListedPicture& picture) {
      return picture.path.starts_with(name + '/') &&
             picture.path.find('/', name.size() + 1) == std::string::npos;
    });
  };
  if (folders.empty() || !std::ranges::all_of(folders, looks_like_part) ||
      !std::ranges::all_of(folders, has_only_folders))
    return;
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", shown(listing.root)),
                  fmt::format("its folders look like parts: {}", some_of(folders)),
                  "call them train, test and val; train has to be there");
}

// The lists of DIR/train.csv and so on, by part.
std::vector<PartList> part_lists(const std::vector<FolderEntry>& inside) {
  std::vector<PartList> lists;
  for (const PartFolder& part : kPartFolders)
    for (const FolderEntry& entry : inside) {
      const bool is_list = entry.name == fmt::format("{}.csv", part.name) ||
                           entry.name == fmt::format("{}.tsv", part.name);
      if (is_list && entry.kind == EntryKind::file) lists.push_back({entry.name, part.part});
    }
  const bool has_train = !lists.empty() && lists.front().part == PicturePart::train;
  return has_train ? lists : std::vector<PartList>{};
}

// Whether a folder of `folder`, or a folder in it, holds a picture.
bool holds_picture(const fs::path& folder, int depth, std::size_t& left) {
  const auto inside = folder_entries(folder, left);
  for (const FolderEntry& entry : inside)
    if (depth > 0 && entry.kind == EntryKind::file && is_picture_name(entry.name)) return true;
  for (const FolderEntry& entry : inside)
    if (depth < 3 && is_folder(entry) && holds_picture(folder / entry.name, depth + 1, left))
      return true;
  return false;
}

}  // namespace

Listing list_class_folders(const fs::path& root) {
  Listing listing;
  listing.root = root;
  FolderWalk walk(listing);
  const auto inside = walk.entries("");
  const FolderEntry* train_folder = find_folder(inside, "train");
  const auto train = train_folder ? walk.entries("train") : std::vector<FolderEntry>{};
  const bool has_parts = std::ranges::any_of(train, is_folder);
  if (const auto lists = part_lists(inside); !has_parts && !lists.empty())
    return list_parts_of(root, lists);
  if (has_parts) {
    walk.count_stray("", inside);
    list_parts(walk, listing, inside, train);
  } else {
    walk.take_part("", inside, PicturePart::train);
  }
  walk.finish(root.string());
  if (!has_parts) refuse_unknown_parts(listing, inside);
  finish_listing(listing, root.string(), false);
  return listing;
}

bool holds_class_folders(const fs::path& folder) {
  std::size_t left = 20'000;
  try {
    for (const char* list : {"train.csv", "train.tsv"})
      if (std::error_code error; fs::is_regular_file(folder / list, error)) return true;
    return holds_picture(folder, 0, left);
  } catch (const Error&) {  // too many files, or a folder that cannot be read
    return false;
  }
}

bool is_picture_name(std::string_view file) {
  constexpr std::string_view kEndings[] = {".png",  ".jpg", ".jpeg", ".jpe", ".jfif",
                                           ".webp", ".pgm", ".ppm",  ".pnm"};
  const std::string name = lower(file);
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace convoy
