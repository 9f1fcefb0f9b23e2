// SPDX-License-Identifier: Apache-2.0
// Another user may have prepared files in a folder that all may write to: the program opens,
// follows and fills none of them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "fetch/part_file.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/train/support.hpp"
#include "train/new_folder.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

const std::string kPrecious = "not to be touched";

// A file in another folder that an attacker wants the program to overwrite.
class Victim {
 public:
  explicit Victim(const TempFolder& folder) : file(folder / "victim") {
    test::write_file(file, kPrecious);
  }
  ~Victim() { EXPECT_EQ(test::read_file(file), kPrecious); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  fs::path file;
};

RunIdentity some_identity() {
  return {tiny_model(), {"synthetic", 0, 0}, std::string(64, 'a'), std::string(64, 'b')};
}

Checkpoint first_checkpoint() {
  Checkpoint checkpoint{tiny_model(), {}, {}, {}, std::string(64, 'a'), {}, {}};
  checkpoint.state.parameters = Buffer<float>(checkpoint.model.net.arena_size());
  checkpoint.state.slots.emplace_back(checkpoint.model.net.arena_size());
  return checkpoint;
}

mode_t mode_of(const fs::path& path) {
  struct stat facts {};
  EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
  return facts.st_mode & 07777;
}

mode_t masked(mode_t mode) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mode & ~mask;
}

TEST(TemporaryNames, ALinkUnderAGuessedNameIsNotFollowed) {
  const TempFolder folder;
  const Victim victim(folder);
  const fs::path file = folder / "status.json";
  // The name that this process would have used if the process number alone decided it.
  fs::create_symlink(victim.file, file.string() + "." + std::to_string(::getpid()) + ".tmp");
  replace_file(file, "new");
  replace_file_unsynced(file, "newer");
  EXPECT_EQ(test::read_file(file), "newer");
}

TEST(TemporaryNames, ALinkUnderTheNameItselfIsReplaced) {
  const TempFolder folder;
  const Victim victim(folder);
  fs::create_symlink(victim.file, folder / "file");
  replace_file(folder / "file", "new");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder / "file")));
}

TEST(TemporaryNames, WhatGrowsIsNoLinkAndNoPipe) {
  const TempFolder folder;
  const Victim victim(folder);
  fs::create_symlink(victim.file, folder / "link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const char* name : {"link", "pipe"}) {
    EXPECT_THROW(append_to_file(folder / name, "more"), SystemError) << name;
    EXPECT_THROW(overwrite_file(folder / name, "more"), SystemError) << name;
    EXPECT_THROW(try_lock(folder / name), SystemError) << name;
  }
  fs::create_symlink(folder / "nowhere", folder / "dangling");
  EXPECT_THROW(try_lock(folder / "dangling"), SystemError);
  EXPECT_FALSE(fs::exists(folder / "nowhere"));
}

TEST(TemporaryNames, DifferInEachCall) {
  const TempFolder folder;
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    const NewFile file(folder / "file");
    const std::vector<std::string> there = names_in(folder.path());
    ASSERT_EQ(there.size(), 1u);
    EXPECT_TRUE(is_temporary(there[0])) << there[0];
    names.push_back(there[0]);
  }
  EXPECT_NE(names[0], names[1]);
  EXPECT_NE(names[1], names[2]);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(TemporaryNames, AFolderIsItsOwnersAloneUntilItIsWhole) {
  const TempFolder folder;
  const mode_t old = ::umask(0002);
  {
    NewFolder building(folder / "run", {"inner"});
    EXPECT_EQ(mode_of(building.path()), 0700u);
    const NewFolder other(folder / "run", {});
    EXPECT_NE(building.path(), other.path());
    building.make_subfolder("inner");
    EXPECT_EQ(building.publish(Taken::refused), folder / "run");
  }
  EXPECT_EQ(mode_of(folder / "run"), masked(0777));
  ::umask(old);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"run"});
}

TEST(TemporaryNames, AnEmptyFolderKeepsTheAccessThatItsUserGaveIt) {
  const TempFolder folder;
  fs::create_directory(folder / "run");
  ASSERT_EQ(::chmod((folder / "run").c_str(), 0750), 0);
  RunFolder::create(folder / "run", some_identity(), first_checkpoint());
  EXPECT_EQ(mode_of(folder / "run"), 0750u);
}

// A process that is killed while it builds a folder for `target`.
void kill_while_building(const fs::path& target) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    NewFolder building(target, {});
    std::ofstream(building.path() / "half") << "half";
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(TemporaryNames, FilesOfKilledWritersAreRemovedAndOthersStay) {
  const TempFolder folder;
  const Victim victim(folder);
  ASSERT_NO_FATAL_FAILURE(kill_while_building(folder / "run"));
  ASSERT_EQ(names_in(folder.path()).size(), 2u);
  const NewFolder living(folder / "run", {});
  fs::create_directory(folder / "run.tmp-mine");
  // A link with such a name may lead anywhere.
  fs::create_directory_symlink(folder.path(), folder / "run.tmp-0123456789abcdef");
  RunFolder::create(folder / "run", some_identity(), first_checkpoint());
  std::vector<std::string> left{"run", "run.tmp-0123456789abcdef", "run.tmp-mine", "victim",
                                living.path().filename().string()};
  std::sort(left.begin(), left.end());
  EXPECT_EQ(names_in(folder.path()), left);
}

TEST(TemporaryNames, LeftoversOfKilledWritersGoByName) {
  const TempFolder folder;
  RunFolder::create(folder / "run", some_identity(), first_checkpoint());
  const fs::path run = folder / "run";
  test::write_file(run / "config.toml.0123456789abcdef.tmp", "half");
  test::write_file(run / "checkpoints/step-0000000009.safetensors.4711.tmp", "of an older version");
  test::write_file(run / "notes.tmp", "a user's own");
  fs::create_directory(run / "folder.0123456789abcdef.tmp");
  RunFolder::open(run);
  EXPECT_EQ(names_in(run),
            (std::vector<std::string>{"checkpoints", "config.toml", "folder.0123456789abcdef.tmp",
                                      "lock", "notes.tmp", "status.json"}));
  EXPECT_EQ(names_in(run / "checkpoints").size(), 1u);
}

// While the object lives, this process may have only this number of files open.
class OpenFilesLimit {
 public:
  explicit OpenFilesLimit(rlim_t files) {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    const rlimit limit{files, old_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~OpenFilesLimit() { ::setrlimit(RLIMIT_NOFILE, &old_); }
  OpenFilesLimit(const OpenFilesLimit&) = delete;
  OpenFilesLimit& operator=(const OpenFilesLimit&) = delete;

 private:
  rlimit old_{};
};

TEST(TemporaryNames, NothingIsLeftWhereDescriptorsRunOut) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  const TempFolder folder;
  const int next = ::open("/dev/null", O_RDONLY);  // the lowest that is free
  ::close(next);
  const RunIdentity identity = some_identity();
  const Checkpoint checkpoint = first_checkpoint();
  int failures = 0;
  for (int more = 0; more < 8; ++more) {
    bool made = false;
    {
      const OpenFilesLimit limit(static_cast<rlim_t>(next + more));
      try {
        RunFolder::create(folder / "run", identity, checkpoint);
        made = true;
      } catch (const UserError&) {
        ++failures;
      }
    }
    const std::vector<std::string> wanted(made ? 1 : 0, "run");
    ASSERT_EQ(names_in(folder.path()), wanted) << more;
    fs::remove_all(folder / "run");
  }
  EXPECT_GE(failures, 2);
  EXPECT_LT(failures, 8);
}

TEST(TemporaryNames, APartOfADownloadIsThisUsersOwnFile) {
  const TempFolder folder;
  const Victim victim(folder);
  const std::string word = "more";
  fs::create_symlink(victim.file, folder / "link.part");
  fs::create_hard_link(victim.file, folder / "twin.part");
  ASSERT_EQ(::mkfifo((folder / "pipe.part").c_str(), 0600), 0);
  for (const char* name : {"link.part", "twin.part", "pipe.part"}) {
    EXPECT_THROW(app::PartFile part(folder / name), Error) << name;
  }
  test::write_file(folder / "own.part", "begun, ");
  app::PartFile(folder / "own.part").append(std::as_bytes(std::span(word)));
  EXPECT_EQ(test::read_file(folder / "own.part"), "begun, more");
}

}  // namespace
}  // namespace convoy
