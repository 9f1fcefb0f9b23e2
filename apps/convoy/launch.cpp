// SPDX-License-Identifier: Apache-2.0
#include "launch.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "convoy/train/durable_file.hpp"
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
                    fmt::format("how {} is told them is not known here", library),
                    "start convoy train by its launcher, without --ranks");
  }
  add({"-np", fmt::format("{}", ranks)});  // MPICH's launcher ignores some options that come later
  return words;
}

void check_can_launch(int ranks) {
  if (is_rank()) {
    throw UserError(Fault::usage, fmt::format("--ranks {} inside of a job of ranks", ranks),
                    fmt::format("a launcher started this process as one of {}", announced_ranks()),
                    "leave --ranks out, or start convoy without the launcher");
  }
  if (mpi_launcher().empty()) {
    throw UserError(Fault::unavailable, fmt::format("--ranks {} is not available", ranks),
                    "this program was built without MPI",
                    "build it with CONVOY_MPI=ON, or use --threads");
  }
}

// Of a run without --out: the name is taken before the ranks are told it, since another run may
// begin in the same second. The run's folder takes the place of this empty one.
class ClaimedFolder {
 public:
  explicit ClaimedFolder(const fs::path& wanted) {
    fs::create_directories(wanted.parent_path());
    path_ = wanted;
    for (int number = 2; ::mkdir(path_.c_str(), 0777) != 0; ++number) {
      if (errno != EEXIST) {
        throw SystemError(Fault::io, "mkdir", std::exchange(path_, {}).string(), errno);
      }
      path_ = fmt::format("{}-{}", wanted.string(), number);
    }
  }
  ~ClaimedFolder() {
    if (!path_.empty()) ::rmdir(path_.c_str());  // unless it holds the run
  }
  ClaimedFolder(const ClaimedFolder&) = delete;
  ClaimedFolder& operator=(const ClaimedFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Its status.json still says "running", perhaps. (One that was refused may be another job's.)
void record_failure(const fs::path& folder, const JobEnd& end, const std::string& message) {
  const bool refused = end.ending.code == static_cast<int>(Fault::usage);
  const bool ours = end.began || (!refused && !is_locked(folder / "lock"));
  if (ours && fs::exists(folder / "status.json")) report_failure(folder, message);
}

void end_by_interrupt() {
  write_stderr("\n");
  signal(SIGINT, SIG_DFL);
  raise(SIGINT);  // a shell sees 130, as without ranks
}

}  // namespace

int launch(const CLI::App& command, const TrainOptions& options) {
  const int ranks = options.ranks.ranks;
  check_can_launch(ranks);
  // The ranks will do the same; but here what is wrong is told before they are started.
  Run run = choose_run(command, options, ranks);
  engine_options(options.layout, options.ranks, run.model.train);
  ranks_options(options.ranks);
  Job job;
  job.ranks = ranks;
  job.several_machines = !options.ranks.hosts.empty();
  job.stall_timeout = options.ranks.stall_timeout;
  job.quiet = options.quiet;
  job.command = launcher_command(ranks, options.ranks.hosts);
  std::optional<ClaimedFolder> claimed;
  if (run.taken == Taken::numbered) run.folder = claimed.emplace(run.folder).path();
  const bool folder_is_given = !options.out.empty() || !options.resume.empty();
  for (std::string& word : rank_command(run.folder, folder_is_given)) {
    job.command.push_back(std::move(word));
  }
  if (geteuid() == 0) {
    job.variables = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  }
  const JobEnd end = supervise(job);
  if (end.at_once) {
    record_failure(run.folder, end, "it was interrupted in the middle of a step");
    claimed.reset();
    end_by_interrupt();
  }
  write_stdout(end.output);
  if (is_clean(end.ending.code)) return end.ending.code;
  std::string message = end.ending.message;
  record_failure(run.folder, end, message);
  if (end.began && fs::exists(run.folder)) {
    if (end.ending.code == static_cast<int>(Fault::peer)) {
      message += fmt::format(": to go on: convoy train --resume {} --ranks {}",
                             shell_path(run.folder), ranks);
      if (job.several_machines) message += " --hosts " + shell_word(options.ranks.hosts);
    }
  }
  throw SharedError(static_cast<Fault>(end.ending.code), message);
}

}  // namespace convoy::app
