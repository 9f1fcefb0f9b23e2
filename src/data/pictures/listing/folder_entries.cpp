// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/listing/folder_entries.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

#include "base/check.hpp"
#include "data/pictures/listing.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

EntryKind kind_of(mode_t mode) {
  return S_ISDIR(mode) ? EntryKind::folder : S_ISREG(mode) ? EntryKind::file : EntryKind::other;
}

FolderEntry entry_of(DIR* folder, const fs::path& path, const char* name) {
  FolderEntry entry{.name = name};
  struct stat facts {};
  if (::fstatat(::dirfd(folder), name, &facts, 0) != 0) {
    if (errno != ENOENT && errno != ELOOP)
      throw SystemError(Fault::io, "stat", (path / name).string(), errno);
    entry.kind = EntryKind::dangling;
    return entry;
  }
  entry.kind = kind_of(facts.st_mode);
  entry.file = version_of(facts);
  entry.device = facts.st_dev;
  return entry;
}

}  // namespace

bool is_hidden_name(std::string_view name) {
  constexpr std::string_view kHidden[] = {"__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini"};
  return name.starts_with('.') || std::ranges::find(kHidden, name) != std::end(kHidden);
}

std::vector<FolderEntry> folder_entries(const fs::path& folder, std::size_t& left) {
  const OpenFolder open(::opendir(folder.c_str()));
  if (!open) throw SystemError(Fault::io, "opendir", folder.string(), errno);
  std::vector<FolderEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* next = ::readdir(open.get());
    if (!next) break;
    if (left == 0)
      throw UserError(Fault::bad_data, fmt::format("cannot list {}", printable(folder.string())),
                      fmt::format("more than {} files and folders", kMostListedFiles),
                      "give a folder that holds nothing but the pictures");
    --left;
    if (!is_hidden_name(next->d_name))
      entries.push_back(entry_of(open.get(), folder, next->d_name));
  }
  if (errno != 0) throw SystemError(Fault::io, "readdir", folder.string(), errno);
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

}  // namespace convoy
