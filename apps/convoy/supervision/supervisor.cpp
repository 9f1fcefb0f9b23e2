// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "cli/output.hpp"
#include "internal.hpp"
#include "supervision/job_folder.hpp"
#include "supervision/job_watch.hpp"
#include "supervision/process_tree.hpp"
#include "supervision/ranks.hpp"
#include "supervision/signals.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

constexpr int kTickMs = 20;
constexpr double kLongestTick = 0.2;    // if more, this process was stopped, or the machine slept
constexpr double kLauncherMayTake = 3;  // for its end after the ranks' ends
constexpr double kTimeToSettle = 1.5;   // for the other ranks and the launcher, after a fault

// Holds the liveness table's memory, and the pipe whose only writer is this process. Ranks open
// both through our entry in /proc: neither has a name in a file system, which could outlive this
// process.
class JobChannels {
 public:
  JobChannels(int ranks, const fs::path& folder) {
    if (pipe2(parent_pipe_.data(), O_CLOEXEC) != 0) {
      throw SystemError(Fault::unavailable, "pipe", "the ranks", errno);
    }
    const fs::path file = folder / "liveness-table";
    liveness_table = LivenessTable::create_file(file.string(), ranks);
    file_ = open(file.c_str(), O_RDWR | O_CLOEXEC);
    const int error = errno;
    unlink(file.c_str());
    if (!liveness_table || file_ < 0) throw SystemError(Fault::io, "open", file.string(), error);
  }
  ~JobChannels() {
    for (const int descriptor : {parent_pipe_[0], parent_pipe_[1], file_}) close(descriptor);
  }
  JobChannels(const JobChannels&) = delete;
  JobChannels& operator=(const JobChannels&) = delete;

  std::vector<std::string> variables() const {
    auto entry = [](const char* name, int descriptor) {
      return fmt::format("{}=/proc/{}/fd/{}", name, getpid(), descriptor);
    };
    return {entry(kLivenessTableVariable, file_), entry(kParentDeathVariable, parent_pipe_[0]),
            fmt::format("{}={}", kMachineVariable, this_machine())};
  }

  std::unique_ptr<LivenessTable> liveness_table;

 private:
  std::array<int, 2> parent_pipe_{};
  int file_ = -1;
};

}  // namespace

JobEnd supervise(const Job& job) {
  const JobFolder folder;
  const JobChannels channels(job.ranks, folder.path());
  std::vector<std::string> variables = channels.variables();
  variables.insert(variables.end(), job.variables.begin(), job.variables.end());
  for (const std::string& name : job.folder_variables) {
    variables.push_back(fmt::format("{}={}", name, folder.path().string()));
  }
  StopSignals signals(job.quiet, StopSignals::Second::noted);
  ProcessTree tree(job.command, variables,
                   "install the MPI library's programs, or start the ranks with another launcher "
                   "(srun convoy train ...)");
  JobWatch watch(*channels.liveness_table, job.stall_timeout, job.start_timeout,
                 job.several_machines);
  JobEnd end;
  std::optional<int> launcher;
  std::string messages;
  bool launcher_first = false;  // the launcher was killed first, by another process
  double in_trouble = 0, done = 0;
  for (Stopwatch tick;;) {
    // The first rank to end is the one at fault, and a launcher may end the others right after it.
    tree.listen(kTickMs, watch.living());
    const double passed = std::min(tick.seconds(), kLongestTick);
    tick.restart();
    const bool was_trouble = watch.trouble();
    launcher = tree.ended();
    launcher_first = launcher_first || (launcher && tree.killed() && !was_trouble);
    watch.look(passed);
    if (watch.began()) signals.training_begins();
    end.output += tree.take_output();
    const bool trouble = watch.trouble() || (launcher && !watch.done());
    if (trouble) {
      messages += tree.take_errors();
    } else {
      write_stderr(tree.take_errors());
    }
    if (signals.again()) break;
    if (*signals.requested()) watch.forward(SIGUSR1);
    if (watch.done() && (launcher || (done += passed) > kLauncherMayTake)) break;
    if (trouble && ((launcher && watch.settled()) || (in_trouble += passed) > kTimeToSettle)) break;
  }
  tree.end();
  tree.listen(0);
  end.at_once = signals.again();
  end.began = watch.began();
  end.ending = watch.verdict(launcher, launcher_first);
  end.output += tree.take_output();
  // Messages of a launcher that is being ended are about that signal, and explain nothing.
  const std::string last_lines = tree.take_errors();
  if (launcher) messages += last_lines;
  if (is_clean(end.ending.code)) {
    write_stderr(messages);
  } else {
    // A crash prints its own message: an assertion, a sanitizer's report. If no rank began to train
    // and none says why, the only explanation is what the launcher, or the MPI library on a rank's
    // stderr, printed.
    const bool crashed = watch.crashed(tree.killed() ? std::nullopt : launcher);
    if (crashed || !watch.explained()) write_stderr(messages);
    end.output.clear();
  }
  return end;
}

}  // namespace convoy::app
