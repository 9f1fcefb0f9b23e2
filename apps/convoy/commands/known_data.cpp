// SPDX-License-Identifier: Apache-2.0
#include "commands/known_data.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "fetch/fetch_catalog.hpp"
#include "report/metrics.hpp"

namespace convoy::app {
namespace {

using Row = std::vector<std::string>;

// A file with a checksum that is published.
struct Published {
  std::string name;
  Checksum checksum;
};

// The checksums by which convoy fetch verifies the set.
std::vector<Published> published(const RemoteSet& set) {
  std::vector<Published> all;
  if (!set.archive_checksum.sha256.empty()) all.push_back({set.archive, set.archive_checksum});
  for (const RemoteFile& file : set.files) {
    if (!file.content.sha256.empty()) {
      all.push_back({file.name, file.content});
    } else if (!file.packed.sha256.empty()) {
      all.push_back({file.name + ".gz", file.packed});
    }
  }
  return all;
}

std::string bytes_of(const Published& file) {
  if (file.checksum.bytes == 0) return "";
  return fmt::format(", {} bytes", with_commas(static_cast<Index>(file.checksum.bytes)));
}

std::vector<Row> rows_of(const RemoteSet& set) {
  std::vector<Row> rows{{"  servers", fmt::format("{}", fmt::join(set.mirrors, ", "))}};
  for (const Published& file : published(set)) {
    rows.push_back({rows.size() == 1 ? "  SHA-256" : "",
                    fmt::format("{}  {}{}", file.checksum.sha256, file.name, bytes_of(file))});
  }
  rows.push_back({"", set.source});
  return rows;
}

}  // namespace

std::optional<CatalogEntry> find_data_set(const std::string& name) {
  for (CatalogEntry& entry : catalog())
    if (entry.name == name) return std::move(entry);
  return std::nullopt;
}

std::string where_it_is(const CatalogEntry& entry) {
  if (entry.searched.empty()) return "always here";  // made in memory
  if (!entry.found.empty()) return entry.found.string();
  return fmt::format("not on this machine; to get it: convoy fetch {}", entry.name);
}

std::string text_of(const CatalogEntry& entry) {
  if (entry.searched.empty()) return fmt::format("{}: {}\n", entry.name, entry.description);
  std::vector<std::string> folders;
  for (const auto& folder : entry.searched) folders.push_back(folder.string());
  std::vector<Row> rows{{"  found in", where_it_is(entry)},
                        {"  searched", fmt::format("{}", fmt::join(folders, ", "))},
                        {"  files", fmt::format("{}; plain or .gz", fmt::join(entry.files, ", "))},
                        {"  licence", entry.licence},
                        {"  citation", entry.citation}};
  if (const RemoteSet* set = find_remote_set(entry.name)) {
    for (Row& row : rows_of(*set)) rows.push_back(std::move(row));
  }
  return fmt::format("{}: {}\n{}", entry.name, entry.description, aligned(rows, {false, false}));
}

Json json_of(const CatalogEntry& entry) {
  Json searched = Json::array(), servers = Json::array(), checksums = Json::array();
  for (const auto& folder : entry.searched) searched.push_back(folder.string());
  if (const RemoteSet* set = find_remote_set(entry.name)) {
    servers = set->mirrors;
    for (const Published& file : published(*set)) {
      checksums.push_back(
          {{"name", file.name},
           {"bytes", file.checksum.bytes == 0 ? Json(nullptr) : Json(file.checksum.bytes)},
           {"sha256", file.checksum.sha256}});
    }
  }
  return {{"name", entry.name},
          {"description", entry.description},
          {"found", entry.found.empty() ? Json(nullptr) : Json(entry.found.string())},
          {"searched", std::move(searched)},
          {"files", entry.files},
          {"licence", entry.licence},
          {"citation", entry.citation},
          {"can_be_fetched", entry.can_be_fetched},
          {"servers", std::move(servers)},
          {"checksums", std::move(checksums)}};
}

}  // namespace convoy::app
