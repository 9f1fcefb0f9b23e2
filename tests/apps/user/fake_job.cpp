// SPDX-License-Identifier: Apache-2.0
// A job without MPI, with every kind of failure. The first word of the command line selects
// supervisor, launcher or rank.
//
//   fake_job supervise STALL START LAUNCHER RANK...   prints exit code, message and output
//   fake_job supervise-hosts STALL START LAUNCHER RANK...   the same, as if on several machines
//   fake_job launch LAUNCHER RANK...                  starts a rank for each further word
//   fake_job rank RANK                                plays it
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/output.hpp"
#include "parallel/liveness_table.hpp"
#include "supervision/ranks.hpp"
#include "supervision/supervisor.hpp"

namespace {

using namespace convoy;
using namespace convoy::app;
using namespace std::chrono_literals;

int supervise_it(const std::string& program, const std::vector<std::string>& words,
                 bool several_machines) {
  Job job;
  job.several_machines = several_machines;
  job.stall_timeout = std::stod(words.at(0));
  job.start_timeout = std::stod(words.at(1));
  job.command = {program, "launch"};
  job.command.insert(job.command.end(), words.begin() + 2, words.end());
  job.ranks = static_cast<int>(words.size()) - 3;
  job.quiet = true;
  Ending ending;
  std::string output;
  try {
    const JobEnd end = supervise(job);
    ending = end.at_once ? Ending{130, "at once"} : end.ending;
    output = end.output;
  } catch (...) {
    ending = ending_of(std::current_exception());
  }
  write_stdout(fmt::format("{}|{}|{}", ending.code, ending.message, output));
  return 0;
}

// Waits for all ranks and returns the first failure, as mpirun does. After a failure, "strict" ends
// the other ranks, as Open MPI's mpirun does.
int launch_them(const std::string& program, const std::vector<std::string>& words) {
  const std::string& how = words.at(0);
  if (how == "gives-up") return 5;
  const int ranks = static_cast<int>(words.size()) - 1;
  std::vector<pid_t> children;
  for (int r = 0; r < ranks; ++r) {
    children.push_back(fork());
    if (children.back() > 0) continue;
    setpgid(0, 0);
    setenv("OMPI_COMM_WORLD_SIZE", std::to_string(ranks).c_str(), 1);
    setenv("OMPI_COMM_WORLD_RANK", std::to_string(r).c_str(), 1);
    execl(program.c_str(), program.c_str(), "rank", words[static_cast<std::size_t>(r) + 1].c_str(),
          nullptr);
    _exit(126);
  }
  if (how == "hangs") {  // and ignores SIGTERM
    signal(SIGTERM, SIG_IGN);
    for (;;) pause();
  }
  if (how == "dies") {
    std::this_thread::sleep_for(300ms);
    raise(SIGKILL);
  }
  int result = 0, status = 0;
  while (wait(&status) > 0) {
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (result != 0) continue;
    result = code;
    if (how != "strict" || code == 0) continue;
    std::this_thread::sleep_for(300ms);  // the others may not have arrived yet
    for (const int signal : {SIGTERM, SIGKILL}) {
      for (const pid_t child : children) kill(child, signal);
      std::this_thread::sleep_for(300ms);
    }
  }
  if (result != 0) write_stderr("BANNER\n");
  return result;
}

std::atomic<bool> stop{false};

void take_steps(LivenessTableEntry& mine, int steps) {
  mine.activity = static_cast<std::uint8_t>(Activity::training);
  for (int i = 0; i < steps && !stop; ++i) {
    ++mine.heartbeat;
    ++mine.step;
    std::this_thread::sleep_for(10ms);
  }
}

// Its heartbeat increases, but its step does not.
[[noreturn]] void wait_for_ever(LivenessTableEntry& mine) {
  mine.waits_for = kAllRanks;
  for (mine.waiting = 1;; ++mine.heartbeat) std::this_thread::sleep_for(10ms);
}

// Allocates until the kernel ends the process, or up to 2 GB.
void allocate_until_killed() {
  constexpr std::size_t kBlock = std::size_t{1} << 22, kBites = 512;
  static std::vector<std::vector<char>> eaten;
  while (eaten.size() < kBites) eaten.emplace_back(kBlock, 'x');
}

Ending play(const std::string& part, LivenessTableEntry& mine) {
  constexpr int kFew = 7, kMany = 1'000'000;
  take_steps(mine, part == "works" ? kMany : part == "late" ? 5 * kFew : kFew);
  if (part == "waits") wait_for_ever(mine);
  if (part == "dies") raise(SIGKILL);
  if (part == "crashes") {
    write_stderr("LAST WORDS\n");
    std::this_thread::sleep_for(50ms);
    signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  if (part == "exits") _exit(3);
  if (part == "eats") allocate_until_killed();
  if (part == "stops") raise(SIGSTOP);
  if (part == "hangs") {
    for (;;) pause();
  }
  if (part == "disk-full") return {74, "rank 1: writing failed on runs (disk full)"};
  if (part == "has-a-bug") return {70, "rank 1: internal error (oops)"};
  constexpr std::string_view kSays = "says:";
  if (part.starts_with(kSays)) return {77, part.substr(kSays.size())};
  if (part == "diagnoses") return {77, "waiting failed on rank 0 (it is gone)"};
  if (part == "not-finite") return {76, ""};
  if (stop) return {75, ""};
  write_stdout("{}");
  return {0, ""};
}

int be_rank(const std::string& part) {
  struct sigaction action {};
  action.sa_handler = [](int) { stop = true; };
  sigaction(SIGUSR1, &action, nullptr);
  if (part == "early") return 9;
  if (part == "dies-unseen") raise(SIGKILL);
  join_job();
  if (!is_supervised()) return 8;
  if (part == "never-comes") {
    for (;;) pause();
  }
  const auto liveness_table =
      LivenessTable::open_file(std::getenv(kLivenessTableVariable), announced_ranks());
  LivenessTableEntry& mine = (*liveness_table)[announced_rank()];
  mine.heartbeat = 1;
  arrive();
  write_stderr("RANK\n");
  for (int r = 0; r < liveness_table->size(); ++r) {  // no rank trains before all have arrived
    while ((*liveness_table)[r].pid == 0) std::this_thread::sleep_for(1ms);
  }
  return leave_job(play(part, mine));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argv[1];
  const std::vector<std::string> words(argv + 2, argv + argc);
  if (role.starts_with("supervise")) {
    return supervise_it(argv[0], words, role == "supervise-hosts");
  }
  return role == "launch" ? launch_them(argv[0], words) : be_rank(words.at(0));
}
