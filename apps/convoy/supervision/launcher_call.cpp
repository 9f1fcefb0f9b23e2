// SPDX-License-Identifier: Apache-2.0
#include "supervision/launcher_call.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "internal.hpp"

namespace convoy::app {
namespace {

using Words = std::vector<std::string>;

// "Open MPI 5.0.11" gives 5; another library's name gives 0.
int open_mpi_version(const std::string& library) {
  constexpr std::string_view kName = "Open MPI ";
  return library.starts_with(kName) ? std::atoi(library.c_str() + kName.size()) : 0;
}

bool is_set(const char* variable) {
  return std::getenv(variable) != nullptr;
}

// Ranks on this machine have our environment without -x, which would conflict with a user's
// OMPI_MCA_mca_base_env_list; ranks on other machines do not need it.
Words open_mpi_4(const std::string& hosts) {
  Words words{"--bind-to", "none", "--oversubscribe", "--quiet"};
  const Words where =
      hosts.empty() ? Words{"--mca", "plm", "isolated", "--mca", "ras", "^slurm,tm,gridengine"}
                    : Words{"--host", hosts};
  words.insert(words.end(), where.begin(), where.end());
  return words;
}

// The launcher is PRRTE, which has policies in place of single options, no --quiet, and no
// component "isolated". A component that could reach other machines is not used if there are none.
Words prrte(const std::string& hosts) {
  Words words{"--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"};
  const Words where = hosts.empty() ? Words{"--prtemca", "plm", "ssh",
                                            "--prtemca", "ras", "^slurm,pbs,lsf,gridengine"}
                                    : Words{"--host", hosts};
  words.insert(words.end(), where.begin(), where.end());
  return words;
}

Words hydra(const std::string& hosts) {
  Words words{"-bind-to", "none", "-disable-auto-cleanup"};
  const Words where = hosts.empty() ? Words{"-launcher", "fork"} : Words{"-hosts", hosts};
  words.insert(words.end(), where.begin(), where.end());
  return words;
}

// Intel's mpirun is a script that uses the first mpiexec.hydra in PATH.
std::string path_with(const std::string& launcher) {
  const char* path = std::getenv("PATH");
  const std::string folder = std::filesystem::path(launcher).parent_path().string();
  return fmt::format("PATH={}:{}", folder, path == nullptr ? "/usr/bin:/bin" : path);
}

}  // namespace

LauncherCall launcher_call(int ranks, const std::string& hosts) {
  const std::string library = mpi_library();
  const int open_mpi = open_mpi_version(library);
  LauncherCall call{{mpi_launcher()}, {}, {}};
  Words options;
  if (open_mpi >= 5) {
    options = prrte(hosts);
    // Ranks of one machine use its memory. They need no connections, which another network name
    // space or a firewall could block.
    if (hosts.empty() && !is_set("OMPI_MCA_btl")) call.variables.emplace_back("OMPI_MCA_btl=^tcp");
  } else if (open_mpi > 0) {
    options = open_mpi_4(hosts);
  } else if (library.starts_with("MPICH")) {
    options = hydra(hosts);
  } else if (!hosts.empty()) {
    throw UserError(Fault::unavailable, "--hosts is not available",
                    fmt::format("Convoy does not know how to pass hosts to {}", library),
                    "start convoy train with that library's launcher, without --ranks");
  } else if (library.starts_with("Intel")) {
    call.variables.push_back(path_with(call.words.front()));
  }
  // Another machine would not have the folder.
  if (open_mpi > 0 && hosts.empty()) {
    const std::string name =
        fmt::format("OMPI_MCA_btl_{}_backing_directory", open_mpi >= 5 ? "sm" : "vader");
    if (!is_set(name.c_str())) call.folder_variables.push_back(name);
  }
  call.words.insert(call.words.end(), options.begin(), options.end());
  // MPICH's launcher ignores some options that come later.
  call.words.insert(call.words.end(), {"-np", fmt::format("{}", ranks)});
  if (open_mpi > 0 && geteuid() == 0) {
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) {
      call.variables.push_back(fmt::format("{}=1", name));
    }
  }
  return call;
}

}  // namespace convoy::app
