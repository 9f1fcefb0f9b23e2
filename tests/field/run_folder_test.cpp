// SPDX-License-Identifier: Apache-2.0
// Run folders after accidents of the field: lost files, dangling links, disks that fail once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "data/synthetic.hpp"
#include "tests/train/fake_engine.hpp"
#include "tests/train/small_disk.hpp"
#include "tests/train/support.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

const DataSettings kSettings{"synthetic", 0, 0.2};

Checkpoint at_step(Index step) {
  return checkpoint_at(step, kSettings, std::string(64, 'b'));
}

RunFolder create(const fs::path& folder) {
  return RunFolder::create(
      folder, {tiny_model(), kSettings, std::string(64, 'a'), std::string(64, 'b')}, at_step(0));
}

const std::string kNewer = "step-0000000099.safetensors";

class BesideGoodCheckpoints : public ::testing::Test {
 protected:
  BesideGoodCheckpoints() {
    RunFolder run = create(run_);
    for (const Index step : {4, 8}) run.save(at_step(step));
  }
  // Resumes the run up to two more checkpoints.
  FoundCheckpoint go_on() {
    RunFolder run = RunFolder::open(run_);
    FoundCheckpoint found = run.take_newest_checkpoint();
    for (const Index step : {12, 16}) run.save(at_step(step));
    return found;
  }

  TempFolder folder_;
  const fs::path run_ = folder_ / "run";
  const fs::path checkpoints_ = run_ / "checkpoints";
};

TEST_F(BesideGoodCheckpoints, ADanglingLinkIsPassedOver) {
  fs::create_symlink("nowhere", checkpoints_ / kNewer);
  EXPECT_EQ(load_checkpoint(run_).position.step, 8);
  const FoundCheckpoint found = go_on();
  EXPECT_EQ(found.checkpoint.position.step, 8);
  ASSERT_EQ(found.damaged.size(), 1u);
  EXPECT_NE(found.damaged[0].find(kNewer), std::string::npos);
  EXPECT_EQ(load_checkpoint(run_).position.step, 16);
}

TEST_F(BesideGoodCheckpoints, AFolderIsPassedOverAndCountsForNone) {
  fs::create_directories(checkpoints_ / kNewer / "something");
  EXPECT_EQ(load_checkpoint(run_).position.step, 8);
  go_on();
  EXPECT_EQ(names_in(checkpoints_),
            (std::vector<std::string>{"step-0000000012.safetensors", "step-0000000016.safetensors",
                                      kNewer + ".damaged"}));
}

// A loop of links cannot be read at all, like a file on a disk or a server that fails: its content
// is unknown.
TEST_F(BesideGoodCheckpoints, WhatCannotBeReadIsLeftAsItIs) {
  fs::create_symlink(kNewer, checkpoints_ / kNewer);
  const FoundCheckpoint found = go_on();
  EXPECT_EQ(found.checkpoint.position.step, 8);
  EXPECT_TRUE(found.damaged.empty());
  EXPECT_EQ(found.unreadable.size(), 1u);
  EXPECT_EQ(names_in(checkpoints_),
            (std::vector<std::string>{"step-0000000012.safetensors", "step-0000000016.safetensors",
                                      kNewer}));
}

TEST_F(BesideGoodCheckpoints, NoMessageAdvisesANewRunWhereNoneCanBeRead) {
  for (const std::string& name : names_in(checkpoints_)) {
    fs::remove(checkpoints_ / name);
    fs::create_symlink(name, checkpoints_ / name);
  }
  try {
    load_checkpoint(run_);
    FAIL() << "it was read";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.fault(), Fault::io) << error.what();
  }
}

TEST_F(BesideGoodCheckpoints, ADamagedOneIsRenamedWithoutReplacingAnother) {
  test::write_file(checkpoints_ / (kNewer + ".damaged"), "an earlier one");
  test::write_file(checkpoints_ / kNewer, "damaged");
  go_on();
  EXPECT_EQ(test::read_file(checkpoints_ / (kNewer + ".damaged")), "an earlier one");
  EXPECT_EQ(test::read_file(checkpoints_ / (kNewer + ".damaged-2")), "damaged");
}

TEST(LostConfiguration, IsThatOfTheCheckpoints) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  Observer observer;
  FakeEngine whole;
  const TrainResult wanted =
      RunTrainer(tiny_model(), data, kSettings, whole, *communicator, "").train(observer);
  for (const bool damaged : {false, true}) {
    const fs::path run = folder / (damaged ? "damaged" : "lost");
    const fs::path config = run / "config.toml";
    std::atomic<bool> stop = true;
    FakeEngine engine;
    RunTrainer(tiny_model(), data, kSettings, engine, *communicator, run).train(observer, &stop);
    const std::string written = test::read_file(config);
    fs::remove(config);
    if (damaged) test::write_file(config, std::string(100, '\0'));  // as after a power failure

    const FoundRun found = open_run(run);
    EXPECT_EQ(found.model.text, tiny_model().text);
    EXPECT_EQ(found.data.name, kSettings.name);
    EXPECT_EQ(found.data.validation, kSettings.validation);
    EXPECT_NE(found.lost.find("config.toml"), std::string::npos) << found.lost;
    FakeEngine again;
    const TrainResult result =
        RunTrainer::resume(found.model, data, found.data, again, *communicator, run)
            .train(observer);
    EXPECT_EQ(result.state_sha256, wanted.state_sha256);
    EXPECT_EQ(test::read_file(config), written);
    EXPECT_EQ(fs::exists(run / "config.toml.damaged"), damaged);
  }
}

// No message tells the user to remove a good checkpoint.
TEST(RunFolder, AnEditedConfigIsNamedBeforeItsCheckpoints) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  const fs::path run = folder / "run", config = run / "config.toml";
  std::atomic<bool> stop = true;
  Observer observer;
  FakeEngine engine;
  RunTrainer(tiny_model(), data, kSettings, engine, *communicator, run).train(observer, &stop);
  std::string text = test::read_file(config);
  const std::string key = "step_factor = 0.";
  ASSERT_NE(text.find(key), std::string::npos) << text;
  test::write_file(config, text.insert(text.find(key) + key.size(), "5"));

  const FoundRun found = open_run(run);
  FakeEngine again;
  try {
    RunTrainer::resume(found.model, data, found.data, again, *communicator, run);
    FAIL() << "it went on";
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::bad_data);
    const std::string told = error.what();
    EXPECT_NE(told.find("train.step_factor is 0.1, not 0.51"), std::string::npos) << told;
    EXPECT_NE(told.find("restore config.toml"), std::string::npos) << told;
    EXPECT_EQ(told.find("remove that file"), std::string::npos) << told;
  }
  fs::remove(config);  // as the message says
  const FoundRun anew = open_run(run);
  RunTrainer::resume(anew.model, data, anew.data, again, *communicator, run).train(observer);
}

// What the command line changes is a mistake of the command line, also where the data does not fit
// the model at all; what was changed in the files is a fault of the files.
TEST(RunFolder, OtherDataIsAnotherSettingAndChangedDataIsBadData) {
  const TempFolder folder;
  const auto communicator = alone();
  const fs::path run = folder / "run";
  std::atomic<bool> stop = true;
  Observer observer;
  FakeEngine engine;
  RunTrainer(tiny_model(), tiny_data(), kSettings, engine, *communicator, run)
      .train(observer, &stop);
  const std::string config = test::read_file(run / "config.toml");
  const auto resume = [&](const TrainAndTest& data, const std::string& name) {
    FakeEngine again;
    const DataSettings settings{name, kSettings.limit, kSettings.validation};
    RunTrainer::resume(tiny_model(), data, settings, again, *communicator, run);
  };
  const auto refusal = [&](const TrainAndTest& data, const std::string& name) {
    try {
      resume(data, name);
    } catch (const UserError& error) {
      return std::pair(error.fault(), std::string(error.what()));
    }
    return std::pair(Fault::internal, std::string("it went on"));
  };
  const Shape larger{8, 8, 3};
  TrainAndTest unfitting{"photos",
                         {},
                         synthetic(SyntheticPart::train, 61, larger, 4),
                         synthetic(SyntheticPart::test, 20, larger, 4)};
  unfitting.train.set_class_names(tiny_data().train.class_names());
  for (const TrainAndTest& other : {tiny_data(60), tiny_data(61, 19), unfitting}) {
    const auto [fault, told] = refusal(other, "photos");
    EXPECT_EQ(fault, Fault::usage) << told;
    EXPECT_NE(told.find("--data is synthetic, not photos"), std::string::npos) << told;
    const auto [same_name, why] = refusal(other, kSettings.name);
    EXPECT_EQ(same_name, Fault::bad_data) << why;
    EXPECT_NE(why.find("SHA-256"), std::string::npos) << why;
  }
  EXPECT_NO_THROW(resume(tiny_data(), "moved")) << "the same data in another folder";
  EXPECT_EQ(test::read_file(run / "config.toml"), config);
}

nlohmann::json status_of(const fs::path& run) {
  return nlohmann::json::parse(test::read_file(run / "status.json"), nullptr, false);
}

// After the first checkpoint of the run, no file of this process can grow beyond this number of
// bytes.
class DiskLoser : public Observer {
 public:
  ~DiskLoser() override {
    if (lost_) ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, handler_);
  }
  void checkpoint(const fs::path&) override {
    if (lost_) return;
    lost_ = ::getrlimit(RLIMIT_FSIZE, &old_) == 0;
    const rlimit limit{1000, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

 private:
  sighandler_t handler_ = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_{};
  bool lost_ = false;
};

TEST(Status, SaysThatARunFailed) {
  const TempFolder folder;
  const auto communicator = alone();
  FakeEngine engine;
  {
    DiskLoser disk;
    RunTrainer trainer(tiny_model(), tiny_data(), kSettings, engine, *communicator, folder / "run");
    EXPECT_EQ(status_of(folder / "run")["status"], "running");
    EXPECT_THROW(trainer.train(disk, nullptr, {CheckpointEvery::Unit::steps, 5}), SystemError);
  }
  const nlohmann::json status = status_of(folder / "run");
  EXPECT_EQ(status["status"], "failed");
  EXPECT_EQ(status["step"], 5);
  EXPECT_NE(std::string(status["message"]).find("File too large"), std::string::npos) << status;
}

TEST(Status, OfATrainerDestroyedEarlyIsStoppedOrFailed) {
  const TempFolder folder;
  const auto communicator = alone();
  FakeEngine engine;
  RunTrainer(tiny_model(), tiny_data(), kSettings, engine, *communicator, folder / "run");
  EXPECT_EQ(status_of(folder / "run")["status"], "stopped");
  try {
    const RunTrainer trainer(tiny_model(), tiny_data(), kSettings, engine, *communicator,
                             folder / "other");
    throw std::runtime_error("something else went wrong");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(status_of(folder / "other")["status"], "failed");
}

TEST(Status, OfARunThatIsDoneStays) {
  const TempFolder folder;
  const auto communicator = alone();
  FakeEngine engine;
  Observer observer;
  RunTrainer(tiny_model(), tiny_data(), kSettings, engine, *communicator, folder / "run")
      .train(observer);
  report_failure(folder / "run", "something after its end");
  EXPECT_EQ(status_of(folder / "run")["status"], "done");
}

// The rank that prints why the job failed has the last word, whatever the rank that writes the
// folder reports before or after it.
TEST(Status, OfRanksThatFailTogetherIsTheReportedReason) {
  const TempFolder folder;
  const fs::path run = folder / "run";
  RunFolder writer = create(run);
  report_end(run, "failed", "what the writer saw");
  report_failure(run, "what was told");
  EXPECT_EQ(status_of(run)["message"], "what was told");
  report_end(run, "failed", "what the writer saw");
  EXPECT_EQ(status_of(run)["message"], "what was told");
  writer.report({"running", {}, std::string(64, 'a'), ""});
  EXPECT_EQ(status_of(run)["message"], "what was told") << "a checkpoint that came later";
}

// Reading the old status and writing the new one belong together: another rank that does both must
// wait. This test is the other rank, which has read "running" and has not written yet.
TEST(Status, IsReadAndWrittenUnderTheFoldersLock) {
  const TempFolder folder;
  const fs::path run = folder / "run";
  RunFolder writer = create(run);
  const std::string old = test::read_file(run / "status.json");
  const std::vector<std::function<void()>> reports{
      [&] { report_failure(run, "what was told"); },
      [&] { report_end(run, "failed", "what the writer saw"); },
      [&] {
        writer.report({"running", {}, std::string(64, 'b'), ""});
      }};
  for (const auto& report : reports) {
    replace_file(run / "status.json", old);
    std::optional<FileDescriptor> lock = lock_folder(run);
    const Stopwatch watch;
    std::thread reporting(report);
    for (int i = 0; i < 10; ++i) {
      const std::string now = test::read_file(run / "status.json");
      if (watch.seconds() > 1) break;  // the report has stopped waiting, on a machine this busy
      EXPECT_EQ(now, old) << "it did not wait for the lock";
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    lock.reset();
    reporting.join();
    EXPECT_NE(test::read_file(run / "status.json"), old);
  }
}

// Nothing that stands in status.json keeps a run from training, or from saying that it failed.
TEST(Status, ThatIsDamagedIsWrittenAgain) {
  const TempFolder folder;
  const fs::path run = folder / "run";
  RunFolder writer = create(run);
  for (const char* damaged : {"[]", "", "{", "{}", "3", R"({"status": 3})"}) {
    replace_file(run / "status.json", damaged);
    writer.report({"running", {}, std::string(64, 'a'), ""});
    EXPECT_EQ(status_of(run)["status"], "running") << damaged;
  }
  for (const char* damaged : {"[]", "", "{", "{}", "3", R"({"status": 3})"}) {
    replace_file(run / "status.json", damaged);
    report_failure(run, "what was told");
    EXPECT_EQ(status_of(run)["message"], "what was told") << damaged;
  }
}

TEST(Status, OfAKilledRunThatCannotContinueIsNotRunning) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  FakeEngine engine;
  const fs::path run = folder / "run";
  create(run).report({"running", {}, std::string(64, 'a'), ""});
  replace_file(run / "status.json", R"({"status": "running"})");  // as after SIGKILL
  EXPECT_THROW(RunTrainer::resume(tiny_model(), data, kSettings, engine, *communicator, run),
               UserError);  // the data is not what the run began with
  EXPECT_EQ(status_of(run)["status"], "failed");
}

// Fills the small disk at `disk`; returns 0 where the status says that the run failed.
int fail_on_a_full_disk(const fs::path& disk) {
  RunFolder run = create(disk / "run");
  std::ofstream(disk / "filler") << std::string(100'000, 'x');
  try {
    replace_file_unsynced(disk / "another", "text");
    return 1;
  } catch (const SystemError&) {
  }
  report_failure(disk / "run", "the disk is full");
  const nlohmann::json status = status_of(disk / "run");
  return status.is_object() && status["status"] == "failed" ? 0 : 2;
}

TEST(Status, IsTrueOnAFullDiskToo) {
  const TempFolder folder;
  const auto code =
      test::on_a_small_disk(folder.path(), [&] { return fail_on_a_full_disk(folder.path()); });
  if (!code) GTEST_SKIP() << "this user may not mount a small disk";
  EXPECT_EQ(*code, 0);
}

}  // namespace
}  // namespace convoy
