// SPDX-License-Identifier: Apache-2.0
// Looks into what was downloaded, by libarchive. Nothing is believed: neither sizes nor names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "fetch/fetch_catalog.hpp"

namespace convoy::app {

// Why the file, plain or gzip, does not hold this content; empty where it does.
std::string content_error(const std::filesystem::path& file, const RemoteFile& wanted);

// Takes the files wanted out of a .tar.gz and puts them into `folder` under their own names,
// whatever path the archive gives them; each only once its content is right. Everything else in the
// archive is passed over. Gives the reason where that fails. Throws SystemError(io) (disk full).
std::string unpack(const std::filesystem::path& archive, std::span<const RemoteFile> wanted,
                   const std::filesystem::path& folder);

}  // namespace convoy::app
