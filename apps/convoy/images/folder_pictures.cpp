// SPDX-License-Identifier: Apache-2.0
#include "images/folder_pictures.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <system_error>

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

bool has_name_of_picture(const fs::path& file) {
  static constexpr std::array<std::string_view, 7> kEndings{".png", ".jpg", ".jpeg", ".webp",
                                                            ".pgm", ".ppm", ".pnm"};
  std::string name = file.filename().string();
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return std::ranges::any_of(kEndings, [&](std::string_view e) { return name.ends_with(e); });
}

FolderPictures::FolderPictures(fs::path folder) : start_(std::move(folder)) {}

void FolderPictures::enter(const fs::path& folder) {
  struct stat facts {};
  std::error_code error;
  if (::stat(folder.c_str(), &facts) == 0 && !entered_.emplace(facts.st_dev, facts.st_ino).second)
    return;
  Level level{.folder = folder, .names = {}};
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name.starts_with('.')) continue;
    if (has_name_of_picture(name) || is_folder(entries->path())) {
      level.names.push_back(name);
    } else {
      ++other_files_;
    }
  }
  if (error)
    throw UserError(Fault::io, fmt::format("{} cannot be read", folder.string()), error.message(),
                    "see to its permissions and its disk");
  std::ranges::sort(level.names);
  levels_.push_back(std::move(level));
}

std::optional<fs::path> FolderPictures::next() {
  if (!has_started_) {
    has_started_ = true;
    enter(start_);
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.at == level.names.size()) {
      levels_.pop_back();
      continue;
    }
    const fs::path path = level.folder / level.names[level.at++];
    if (!is_folder(path)) return path;
    enter(path);
  }
  return std::nullopt;
}

std::optional<Index> class_by_folder(const fs::path& file, const fs::path& root,
                                     const std::vector<std::string>& class_names) {
  const fs::path top = fs::absolute(root / "").lexically_normal().parent_path();
  fs::path folder = (top / file.lexically_relative(root)).lexically_normal().parent_path();
  for (;; folder = folder.parent_path()) {
    const auto found = std::ranges::find(class_names, folder.filename().string());
    if (found != class_names.end()) return found - class_names.begin();
    if (folder == top || !folder.has_relative_path()) return std::nullopt;
  }
}

}  // namespace convoy::app
