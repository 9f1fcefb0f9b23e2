// SPDX-License-Identifier: Apache-2.0
// The names of the pictures in a folder, or in a list (data/pictures/listing.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

struct FileName {
  std::string file;            // a path that begins with the folder's, as given
  std::optional<Index> truth;  // its class, if the folder or the list says one of the known names
};

// Threads must not share an object.
class FileNames {
 public:
  virtual ~FileNames() = default;
  // The next name; nothing at the end. Throws Error about a part that cannot be read; the next call
  // continues behind it. Behind a limit of depth or number that is exceeded nothing is left.
  virtual std::optional<FileName> next() = 0;
  // What the user should know at the end, a sentence; or empty.
  virtual std::string note() const = 0;
};

// Of a folder and of all folders in it, in the order of the names, as bytes; what a folder holds
// stands where its name stands. The rules for hidden files, links and endings are those of class
// folders (data/pictures/listing.hpp); .gz may stand behind the ending of a picture. A
// folder to which several links lead is read once for each class. The names of
// the folders on the way down are in memory, and no others. The class is that of the nearest folder
// above the picture, up to `folder` itself, whose name is one of `class_names`. (The name of the
// folder "." is that of the current one.)
std::unique_ptr<FileNames> names_in_folder(const std::string& folder,
                                           const std::vector<std::string>& class_names);

// Of a CSV or TSV list with labels, in the order of the paths as bytes. The class is that of the
// same name in `class_names`. Throws the errors of list_file().
std::unique_ptr<FileNames> names_in_list(const std::string& list,
                                         const std::vector<std::string>& class_names);

}  // namespace convoy::app
