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
#include "parallel/liveness_table.hpp"
#include "supervision/call_limit.hpp"

namespace convoy::app {
namespace {

// The state of this process as a rank; set by join_job().
struct RankState {
  int ranks = 1;
  int rank = 0;
  std::unique_ptr<LivenessTable> liveness_table;  // the supervisor's
  bool is_reporter = true;                        // it prints the reason for its end on stderr
  int reported_code = -1;  // of the exception that the other ranks know already
  std::string message;     // of that exception; empty where there was none
};
RankState self;

constexpr int kNoSupervisor = static_cast<int>(Fault::peer);

// Longer than the reporter needs on a machine with much other work.
constexpr unsigned kReporterSeconds = 5;
volatile sig_atomic_t code_when_terminated = 0;

// The kernel sends SIGKILL when the pipe's last writer, the supervisor, has ended. So no thread has
// to watch, and a rank that is stopped or hangs in a call ends, too.
void set_parent_death_signal(const char* pipe) {
  const int parent_pipe = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (parent_pipe < 0) _exit(kNoSupervisor);
  fcntl(parent_pipe, F_SETOWN, getpid());
  fcntl(parent_pipe, F_SETSIG, SIGKILL);
  fcntl(parent_pipe, F_SETFL, O_NONBLOCK | O_ASYNC);
  pollfd now{parent_pipe, POLLIN, 0};
  if (poll(&now, 1, 0) > 0) _exit(kNoSupervisor);  // the supervisor has ended already
}

// The number of cores that a process may run on; 0: not known.
int affinity_cores(pid_t process) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(process, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// The launcher ends all ranks as soon as the first of them exits with an error, and the reporter
// may not have printed its message by then. So this rank waits until the launcher ends it, which is
// after the reporter's exit, or until the time is up: some launchers end no rank.
void wait_for_reporter(int code) {
  code_when_terminated = code;
  struct sigaction action {};
  action.sa_handler = [](int /*signal*/) { _exit(code_when_terminated); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  for (unsigned left = kReporterSeconds; left > 0;) left = sleep(left);
}

void tell_supervisor(const Ending& ending) {
  LivenessTableEntry& mine = (*self.liveness_table)[self.rank];
  if (!ending.message.empty()) {
    self.liveness_table->set_reason(self.rank, ending.message);
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
  self.is_reporter = self.rank == 0;
  const char* parent_pipe = std::getenv(kParentDeathVariable);
  const char* liveness_table = std::getenv(kLivenessTableVariable);
  const char* machine = std::getenv(kMachineVariable);
  if (parent_pipe == nullptr || liveness_table == nullptr || machine == nullptr) return;
  if (machine != this_machine()) {
    // On another machine the names are not valid. When the supervisor ends, the launcher ends this
    // rank.
    for (const char* name : kJobVariables) unsetenv(name);
    return;
  }
  set_parent_death_signal(parent_pipe);
  self.liveness_table = LivenessTable::open_file(liveness_table, self.ranks);
}

bool is_rank() {
  return self.ranks > 1;
}

bool is_supervised() {
  return self.liveness_table != nullptr;
}

bool is_rank_zero() {
  return self.rank == 0;
}

void arrive() {
  if (self.liveness_table)
    (*self.liveness_table)[self.rank].pid.store(getpid(), std::memory_order_release);
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
    // Claimed before the other ranks learn of the error and claim to be the reporter themselves.
    if (is_rank()) {
      self.is_reporter = shared ? communicator.rank() == 0 : communicator.claim_reporter();
    }
    self.message = ending.message;
    // An error of a peer names that peer, and a wrong command line concerns all ranks.
    if (is_rank() && !shared && ending.code != static_cast<int>(Fault::peer) &&
        ending.code != static_cast<int>(Fault::usage)) {
      self.message = fmt::format("rank {}: {}", communicator.rank(), ending.message);
    }
    self.reported_code = ending.code;
    if (is_supervised()) tell_supervisor({ending.code, self.message});
    communicator.fail(self.message);
    if (self.is_reporter && !is_supervised()) return self.message;
  } catch (...) {  // out of memory: the other ranks notice that this process ends
  }
  return {};
}

int leave_job(const Ending& ending) noexcept {
  try {
    // The same exception, with the message that the other ranks know.
    const bool known = ending.code == self.reported_code && !ending.message.empty();
    const Ending end{ending.code, known ? self.message : ending.message};
    if (is_supervised()) {
      tell_supervisor(end);
      return is_clean(end.code) ? kDone : end.code;
    }
    if (end.message.empty()) return end.code;
    if (self.is_reporter) {
      write_message(end.message);
    } else {
      wait_for_reporter(end.code);
    }
  } catch (...) {  // out of memory for the message
  }
  return ending.code;
}

std::vector<std::string> binding_warnings(const Communicator& communicator) {
  // Slurm binds as the user requested.
  if (!is_rank() || std::getenv("SLURM_STEP_NUM_TASKS") != nullptr) return {};
  const int bound = affinity_cores(0), cores = affinity_cores(getppid());
  const int wanted = cores / static_cast<int>(communicator.host().size());
  if (bound <= 0 || wanted <= bound) return {};
  return {fmt::format(
      "the launcher binds this rank to {} of {} cores, so {}: with Open MPI, give mpirun --bind-to "
      "none or --map-by slot:PE={}",
      bound, cores, bound == 1 ? "it has one thread" : "the other cores are idle", wanted)};
}

}  // namespace convoy::app
