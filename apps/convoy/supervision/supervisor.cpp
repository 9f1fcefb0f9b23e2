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
constexpr double kMostOfATick = 0.2;    // more: this process was stopped, or the machine slept
constexpr double kLauncherMayTake = 3;  // to end after its ranks
constexpr double kTimeToSettle = 1.5;   // for the other ranks and the launcher, after a fault

// The board's memory, and the pipe whose only writer is this process. Ranks open both by our entry
// in /proc: neither has a name in a file system that could outlive us.
class Desk {
 public:
  Desk(int ranks, const fs::path& folder) {
    if (pipe2(leash_.data(), O_CLOEXEC) != 0) {
      throw SystemError(Fault::unavailable, "pipe", "the ranks", errno);
    }
    const fs::path file = folder / "board";
    board = Board::create_file(file.string(), ranks);
    file_ = open(file.c_str(), O_RDWR | O_CLOEXEC);
    const int error = errno;
    unlink(file.c_str());
    if (!board || file_ < 0) throw SystemError(Fault::io, "open", file.string(), error);
  }
  ~Desk() {
    for (const int descriptor : {leash_[0], leash_[1], file_}) close(descriptor);
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  std::vector<std::string> variables() const {
    auto entry = [](const char* name, int descriptor) {
      return fmt::format("{}=/proc/{}/fd/{}", name, getpid(), descriptor);
    };
    return {entry(kBoardVariable, file_), entry(kLeashVariable, leash_[0]),
            fmt::format("{}={}", kMachineVariable, this_machine())};
  }

  std::unique_ptr<Board> board;

 private:
  std::array<int, 2> leash_{};
  int file_ = -1;
};

}  // namespace

JobEnd supervise(const Job& job) {
  const JobFolder folder;
  const Desk desk(job.ranks, folder.path());
  std::vector<std::string> variables = desk.variables();
  variables.insert(variables.end(), job.variables.begin(), job.variables.end());
  for (const std::string& name : job.folder_variables) {
    variables.push_back(fmt::format("{}={}", name, folder.path().string()));
  }
  const StopSignals signals(job.quiet, StopSignals::Second::noted);
  ProcessTree tree(job.command, variables);
  JobWatch watch(*desk.board, job.stall_timeout, job.start_timeout, job.several_machines);
  JobEnd end;
  std::optional<int> launcher;
  std::string laments;
  bool launcher_first = false;  // to be killed, by somebody else
  double in_trouble = 0, done = 0;
  for (Stopwatch tick;;) {
    // The first rank to end is the one to blame, and a launcher may end the others right after it.
    tree.listen(kTickMs, watch.living());
    const double passed = std::min(tick.seconds(), kMostOfATick);
    tick.restart();
    const bool was_trouble = watch.trouble();
    launcher = tree.ended();
    launcher_first = launcher_first || (launcher && tree.killed() && !was_trouble);
    watch.look(passed);
    end.output += tree.take_output();
    const bool trouble = watch.trouble() || (launcher && !watch.done());
    if (trouble) {
      laments += tree.take_errors();
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
  // What a launcher says while it is being ended answers that signal, and explains nothing.
  const std::string last_words = tree.take_errors();
  if (launcher) laments += last_words;
  if (is_clean(end.ending.code)) {
    write_stderr(laments);
  } else {
    // A crash leaves its own last words: an assertion, a sanitizer's report. Where nothing began
    // and no rank says why, the launcher's words, or those that the MPI library put on a rank's
    // stderr, are all there is.
    const bool crashed = watch.crashed(tree.killed() ? std::nullopt : launcher);
    if (crashed || !watch.explained()) write_stderr(laments);
    end.output.clear();
  }
  return end;
}

}  // namespace convoy::app
