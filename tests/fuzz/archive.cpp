// SPDX-License-Identifier: Apache-2.0
// convoy fetch unpacks an archive or a single file from a server: only the wanted files appear,
// with their content, and no other file anywhere.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/digest.hpp"
#include "fetch/unpack.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace convoy::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kContent = "wanted\n";
constexpr std::uint64_t kMostBytes = 1 << 16;  // of all entries of an archive together

// A folder within one to which nothing may be written; both are removed at the end of the process.
class Folders {
 public:
  Folders() {
    const fs::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK) == 0;
    std::string name =
        ((usable ? memory : fs::temp_directory_path()) / "convoy-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) report("mkdtemp failed");
    outer_ = name;
    fs::create_directory(inner());
  }
  ~Folders() {
    std::error_code ignored;
    fs::remove_all(outer_, ignored);
  }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;

  fs::path inner() const { return outer_ / "inner"; }

  // Removes the wanted files and returns their number.
  int take_away() const {
    int found = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(inner())) {
      const fs::path name = entry.path().filename();
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(stream), {}};
      if ((name != "a" && name != "b") || !entry.is_regular_file() || content != kContent) {
        report("a file that is not wanted");
      }
      ++found;
    }
    fs::remove(inner() / "a");
    fs::remove(inner() / "b");
    if (std::distance(fs::directory_iterator(outer_), {}) != 1) report("a file outside");
    return found;
  }

 private:
  fs::path outer_;
};

}  // namespace

bool takes(Input input) {
  static const Folders folders;
  static const std::string digest = sha256(std::as_bytes(std::span(kContent)));
  static const std::array<app::RemoteFile, 2> wanted = {
      {{"a", {kContent.size(), digest}}, {"b", {kContent.size(), digest}}}};
  const MemoryFile file(input);
  const bool single = app::content_error(file.path(), wanted[0], kMostBytes).empty();
  const bool both = app::unpack(file.path(), wanted, kMostBytes, folders.inner()).empty();
  if (folders.take_away() < 2 && both) report("a file is missing");
  return single || both;
}

}  // namespace convoy::fuzz
