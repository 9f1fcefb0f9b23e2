// SPDX-License-Identifier: Apache-2.0
// The public data sets: where they are served, and how to know that a copy is right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

// Size and SHA-256 are those of the content, decompressed: mirrors compress as they like.
struct RemoteFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct RemoteSet {
  std::string name;
  std::vector<RemoteFile> files;
  std::string archive;           // all files are in this .tar.gz; empty: each is served as NAME.gz
  std::uint64_t most_bytes = 0;  // that any one download may have
  std::vector<std::string> mirrors;  // in the order in which they are tried
  std::string package;               // Debian's; may be empty
};

// Throws UserError(usage) for a name that is not to be fetched.
const RemoteSet& remote_set(std::string_view name);

}  // namespace convoy::app
