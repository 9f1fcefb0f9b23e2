// SPDX-License-Identifier: Apache-2.0
// The public data sets: which servers have them, and how to check that a copy is right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

struct Checksum {
  std::uint64_t bytes = 0;  // 0: not published
  std::string sha256;       // empty: not published
};

// A file of a data set, which archives may hold as NAME or NAME.gz. The content is that after
// decompression, because mirrors compress
// differently. Where only checksums of what the authors' server sends are published, a mirror has
// to send the same bytes.
struct RemoteFile {
  std::string name;
  Checksum content;
  Checksum packed = {};  // of NAME.gz; used where the SHA-256 of the content is not published
};

struct RemoteSet {
  std::string name;
  std::vector<RemoteFile> files;
  std::string archive;               // a .tar.gz or .zip of all files; empty: each is NAME.gz
  Checksum archive_checksum;         // used for files without a checksum of their own
  std::uint64_t most_bytes = 0;      // limit of each download, and of a content of unknown size
  std::vector<std::string> mirrors;  // in the order in which they are tried
  std::string package;               // package name in Debian; may be empty
  std::string source;                // of the checksums, in words
};

// Null for a name that cannot be fetched.
const RemoteSet* find_remote_set(std::string_view name);
// Throws UserError(usage) for a name that cannot be fetched.
const RemoteSet& remote_set(std::string_view name);

}  // namespace convoy::app
