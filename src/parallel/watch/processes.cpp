// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "parallel/watch.hpp"

namespace convoy {
namespace {

// A descriptor value: the process had already ended when it was added.
constexpr int kAlreadyGone = -2;

// Used without pidfd: a process that has ended is missing, or a zombie until its parent waits for
// it.
bool ended_by_number(std::int32_t pid) {
  if (kill(pid, 0) != 0) return errno == ESRCH;
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');  // the command's name may hold any character
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return false;
  const char state = text[name_end + 2];
  return state == 'Z' || state == 'X';
}

}  // namespace

Processes::~Processes() {
  for (const Process& process : processes_) {
    if (process.descriptor >= 0) close(process.descriptor);
  }
}

void Processes::add(int rank, std::int32_t pid) {
  remove(rank);
  auto descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) descriptor = errno == ESRCH ? kAlreadyGone : -1;
  processes_.push_back({rank, pid, descriptor});
}

void Processes::remove(int rank) {
  std::erase_if(processes_, [rank](const Process& process) {
    if (process.rank != rank) return false;
    if (process.descriptor >= 0) close(process.descriptor);
    return true;
  });
}

bool Processes::has(int rank) const {
  return std::ranges::any_of(processes_, [rank](const auto& p) { return p.rank == rank; });
}

bool Processes::ended(const Process& process) {
  if (process.descriptor == kAlreadyGone) return true;
  if (process.descriptor < 0) return ended_by_number(process.pid);
  pollfd now{process.descriptor, POLLIN, 0};
  return poll(&now, 1, 0) > 0 && (now.revents & POLLIN) != 0;
}

bool Processes::gone(int rank) const {
  return std::ranges::any_of(processes_,
                             [rank](const Process& p) { return p.rank == rank && ended(p); });
}

std::optional<int> Processes::gone() const {
  const auto found = std::ranges::find_if(processes_, ended);
  return found == processes_.end() ? std::nullopt : std::optional<int>(found->rank);
}

}  // namespace convoy
