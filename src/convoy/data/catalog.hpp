// SPDX-License-Identifier: Apache-2.0
// Data sets by name or folder: where they are looked for, and what is read there.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/data/dataset.hpp"

namespace convoy {

struct TrainAndTest {
  std::string name;              // "fashion-mnist", or the folder's name
  std::filesystem::path folder;  // where it was found; empty for "synthetic"
  Dataset train;
  Dataset test;
};

// "fashion-mnist", "mnist", "cifar10", "synthetic" (made, not read), or a folder that holds the
// usual file names of one of these formats, plain or gzip-compressed. A name is looked up under
// $CONVOY_DATA/NAME, then the user's data folder ($XDG_DATA_HOME or ~/.local/share)/convoy/NAME,
// then the system's places; the first folder that holds all of its files is read. Anything with a
// '/' in it, or that is a folder and no such name, is taken as a folder; its classes are the lines
// of its class_names.txt, else as many as the labels show, at least 2. Throws UserError: not_found
// (lists the folders searched, the file names wanted, and how to get them), bad_data (a file that
// lies; names the file and the place in it).
TrainAndTest load_data(std::string_view name_or_folder);

struct CatalogEntry {
  std::string name;
  std::string description;
  std::vector<std::filesystem::path> searched;  // in order; none: made in memory ("synthetic")
  std::filesystem::path found;                  // empty: not on this machine
};

// The known data sets and where they lie (reads no images).
std::vector<CatalogEntry> catalog();

// The folder that `convoy fetch` writes `name` into: the first of `searched`, the system's places
// left out, that the user may write. Throws UserError: usage (a name that is not to be fetched),
// not_found (no such folder).
std::filesystem::path fetch_folder(std::string_view name);

}  // namespace convoy
