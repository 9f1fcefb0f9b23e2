// SPDX-License-Identifier: Apache-2.0
#include "launch.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "output.hpp"
#include "ranks.hpp"
#include "supervisor.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// The words of our own command line, the program in front.
std::vector<std::string> own_words() {
  std::vector<std::string> words;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  if (words.size() < 2)
    throw SystemError(Fault::internal, "reading", "/proc/self/cmdline", "short");
  return words;
}

// What each rank is started with: our own words but those for us, and the folder where we chose it.
std::vector<std::string> rank_command(const fs::path& folder, bool folder_is_given) {
  const std::vector<std::string> own = own_words();
  std::vector<std::string> words{fs::read_symlink("/proc/self/exe").string(), own[1]};
  if (!folder_is_given) words.insert(words.end(), {"--out", folder.string()});
  for (std::size_t i = 2; i < own.size(); ++i) {
    if (own[i] == "--ranks" || own[i] == "--hosts") {
      ++i;
    } else if (!own[i].starts_with("--ranks=") && !own[i].starts_with("--hosts=")) {
      words.push_back(own[i]);
    }
  }
  return words;
}

// Ranks go where the kernel puts them, without `hosts` on this machine, and errors are told by us.
std::vector<std::string> launcher_command(int ranks, const std::string& hosts) {
  using Words = std::vector<std::string>;
  Words words{mpi_launcher()};
  const auto add = [&words](const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  const std::string library = mpi_library();
  if (library.starts_with("Open MPI")) {
    // Ranks of this machine have our environment without -x, which would not go together with a
    // user's OMPI_MCA_mca_base_env_list; others have no use for it.
    add({"--bind-to", "none", "--oversubscribe", "--quiet"});
    add(hosts.empty() ? Words{"--mca", "plm", "isolated", "--mca", "ras", "^slurm,tm,gridengine"}
                      : Words{"--host", hosts});
  } else if (library.starts_with("MPICH")) {
    add({"-bind-to", "none", "-disable-auto-cleanup"});
    add(hosts.empty() ? Words{"-launcher", "fork"} : Words{"-hosts", hosts});
  } else if (!hosts.empty()) {
    throw UserError(Fault::unavailable, "--hosts is not available",
                    fmt::format("Convoy does not know how {} is given hosts", library),
                    "start convoy train by its launcher, without --ranks");
  }
  add({"-np", fmt::format("{}", ranks)});  // MPICH's launcher ignores some options that come later
  return words;
}

void check_can_launch(int ranks) {
  if (is_rank()) {
    throw UserError(Fault::usage,
                    fmt::format("--ranks {} inside a job that already has ranks", ranks),
                    fmt::format("a launcher started this process as one of {}", announced_ranks()),
                    "leave --ranks out, or start convoy without the launcher");
  }
  if (mpi_launcher().empty()) {
    throw UserError(Fault::unavailable, fmt::format("--ranks {} is not available", ranks),
                    "this program was built without MPI",
                    "build it with CONVOY_MPI=ON, or use --threads");
  }
}

std::string cores_in_words() {
  const int cores = usable_cores();
  return fmt::format("this process may use {} core{}", cores, cores == 1 ? "" : "s");
}

void end_by_interrupt() {
  write_stderr("\n");
  signal(SIGINT, SIG_DFL);
  raise(SIGINT);  // a shell sees 130, as without ranks
}

}  // namespace

int ranks_to_start(const TrainOptions& options) {
  const int asked = options.ranks.ranks;
  const bool by_cores = options.ranks.hosts.empty() && options.layout.device == "cpu";
  if (!by_cores || options.layout.oversubscribe) return asked;
  const int cores = usable_cores();
  if (asked > cores && options.per_rank_batch) {
    throw UserError(Fault::usage, fmt::format("--ranks {} with --per-rank-batch", asked),
                    fmt::format("{}, and fewer ranks would train another batch", cores_in_words()),
                    "add --oversubscribe, or start fewer");
  }
  return std::min(asked, cores);
}

void warn_of_fewer_ranks(const TrainOptions& options, int ranks) {
  if (options.ranks.ranks <= ranks || options.quiet) return;
  write_stderr(fmt::format(
      "convoy: warning: {} ranks asked for, {} started ({}): --oversubscribe starts them "
      "all\n",
      options.ranks.ranks, ranks, cores_in_words()));
}

int launch(const CLI::App& command, const TrainOptions& options, int ranks) {
  check_can_launch(ranks);
  // The ranks will do the same; but here what is wrong is told before they are started.
  const Run run = choose_run(command, options, ranks);
  engine_options(options.layout, options.ranks, run.model.train);
  ranks_options(options.ranks);
  Job job;
  job.ranks = ranks;
  job.several_machines = !options.ranks.hosts.empty();
  job.stall_timeout = options.ranks.stall_timeout;
  job.quiet = options.quiet;
  job.command = launcher_command(ranks, options.ranks.hosts);
  const bool folder_is_given = !options.out.empty() || !options.resume.empty();
  for (std::string& word : rank_command(run.folder, folder_is_given)) {
    job.command.push_back(std::move(word));
  }
  if (geteuid() == 0) {
    job.variables = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  }
  // What Slurm gave this one task is for all of them.
  if (const char* granted = std::getenv("SLURM_CPUS_PER_TASK"); granted && !job.several_machines) {
    job.variables.push_back(
        fmt::format("SLURM_CPUS_PER_TASK={}", std::max(1, std::atoi(granted) / ranks)));
  }
  warn_of_fewer_ranks(options, ranks);
  const JobEnd end = supervise(job);
  if (end.at_once) end_by_interrupt();
  write_stdout(end.output);
  if (is_clean(end.ending.code)) return end.ending.code;
  std::string message = end.ending.message;
  if (end.began && fs::exists(run.folder)) {
    report_failure(run.folder, message);
    if (end.ending.code == static_cast<int>(Fault::peer)) {
      message += fmt::format(": to continue: convoy train --resume {} --ranks {}",
                             shell_path(run.folder), ranks);
      if (job.several_machines) message += " --hosts " + shell_word(options.ranks.hosts);
    }
  }
  throw SharedError(static_cast<Fault>(end.ending.code), message);
}

}  // namespace convoy::app
