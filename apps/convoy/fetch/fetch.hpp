// SPDX-License-Identifier: Apache-2.0
// `convoy fetch`: public data sets from the network to this machine.
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
  std::string from;          // a mirror's address; empty: the public ones
  std::filesystem::path to;  // empty: where load_data() will look
  DownloadLimits limits;     // most_bytes is the set's own
};

// Downloads what is not there or not right, checks it, and puts it into place; says on stderr what
// it does. 0, or throws: UserError bad_data (every server gave something else), unavailable (no
// server could be reached), usage; SystemError io (disk full).
int fetch(const FetchOptions& options);
int fetch(const FetchOptions& options, const RemoteSet& set);

void add_fetch(CLI::App& app, std::function<int()>& action);

}  // namespace convoy::app
