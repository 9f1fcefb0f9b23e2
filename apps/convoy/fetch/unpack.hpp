// SPDX-License-Identifier: Apache-2.0
// Checks and unpacks downloaded files with libarchive. It trusts neither sizes nor names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "fetch/fetch_catalog.hpp"

namespace convoy::app {

// The reason why the file, plain or gzip, does not hold this content; empty if it does. Without a
// published size, the content may have `most_bytes`.
std::string content_error(const std::filesystem::path& file, const RemoteFile& wanted,
                          std::uint64_t most_bytes);

// The reason why the file itself, whatever it holds, has another checksum; else empty.
std::string checksum_error(const std::filesystem::path& file, const Checksum& wanted);

// Extracts the wanted files from a .tar.gz or .zip into `folder` under their own names, whatever
// their path in the archive, each after its content was checked. An entry NAME.gz counts as NAME
// and stays packed. Skips everything else, and refuses an archive whose entries have more than
// `most_bytes` together. Returns the reason if that fails, else an empty text. Throws
// SystemError(io) (disk full).
std::string unpack(const std::filesystem::path& archive, std::span<const RemoteFile> wanted,
                   std::uint64_t most_bytes, const std::filesystem::path& folder);

}  // namespace convoy::app
