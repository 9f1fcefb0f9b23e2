// SPDX-License-Identifier: Apache-2.0
#include "supervision/process_state.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

namespace convoy::app {
namespace {

// "state parent ..." from /proc/PID/stat, after "pid (name) "; a name may hold any character.
std::string state_of(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text;
  std::getline(file, text);
  const std::size_t behind = text.rfind(") ");
  return behind == std::string::npos ? std::string() : text.substr(behind + 2);
}

// The information of Linux 6.15 about a process that is not the caller's child (<linux/pidfd.h>).
struct PidfdInfo {
  std::uint64_t mask, cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
constexpr std::uint64_t kPidfdInfoExit = 1U << 3;

}  // namespace

bool is_stopped(pid_t process) {
  const std::string state = state_of(process);
  return state.starts_with('T') || state.starts_with('t');
}

std::optional<int> ending_of_process(int pidfd, pid_t process) {
  int status = 0;
  PidfdInfo info{kPidfdInfoExit, 0, {}, 0};
  if (ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) == 0 && (info.mask & kPidfdInfoExit) != 0) {
    status = info.exit_code;
  } else {
    const std::string state = state_of(process);
    if (!state.starts_with('Z')) return std::nullopt;
    status = std::atoi(state.c_str() + state.rfind(' ') + 1);
  }
  return WIFSIGNALED(status) ? kBySignal + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace convoy::app
