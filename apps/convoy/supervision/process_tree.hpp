// SPDX-License-Identifier: Apache-2.0
// A program, all that it starts, and the end of all of that. Linux: what loses its parent becomes
// this process's child (PR_SET_CHILD_SUBREAPER), so nothing gets away.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

// Throws UserError(unavailable) where /proc is not there, without which the processes of a tree
// can't be found: `what` is not available then.
void check_processes_are_seen(std::string_view what);

// At most one at a time, in a process that has no other children.
class ProcessTree {
 public:
  // Starts `command` in a process group of its own (a terminal's Ctrl-C does not reach it), without
  // input, killed if this process ends. `variables` are NAME=VALUE, beside our own. Throws
  // UserError(unavailable) where the program can't be started.
  ProcessTree(const std::vector<std::string>& command, const std::vector<std::string>& variables);
  ~ProcessTree();  // end()
  ProcessTree(const ProcessTree&) = delete;
  ProcessTree& operator=(const ProcessTree&) = delete;

  // Waits at most so long for something to come in, or for the end of one of `processes` (pidfds);
  // then takes what came.
  void listen(int milliseconds, const std::vector<int>& processes = {});
  std::string take_output();  // what came on stdout since
  std::string take_errors();  // on stderr

  // How the program ended, once it has: its exit code, or 128 + signal.
  std::optional<int> ended();
  bool killed() const { return killed_; }  // it ended by a signal

  // SIGTERM to all, SIGKILL to who is still there a second later (the program itself may clean up
  // for two seconds more). Returns when none is left.
  void end() noexcept;

 private:
  void reap() noexcept;

  pid_t program_ = -1;
  int out_ = -1, err_ = -1;
  std::string output_, errors_;
  std::optional<int> status_;
  bool killed_ = false;
};

// Ranks that MPI launchers started, by their environment, among all that has been started by this
// process and has not ended.
std::vector<int> ranks_of_descendants();

}  // namespace convoy::app
