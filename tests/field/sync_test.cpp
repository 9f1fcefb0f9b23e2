// SPDX-License-Identifier: Apache-2.0
// Files have to be on the disk before a run relies on them. This file replaces fsync() by a
// function that records each call and forwards it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/durable_file.hpp"
#include "tests/train/support.hpp"

namespace {

std::vector<std::string>* synced = nullptr;  // null: calls are not recorded

}  // namespace

extern "C" int fsync(int descriptor) {
  if (synced != nullptr) {
    std::error_code ignored;
    synced->push_back(
        std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor), ignored)
            .string());
  }
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace convoy {
namespace {

using namespace train_tests;

std::vector<std::string> synced_by(const std::function<void()>& call) {
  std::vector<std::string> paths;
  synced = &paths;
  call();
  synced = nullptr;
  return paths;
}

TEST(Synced, TheNameOfAFileThatGrowsIsOnTheDiskWithItsFirstLine) {
  const TempFolder folder;
  const fs::path file = fs::canonical(folder.path()) / "metrics.jsonl";
  const auto first = synced_by([&] { append_to_file(file, "one\n"); });
  EXPECT_EQ(first, (std::vector<std::string>{file, file.parent_path()}));
  const auto second = synced_by([&] { append_to_file(file, "two\n"); });
  EXPECT_EQ(second, std::vector<std::string>{file});
  EXPECT_EQ(test::read_file(file), "one\ntwo\n");
}

TEST(Synced, AFileIsOnTheDiskBeforeItsNameAndItsNameAfterwards) {
  const TempFolder folder;
  const fs::path file = fs::canonical(folder.path()) / "file";
  const auto paths = synced_by([&] { replace_file(file, "text"); });
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_TRUE(is_temporary(paths[0])) << paths[0];
  EXPECT_EQ(paths[1], file.parent_path());
}

}  // namespace
}  // namespace convoy
