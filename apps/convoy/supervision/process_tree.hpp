// SPDX-License-Identifier: Apache-2.0
// Runs a program, and ends it with all processes that it started. Linux: a process that loses its
// parent becomes this process's child (PR_SET_CHILD_SUBREAPER), so none escapes.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoy::app {

// Throws UserError(unavailable) if /proc is missing, by which the processes of a tree are found;
// the message says that `what` is not available then.
void check_processes_are_seen(std::string_view what);

// At most one exists at a time, in a process that has no other children.
class ProcessTree {
 public:
  // Starts `command` in a process group of its own (a terminal's Ctrl-C does not reach it), without
  // input; the kernel kills it if this process ends. `variables` are NAME=VALUE, added to our own.
  // Throws UserError(unavailable) if the program cannot be started; `remedy` is for one that is not
  // installed.
  ProcessTree(const std::vector<std::string>& command, const std::vector<std::string>& variables,
              std::string_view remedy);
  ~ProcessTree();  // calls end()
  ProcessTree(const ProcessTree&) = delete;
  ProcessTree& operator=(const ProcessTree&) = delete;

  // Waits at most `milliseconds` for output, or for the end of one of `processes` (pidfds); then
  // reads the output.
  void listen(int milliseconds, const std::vector<int>& processes = {});
  std::string take_output();  // the output on stdout since the last call
  std::string take_errors();  // the same for stderr

  // How the program ended: its exit code, or 128 + signal; nothing while it runs.
  std::optional<int> ended();
  bool killed() const { return killed_; }  // it ended by a signal

  // Sends SIGTERM to all processes, and a second later SIGKILL to those that still run (the program
  // itself gets two more seconds to clean up). Returns when none is left.
  void end() noexcept;

 private:
  void reap() noexcept;

  pid_t program_ = -1;
  int out_ = -1, err_ = -1;
  std::string output_, errors_;
  std::optional<int> status_;
  bool killed_ = false;
};

// The ranks that MPI launchers started, found by their environment, among the descendants of this
// process that have not ended.
std::vector<int> ranks_of_descendants();

}  // namespace convoy::app
