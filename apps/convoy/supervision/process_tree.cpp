// SPDX-License-Identifier: Apache-2.0
#include "supervision/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "internal.hpp"

namespace convoy::app {
namespace {

struct Pipe {
  int read = -1, write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw SystemError(Fault::unavailable, "pipe", "a child process", errno);
  }
  return {ends[0], ends[1]};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// Our own environment, except for the variables that are given.
std::vector<std::string> environment(const std::vector<std::string>& variables) {
  std::vector<std::string> result = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    if (std::ranges::none_of(variables, [&](const auto& v) { return v.starts_with(name); })) {
      result.emplace_back(text);
    }
  }
  return result;
}

// Runs between fork and exec: it makes system calls only, and does not allocate. It returns if a
// call fails.
void become(char* const* argv, char* const* envp, pid_t parent, const Pipe& out, const Pipe& err) {
  const int nothing = open("/dev/null", O_RDONLY);
  if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || nothing < 0 ||
      dup2(nothing, STDIN_FILENO) < 0 || dup2(out.write, STDOUT_FILENO) < 0 ||
      dup2(err.write, STDERR_FILENO) < 0) {
    return;
  }
  if (getppid() != parent) _exit(127);  // the parent ended in the meantime
  signal(SIGPIPE, SIG_DFL);
  execvpe(argv[0], argv, envp);
}

// Reads what is in the pipe; closes the pipe at its end.
void drain(int& pipe, std::string& into) {
  std::array<char, 4096> block{};
  while (pipe >= 0) {
    const ssize_t n = read(pipe, block.data(), block.size());
    if (n > 0) {
      into.append(block.data(), static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      close(std::exchange(pipe, -1));
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

// (process, parent) of all processes that have not ended.
std::vector<std::pair<pid_t, pid_t>> processes() {
  std::vector<std::pair<pid_t, pid_t>> result;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return result;
  while (const dirent* entry = readdir(folder)) {
    const pid_t id = std::atoi(entry->d_name);
    if (id <= 0) continue;
    std::ifstream file(fmt::format("/proc/{}/stat", id));
    std::string text;
    std::getline(file, text);
    // "pid (name) state parent ...": a name may hold any character.
    const std::size_t behind = text.rfind(") ");
    if (behind == std::string::npos || behind + 4 >= text.size()) continue;
    if (text[behind + 2] == 'Z') continue;
    result.emplace_back(id, std::atoi(text.c_str() + behind + 4));
  }
  closedir(folder);
  return result;
}

std::vector<pid_t> descendants() {
  const auto all = processes();
  std::vector<pid_t> found{getpid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& [id, parent] : all) {
      if (parent == found[i] && std::ranges::find(found, id) == found.end()) found.push_back(id);
    }
  }
  found.erase(found.begin());
  return found;
}

// By the variables that Open MPI's and MPICH's launchers set.
std::optional<int> rank_of_process(pid_t process) {
  static constexpr std::array<std::string_view, 2> kNames{"OMPI_COMM_WORLD_RANK=", "PMI_RANK="};
  std::ifstream file(fmt::format("/proc/{}/environ", process), std::ios::binary);
  for (std::string variable; std::getline(file, variable, '\0');) {
    for (const std::string_view name : kNames) {
      if (variable.starts_with(name)) return std::atoi(variable.c_str() + name.size());
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<int> ranks_of_descendants() {
  std::vector<int> ranks;
  for (const pid_t process : descendants()) {
    if (const auto rank = rank_of_process(process)) ranks.push_back(*rank);
  }
  return ranks;
}

void check_processes_are_seen(std::string_view what) {
  if (access("/proc/self/stat", R_OK) == 0) return;
  throw UserError(Fault::unavailable, fmt::format("{} is not available", what),
                  "/proc is not mounted; Convoy needs it to find its own program and the processes "
                  "that it starts",
                  "mount it: mount -t proc proc /proc");
}

ProcessTree::ProcessTree(const std::vector<std::string>& command,
                         const std::vector<std::string>& variables, std::string_view remedy) {
  std::vector<std::string> words = command, settings = environment(variables);
  const std::vector<char*> argv = pointers(words), envp = pointers(settings);
  const Pipe out = make_pipe(), err = make_pipe(), trouble = make_pipe();
  out_ = out.read;
  err_ = err.read;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t parent = getpid();
  program_ = fork();
  if (program_ == 0) {
    become(argv.data(), envp.data(), parent, out, err);
    const int reason = errno;
    [[maybe_unused]] const ssize_t told = write(trouble.write, &reason, sizeof reason);
    _exit(127);
  }
  const int fork_error = program_ < 0 ? errno : 0;
  for (const int end : {out.write, err.write, trouble.write}) close(end);
  int reason = fork_error;
  while (fork_error == 0 && read(trouble.read, &reason, sizeof reason) < 0 && errno == EINTR) {
  }
  close(trouble.read);
  for (const int end : {out_, err_}) fcntl(end, F_SETFL, O_NONBLOCK);
  if (reason == 0) return;
  end();
  for (const int end : {out_, err_}) close(end);
  const bool limited = reason == EAGAIN || reason == ENOMEM;
  throw UserError(Fault::unavailable, fmt::format("{} cannot be started", command.front()),
                  std::strerror(reason),
                  limited ? "raise the limit of processes (ulimit -u, a container's limit of pids) "
                            "or of memory (ulimit -v)"
                          : remedy);
}

ProcessTree::~ProcessTree() {
  end();
  for (const int end : {out_, err_}) {
    if (end >= 0) close(end);
  }
}

void ProcessTree::listen(int milliseconds, const std::vector<int>& processes) {
  std::vector<pollfd> ends{{out_, POLLIN, 0}, {err_, POLLIN, 0}};  // poll() ignores -1
  for (const int process : processes) ends.push_back({process, POLLIN, 0});
  poll(ends.data(), ends.size(), milliseconds);
  drain(out_, output_);
  drain(err_, errors_);
}

std::string ProcessTree::take_output() {
  return std::exchange(output_, {});
}

std::string ProcessTree::take_errors() {
  return std::exchange(errors_, {});
}

void ProcessTree::reap() noexcept {
  int status = 0;
  for (pid_t id = 0; (id = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (id != program_) continue;
    killed_ = WIFSIGNALED(status);
    status_ = killed_ ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

std::optional<int> ProcessTree::ended() {
  reap();
  return status_;
}

void ProcessTree::end() noexcept {
  using namespace std::chrono_literals;
  const Stopwatch clock;
  bool asked = false;
  for (;;) {
    reap();
    std::vector<pid_t> left;
    try {
      listen(0);  // so that no process waits for a reader
      left = descendants();
    } catch (...) {
      continue;  // out of memory: tries again
    }
    constexpr double kGiveUp = 10;  // the kernel itself cannot end these processes
    if (left.empty() || clock.seconds() > kGiveUp) return;
    for (const pid_t id : left) {
      const double patience = id == program_ ? 3 : 1;
      if (clock.seconds() > patience) {
        kill(id, SIGKILL);
      } else if (!asked) {
        kill(id, SIGTERM);
      }
    }
    asked = true;
    std::this_thread::sleep_for(10ms);
  }
}

}  // namespace convoy::app
