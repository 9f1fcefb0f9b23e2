// SPDX-License-Identifier: Apache-2.0
// What is known of the public data sets that have a name: their sizes, their licence, their
// authors. All facts are those that the authors publish; none of them changes what is read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/folder.hpp"

namespace convoy {

struct KnownSet {
  std::string name;
  std::string description;
  Format format;
  std::vector<std::string> classes;  // empty: those of the format or of its file of names
  std::string licence;
  std::string citation;
  std::string folder;   // the name of its folder; empty: `name`
  std::string package;  // Debian package, installed below kSystemFolder; may be empty

  const std::string& folder_name() const { return folder.empty() ? name : folder; }
};

inline constexpr const char* kSystemFolder = "/usr/share/datasets";

const std::vector<KnownSet>& known_sets();
// Null for another name.
const KnownSet* find_known_set(std::string_view name);

}  // namespace convoy
