// SPDX-License-Identifier: Apache-2.0
// The public data sets: which servers have them, and how to check that a copy is right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

// Size and SHA-256 are those of the decompressed content, because mirrors compress differently.
struct RemoteFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct RemoteSet {
  std::string name;
  std::vector<RemoteFile> files;
  std::string archive;               // a .tar.gz with all files; empty: each is served as NAME.gz
  std::uint64_t most_bytes = 0;      // limit of each download
  std::vector<std::string> mirrors;  // in the order in which they are tried
  std::string package;               // package name in Debian; may be empty
};

// Throws UserError(usage) for a name that cannot be fetched.
const RemoteSet& remote_set(std::string_view name);

}  // namespace convoy::app
