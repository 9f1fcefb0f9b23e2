// SPDX-License-Identifier: Apache-2.0
// 200 SIGKILLs at random moments of runs that save at every other step. The run is this executable
// itself, started again with an environment variable: a plain fork would share the state of
// OpenMP's threads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/train/support.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

constexpr const char* kVariable = "CONVOY_TEST_KILLED_RUN";
const DataSettings kSettings{"synthetic", 0, 0.2};

ModelFile killed_model() {
  return tiny_model({"train.epochs=6"});
}

TrainResult train(const fs::path& run) {
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  const ModelFile model = killed_model();
  const auto engine = tiny_engine(model, *communicator);
  Observer observer;
  RunTrainer trainer =
      fs::exists(run)
          ? RunTrainer::resume(open_run(run).model, data, kSettings, *engine, *communicator, run)
          : RunTrainer(model, data, kSettings, *engine, *communicator, run);
  return trainer.train(observer, nullptr, {CheckpointEvery::Unit::steps, 2});
}

// Where the variable names a run folder, this process trains into it and does nothing else.
class ChildMode : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* run = std::getenv(kVariable);
    if (run == nullptr) return;
    const char ready = 'r';
    if (::write(STDOUT_FILENO, &ready, 1) != 1) ::_exit(2);
    try {
      ::_exit(train(run).status == RunStatus::done ? 0 : 3);
    } catch (const std::exception& error) {
      ::dprintf(STDERR_FILENO, "%s\n", error.what());
      ::_exit(4);
    }
  }
};
const ::testing::Environment* const kChildMode = ::testing::AddGlobalTestEnvironment(new ChildMode);

struct Child {
  pid_t pid = 0;
  FileDescriptor output;
};

Child start(const fs::path& run) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.push_back(std::string(kVariable) + "=" + run.string());
  std::vector<char*> variables;
  for (std::string& entry : environment) variables.push_back(entry.data());
  variables.push_back(nullptr);
  std::string name = "convoy_tests", filter = "--gtest_filter=Kill.*";
  char* arguments[] = {name.data(), filter.data(), nullptr};
  Child child;
  EXPECT_EQ(
      ::posix_spawn(&child.pid, "/proc/self/exe", &actions, nullptr, arguments, variables.data()),
      0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  child.output = FileDescriptor(ends[0]);
  return child;
}

// Reads until the byte by which the child says that it begins (gtest writes lines before).
void await_ready(const Child& child) {
  char c = 0;
  std::string seen;
  while (::read(child.output.get(), &c, 1) == 1) {
    seen += c;
    if (seen.ends_with("set-up.\nr")) return;
  }
}

int wait_for(const Child& child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
  return status;
}

// The run folder is absent or can be loaded; `step` is its position, which never decreases.
void check_loadable(const fs::path& run, Index& step) {
  if (!fs::exists(run)) {
    ASSERT_EQ(step, -1) << "the run folder vanished";
    return;
  }
  const Checkpoint checkpoint = load_checkpoint(run);
  ASSERT_GE(checkpoint.position.step, step);
  step = checkpoint.position.step;
  ASSERT_EQ(open_run(run).model.text, killed_model().text);
}

// A finished run equals the undisturbed run, and holds no other files.
void check_finished(const fs::path& run, const TrainResult& wanted) {
  ASSERT_EQ(load_checkpoint(run).state_sha256, wanted.state_sha256);
  ASSERT_EQ(content(RunFolder::open(run).keep_metrics(99)), content(wanted.epochs));
  ASSERT_EQ(names_in(run.parent_path()), std::vector<std::string>{"run"});
  ASSERT_EQ(names_in(run), (std::vector<std::string>{"checkpoints", "config.toml", "lock",
                                                     "metrics.jsonl", "status.json"}));
  ASSERT_EQ(names_in(run / "checkpoints").size(), 3u);  // the newest two and the best
}

TEST(Kill, AtAnyMomentLeavesARunThatContinues) {
  const TempFolder folder;
  const TempFolder uninterrupted;
  const TrainResult wanted = train(uninterrupted / "run");
  ASSERT_NO_FATAL_FAILURE(check_finished(uninterrupted / "run", wanted));
  const fs::path run = folder / "run";
  std::mt19937 random(2024);
  std::uniform_real_distribution<double> exponent(0, 4);  // gives 1 microsecond to 10 ms
  Index step = -1;
  int kills = 0, finished = 0;
  while (kills < 200 || finished == 0) {
    const Child child = start(run);
    await_ready(child);
    if (kills < 200) {
      std::this_thread::sleep_for(
          std::chrono::nanoseconds(std::llround(1000 * std::pow(10, exponent(random)))));
      ::kill(child.pid, SIGKILL);
    }
    const int status = wait_for(child);
    ASSERT_NO_FATAL_FAILURE(check_loadable(run, step)) << "after " << kills << " kills";
    if (WIFSIGNALED(status)) {
      ASSERT_EQ(WTERMSIG(status), SIGKILL);
      ++kills;
    } else {
      ASSERT_EQ(WEXITSTATUS(status), 0) << "could not go on after " << kills << " kills";
      ASSERT_NO_FATAL_FAILURE(check_finished(run, wanted));
      fs::remove_all(run);  // the remaining kills get a new run
      step = -1;
      ++finished;
    }
  }
  RecordProperty("finished_runs", finished);
}

}  // namespace
}  // namespace convoy
