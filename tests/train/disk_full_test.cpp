// SPDX-License-Identifier: Apache-2.0
// Writes that fail half-way: the old file stays, and the incomplete one is removed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <optional>

#include "base/durable_file.hpp"
#include "tests/train/fake_engine.hpp"
#include "tests/train/small_disk.hpp"
#include "tests/train/support.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

// While the object lives, no file of this process can grow beyond this number of bytes (EFBIG).
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  sighandler_t handler_;
};

// Writes fail once the run has written its first checkpoint after the initial one.
class DiskLoser : public Observer {
 public:
  explicit DiskLoser(rlim_t bytes) : bytes_(bytes) {}
  void checkpoint(const fs::path&) override { limit.emplace(bytes_); }
  std::optional<FileSizeLimit> limit;

 private:
  rlim_t bytes_;
};

TEST(DiskFull, ReplacingAFileIsAllOrNothing) {
  const TempFolder folder;
  const fs::path file = folder / "file";
  const std::string old(5000, 'o'), wanted(5000, 'n');
  replace_file(file, old);
  for (const rlim_t room : {0U, 1U, 4095U, 4999U}) {
    const FileSizeLimit limit(room);
    try {
      replace_file(file, wanted);
      FAIL() << "5000 bytes went into " << room;
    } catch (const SystemError& error) {
      EXPECT_EQ(error.fault(), Fault::io);
      EXPECT_NE(std::string(error.what()).find("write failed"), std::string::npos);
    }
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"file"});
  }
  EXPECT_EQ(test::read_file(file), old);
  replace_file(file, wanted);
  EXPECT_EQ(test::read_file(file), wanted);
}

TEST(DiskFull, ARunKeepsItsLastCheckpointAndContinues) {
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  const DataSettings settings{"synthetic", 0, 0.2};
  FakeEngine whole;
  Observer observer;
  const TrainResult wanted =
      RunTrainer(tiny_model(), data, settings, whole, *communicator, "").train(observer);
  for (const rlim_t room : {0U, 100U, 300U, 1000U, 2500U}) {
    const TempFolder folder;
    const fs::path run = folder / "run";
    FakeEngine engine;
    {
      DiskLoser disk(room);
      RunTrainer trainer(tiny_model(), data, settings, engine, *communicator, run);
      EXPECT_THROW(trainer.train(disk, nullptr, {CheckpointEvery::Unit::steps, 5}), SystemError);
    }
    EXPECT_EQ(load_checkpoint(run).position.step, 5) << room;
    FakeEngine again;
    const TrainResult result =
        RunTrainer::resume(tiny_model(), data, settings, again, *communicator, run).train(observer);
    EXPECT_EQ(result.state_sha256, wanted.state_sha256);
    EXPECT_EQ(content(result.epochs), content(wanted.epochs));
  }
}

TEST(DiskFull, NoRunFolderComesOfAFailedStart) {
  const TempFolder folder;
  const auto communicator = alone();
  FakeEngine engine;
  {
    const FileSizeLimit limit(1500);
    EXPECT_THROW(RunTrainer(tiny_model(), tiny_data(), {"synthetic", 0, 0}, engine, *communicator,
                            folder / "run"),
                 UserError);
  }
  EXPECT_TRUE(names_in(folder.path()).empty());
}

// Fills the small disk at `disk`; returns 0 where the old file stays and a smaller one still fits.
int fill_a_disk(const fs::path& disk) {
  const fs::path file = disk / "file";
  replace_file(file, std::string(30000, 'o'));
  try {
    replace_file(file, std::string(60000, 'n'));
    return 1;
  } catch (const SystemError& error) {
    if (std::string(error.what()).find("No space left") == std::string::npos) return 2;
  }
  if (names_in(disk).size() != 1 || test::read_file(file) != std::string(30000, 'o')) return 3;
  replace_file(file, std::string(20000, 'n'));
  return test::read_file(file) == std::string(20000, 'n') ? 0 : 4;
}

TEST(DiskFull, OnARealFullDiskToo) {
  const TempFolder folder;
  const auto code =
      test::on_a_small_disk(folder.path(), [&] { return fill_a_disk(folder.path()); });
  if (!code) GTEST_SKIP() << "this user may not mount a small disk";
  EXPECT_EQ(*code, 0);
}

}  // namespace
}  // namespace convoy
