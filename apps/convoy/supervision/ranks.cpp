// SPDX-License-Identifier: Apache-2.0
#include "supervision/ranks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "cli/output.hpp"
#include "parallel/board.hpp"
#include "supervision/call_limit.hpp"

namespace convoy::app {
namespace {

// Of this process; set by join_job().
struct Membership {
  int ranks = 1;
  int rank = 0;
  std::unique_ptr<Board> board;  // a supervisor's
  bool has_voice = true;         // says on stderr what ended it
  int told_code = -1;            // the exception that the other ranks know already
  std::string told;
};
Membership self;

constexpr int kLeashBroken = static_cast<int>(Fault::peer);

// The kernel sends SIGKILL when the pipe's last writer, the supervisor, is gone: no thread is
// needed to watch, and a rank that is stopped or hangs in a call ends, too.
void put_on_leash(const char* pipe) {
  const int leash = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (leash < 0) _exit(kLeashBroken);
  fcntl(leash, F_SETOWN, getpid());
  fcntl(leash, F_SETSIG, SIGKILL);
  fcntl(leash, F_SETFL, O_NONBLOCK | O_ASYNC);
  pollfd now{leash, POLLIN, 0};
  if (poll(&now, 1, 0) > 0) _exit(kLeashBroken);  // it ended before
}

// Cores that a process may run on; 0: not known.
int affinity_cores(pid_t process) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(process, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

void tell_supervisor(const Ending& ending) {
  BoardEntry& mine = (*self.board)[self.rank];
  if (!ending.message.empty()) {
    self.board->set_reason(self.rank, ending.message);
    mine.activity.store(static_cast<std::uint8_t>(Activity::failed), std::memory_order_release);
  }
  mine.exit_code.store(ending.code + 1, std::memory_order_release);
}

}  // namespace

std::string this_machine() {
  std::string boot;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::getline(file, boot);
  struct stat processes {};
  stat("/proc/self/ns/pid", &processes);
  return fmt::format("{}-{}", boot, processes.st_ino);
}

void join_job() {
  self.ranks = announced_ranks();
  self.rank = self.ranks > 1 ? announced_rank() : 0;
  if (self.ranks == 1) return;
  self.has_voice = self.rank == 0;
  const char* leash = std::getenv(kLeashVariable);
  const char* board = std::getenv(kBoardVariable);
  const char* machine = std::getenv(kMachineVariable);
  if (leash == nullptr || board == nullptr || machine == nullptr) return;
  if (machine != this_machine()) {
    // Here the names mean something else. When the supervisor ends, the launcher ends this rank.
    for (const char* name : kJobVariables) unsetenv(name);
    return;
  }
  put_on_leash(leash);
  self.board = Board::open_file(board, self.ranks);
}

bool is_rank() {
  return self.ranks > 1;
}

bool is_supervised() {
  return self.board != nullptr;
}

bool speaks() {
  return self.rank == 0;
}

void arrive() {
  if (self.board) (*self.board)[self.rank].pid.store(getpid(), std::memory_order_release);
}

std::unique_ptr<Communicator> job_communicator(const RanksOptions& options, double start_timeout) {
  if (!is_rank()) return alone();
  RanksOptions limited = options;
  if (!is_supervised()) {
    limited.around_unlimited_call = limited_calls(start_timeout, self.rank);
  }
  return mpi(limited);
}

std::string fail_job(Communicator& communicator, const std::exception_ptr& error) noexcept {
  try {
    const Ending ending = ending_of(error);
    bool shared = false;
    try {
      std::rethrow_exception(error);
    } catch (const SharedError&) {
      shared = true;
    } catch (...) {
    }
    // Before the others hear of it, and ask for the voice themselves.
    if (is_rank()) {
      self.has_voice = shared ? communicator.rank() == 0 : communicator.claim_voice();
    }
    self.told = ending.message;
    // What a peer did is said of that one; a wrong command line is that of all.
    if (is_rank() && !shared && ending.code != static_cast<int>(Fault::peer) &&
        ending.code != static_cast<int>(Fault::usage)) {
      self.told = fmt::format("rank {}: {}", communicator.rank(), ending.message);
    }
    self.told_code = ending.code;
    if (is_supervised()) tell_supervisor({ending.code, self.told});
    communicator.fail(self.told);
    if (self.has_voice && !is_supervised()) return self.told;
  } catch (...) {  // out of memory: the others will see this process end
  }
  return {};
}

int leave_job(const Ending& ending) noexcept {
  try {
    // The same exception, in the words that the other ranks know.
    const bool known = ending.code == self.told_code && !ending.message.empty();
    const Ending end{ending.code, known ? self.told : ending.message};
    if (is_supervised()) {
      tell_supervisor(end);
      return is_clean(end.code) ? kDone : end.code;
    }
    if (!end.message.empty() && self.has_voice) {
      write_message(end.message);
    }
  } catch (...) {  // out of memory, to say so
  }
  return ending.code;
}

std::vector<std::string> binding_warnings(const Communicator& communicator) {
  // Slurm binds to what the user asked it for.
  if (!is_rank() || std::getenv("SLURM_STEP_NUM_TASKS") != nullptr) return {};
  const int bound = affinity_cores(0), cores = affinity_cores(getppid());
  const int wanted = cores / static_cast<int>(communicator.host().size());
  if (bound <= 0 || wanted <= bound) return {};
  return {
      fmt::format("the launcher binds this rank to {} of {} cores, so {}: with Open MPI give "
                  "mpirun --bind-to none, or --map-by slot:PE={}",
                  bound, cores, bound == 1 ? "it has one thread" : "others idle", wanted)};
}

}  // namespace convoy::app
