// SPDX-License-Identifier: Apache-2.0
// The facts that convoy train --ranks reports of a rank that ended, what it needs, and that it
// leaves no files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "internal.hpp"
#include "tests/apps/bare_launcher.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

class Supervision : public ::testing::Test {
 protected:
  void SetUp() override {
    if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  }
  // Models are looked for beside the program, which /proc names.
  inline static const std::string kModel = CONVOY_SOURCE_DIR "/models/tiny-relu.toml";
  // An operation that only root may do, and not in every container.
  static bool may_mount() {
    const ScratchFolder folder;
    return run_script("unshare --mount sh -c 'mount -t tmpfs none /proc'", folder).code == 0;
  }
  Ended without_proc(const Arguments& arguments) {
    Arguments command{"/usr/bin/env",
                      "unshare",
                      "--mount",
                      "sh",
                      "-c",
                      "mount -t tmpfs none /proc && exec \"$@\"",
                      "sh"};
    for (const std::string& word : convoy(arguments)) command.push_back(word);
    return Child(command, folder_.path).wait();
  }
  ScratchFolder folder_;
};

TEST_F(Supervision, WithoutProcRanksAreNotAvailable) {
  if (kSanitized) GTEST_SKIP() << kSanitizersNeedIt;
  if (!may_mount()) GTEST_SKIP() << "mounting is not permitted here";
  const Arguments small{kModel, "--data", "synthetic", "--limit", "32", "--epochs", "1"};
  const auto with = [&small](const char* command, const Arguments& more) {
    Arguments words{command};
    words.insert(words.end(), small.begin(), small.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const Ended train = without_proc(with("train", {"--ranks", "2"}));
  EXPECT_EQ(train.code, 69) << train.err;
  EXPECT_TRUE(is_message(train, "--ranks 2 is not available (/proc is not mounted"));
  const Ended study = without_proc(with("study", {"--layouts", "1x1", "--repeats", "1"}));
  EXPECT_EQ(study.code, 69) << study.err;
  EXPECT_TRUE(is_message(study, "convoy study is not available (/proc is not mounted"));
  const Ended alone = without_proc(with("train", {"--out", "alone"}));
  EXPECT_EQ(alone.code, 0) << alone.err;
}

// A supervisor that is killed can't remove its folder; the next one does.
TEST(JobFolders, OfKilledSupervisorsAreRemovedByTheNextJob) {
  if (access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "/dev/shm is not there";
  const auto make = [](const char* name) {
    const fs::path folder = fs::path("/dev/shm") / name;
    fs::create_directory(folder);
    std::ofstream(folder / "segment") << "left";
    const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    utimensat(AT_FDCWD, folder.c_str(), long_ago, 0);
    return folder;
  };
  const std::string number = std::to_string(getpid());
  const fs::path abandoned = make(("convoy-job-a" + number).c_str());
  const fs::path in_use = make(("convoy-job-b" + number).c_str());
  const int lock = open(in_use.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  const ScratchFolder folder;
  EXPECT_EQ(
      Child({CONVOY_FAKE_JOB, "supervise", "30", "30", "well", "ends"}, folder.path).wait().code,
      0);
  EXPECT_FALSE(fs::exists(abandoned));
  EXPECT_TRUE(fs::exists(in_use)) << "its job lives";
  close(lock);
  fs::remove_all(in_use);
}

}  // namespace
}  // namespace convoy::test
