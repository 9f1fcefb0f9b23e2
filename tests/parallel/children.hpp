// SPDX-License-Identifier: Apache-2.0
// Ranks as processes: forked, and certain to end with the test.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace convoy::test {

// Memory that children forked later share, zeroed.
inline std::shared_ptr<std::byte[]> memory_for_children(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<std::byte*>(memory), [bytes](std::byte* p) { munmap(p, bytes); }};
}

class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (const pid_t child : pids_) kill(child, SIGKILL);
    join();
  }

  // The child's exit code is what `work` returns, or 99 where it throws.
  pid_t start(const std::function<int()>& work) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) throw std::bad_alloc();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(98);
      int code = 99;
      try {
        code = work();
      } catch (const std::exception&) {
      }
      _exit(code);  // without the test program's exit handlers
    }
    pids_.push_back(child);
    return child;
  }

  // Waits for all children and returns their exit codes in the order of start; 128 + signal for
  // killed ones.
  std::vector<int> join() {
    std::vector<int> codes;
    for (const pid_t child : pids_) {
      int status = 0;
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    pids_.clear();
    return codes;
  }

 private:
  std::vector<pid_t> pids_;
};

}  // namespace convoy::test
