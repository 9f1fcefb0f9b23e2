// SPDX-License-Identifier: Apache-2.0
// `convoy fetch`: copies public data sets from the network to this machine.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "fetch/download.hpp"
#include "fetch/fetch_catalog.hpp"

namespace convoy::app {

struct FetchOptions {
  std::string name;
  std::string from;          // a mirror's address; empty: the public servers
  std::filesystem::path to;  // empty: where load_data() looks
  DownloadLimits limits;     // most_bytes is replaced by the data set's own
};

// Downloads files that are missing or damaged, checks them, and moves them into place; reports its
// progress on stderr. Returns 0, or throws: UserError bad_data (every server sent wrong content),
// unavailable (no server could be reached), usage; SystemError io (disk full).
int fetch(const FetchOptions& options);
int fetch(const FetchOptions& options, const RemoteSet& set);

void add_fetch(CLI::App& app, std::function<int()>& action);

}  // namespace convoy::app
