// SPDX-License-Identifier: Apache-2.0
#include "commands/launch.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/durable_file.hpp"
#include "cli/output.hpp"
#include "internal.hpp"
#include "supervision/launcher_call.hpp"
#include "supervision/process_tree.hpp"
#include "supervision/ranks.hpp"
#include "supervision/supervisor.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// The command line of each rank: `own` without the options of the supervisor, and with the folder
// where the supervisor chose it.
std::vector<std::string> rank_command(const std::vector<std::string>& own, const fs::path& folder,
                                      bool folder_is_given) {
  CONVOY_ASSERT(own.size() >= 2);  // the program, and the command "train"
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
  check_processes_are_seen(fmt::format("--ranks {}", ranks));
}

std::string cores_in_words() {
  const int cores = usable_cores();
  return fmt::format("this process may use {} core{}", cores, cores == 1 ? "" : "s");
}

// Launchers would start the other ranks, too, on hosts that have no cores left for them.
void check_slots(int ranks, const std::string& hosts) {
  const Index slots = slots_of_hosts(hosts);
  if (ranks <= slots) return;
  throw UserError(Fault::usage,
                  fmt::format("--ranks {} is more than --hosts {} has slots for", ranks, hosts),
                  fmt::format("the numbers after its colons add up to {}, where a host without a "
                              "number counts as 1",
                              slots),
                  fmt::format("raise the numbers in --hosts, or give --ranks {}", slots));
}

// The folder of a run without --out. It is created before the ranks are told its name, since
// another run may begin in the same second. The run's folder replaces this empty one.
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
    if (!path_.empty()) ::rmdir(path_.c_str());  // fails if it holds the run
  }
  ClaimedFolder(const ClaimedFolder&) = delete;
  ClaimedFolder& operator=(const ClaimedFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Its status.json may still say "running". (A run that was refused may be in use by another job.)
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

int ranks_to_start(const TrainOptions& options) {
  const int asked = options.ranks.ranks;
  if (!options.ranks.hosts.empty()) check_slots(asked, options.ranks.hosts);
  const bool by_cores = options.ranks.hosts.empty() && options.layout.device == "cpu";
  if (!by_cores || options.layout.oversubscribe) return asked;
  const int cores = usable_cores();
  if (asked > cores && options.per_rank_batch) {
    throw UserError(
        Fault::usage, fmt::format("--ranks {} with --per-rank-batch", asked),
        fmt::format("{}, and with fewer ranks the batch would be smaller", cores_in_words()),
        "add --oversubscribe, or start fewer");
  }
  return std::min(asked, cores);
}

void warn_of_fewer_ranks(const TrainOptions& options, int ranks) {
  if (options.ranks.ranks <= ranks || options.quiet) return;
  write_warning(fmt::format("{} ranks requested, {} started ({}): add --oversubscribe to start all",
                            options.ranks.ranks, ranks, cores_in_words()));
}

int launch(const CLI::App& command, const TrainOptions& options, int ranks) {
  check_can_launch(ranks);
  // The ranks will do the same; here an error is reported before they are started.
  Run run = choose_run(command, options, ranks);
  engine_options(options.layout, options.ranks, run.model.train);
  ranks_options(options.ranks);
  Job job;
  job.ranks = ranks;
  job.several_machines = !options.ranks.hosts.empty();
  job.stall_timeout = options.ranks.stall_timeout;
  job.quiet = options.quiet;
  job.start_timeout = options.ranks.start_timeout;
  LauncherCall call = launcher_call(ranks, options.ranks.hosts);
  job.command = std::move(call.words);
  job.variables = std::move(call.variables);
  job.folder_variables = std::move(call.folder_variables);
  std::optional<ClaimedFolder> claimed;
  if (run.taken == Taken::numbered) run.folder = claimed.emplace(run.folder).path();
  const bool folder_is_given = !options.out.empty() || !options.resume.empty();
  for (std::string& word : rank_command(options.command_line, run.folder, folder_is_given)) {
    job.command.push_back(std::move(word));
  }
  // The cores that Slurm granted to this one task are for all ranks.
  if (const int granted = slurm_cpus_per_task(); granted > 0 && !job.several_machines) {
    job.variables.push_back(fmt::format("SLURM_CPUS_PER_TASK={}", std::max(1, granted / ranks)));
  }
  warn_of_fewer_ranks(options, ranks);
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
      message += fmt::format(": to continue: convoy train --resume {} --ranks {}",
                             shell_path(run.folder), ranks);
      if (job.several_machines) message += " --hosts " + shell_word(options.ranks.hosts);
    }
  }
  throw SharedError(static_cast<Fault>(end.ending.code), message);
}

}  // namespace convoy::app
