// SPDX-License-Identifier: Apache-2.0
// What convoy info says of the data sets of the catalog.
#pragma once

#include <optional>
#include <string>

#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// Nothing for a name that no known data set has.
std::optional<CatalogEntry> find_data_set(const std::string& name);

// Its folder; or how to get it.
std::string where_it_is(const CatalogEntry& entry);

// All that is known of it, among others the SHA-256 by which convoy fetch verifies it: of each
// file, or of the archive.
std::string text_of(const CatalogEntry& entry);
Json json_of(const CatalogEntry& entry);

}  // namespace convoy::app
