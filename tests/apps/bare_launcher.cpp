// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/bare_launcher.hpp"

#include <sstream>

#include "internal.hpp"

namespace convoy::test {

const Arguments kAllowRoot{"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};

// Open MPI's mpirun prints, between two lines of dashes, that a rank ended with an error. Version 4
// has an option that suppresses this; version 5 refuses the option.
static std::string without_notices(const std::string& text) {
  std::string rest;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool ruler = line.size() > 60 && line.find_first_not_of('-') == std::string::npos;
    if (!ruler && !inside) rest += line + '\n';
    inside = inside != ruler;
  }
  return rest;
}

Arguments bare_launcher(int ranks) {
  Arguments words{mpi_launcher(), "-np", std::to_string(ranks)};
  const std::string library = mpi_library();
  if (library.starts_with("Open MPI 4")) {
    words.insert(words.end(), {"--bind-to", "none", "--oversubscribe", "--quiet"});
  } else if (library.starts_with("Open MPI")) {
    words.insert(words.end(), {"--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"});
  }
  return words;
}

Ended launched(int ranks, const Arguments& command, const ScratchFolder& in) {
  Arguments words = bare_launcher(ranks);
  words.insert(words.end(), command.begin(), command.end());
  Ended ended = Child(words, in.path, kAllowRoot).wait();
  ended.err = without_notices(ended.err);
  return ended;
}

}  // namespace convoy::test
