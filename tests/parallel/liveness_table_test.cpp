// SPDX-License-Identifier: Apache-2.0
#include "parallel/liveness_table.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/check.hpp"
#include "tests/parallel/children.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

class LivenessTableFile : public testing::Test {
 protected:
  LivenessTableFile() {
    std::string name = (fs::temp_directory_path() / "convoy-liveness-table-test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "liveness-table";
  }
  ~LivenessTableFile() override { fs::remove_all(folder_); }
  fs::path folder_, path_;
};

TEST_F(LivenessTableFile, IsSharedByAllProcessesThatOpenIt) {
  const auto liveness_table = LivenessTable::create_file(path_, 3);
  EXPECT_EQ(liveness_table->size(), 3);
  EXPECT_EQ(fs::file_size(path_), static_cast<std::uintmax_t>(LivenessTable::bytes(3)));
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ((*liveness_table)[rank].pid, 0);
    EXPECT_EQ(liveness_table->reason(rank), "");
  }
  Children children;
  for (int rank = 0; rank < 3; ++rank) {
    children.start([&, rank] {
      const auto mine = LivenessTable::open_file(path_, 3);
      if (!mine) return 1;
      (*mine)[rank].pid = getpid();
      (*mine)[rank].step = rank * 10;
      mine->set_reason(rank, "reason " + std::to_string(rank));
      return 0;
    });
  }
  EXPECT_EQ(children.join(), std::vector<int>(3, 0));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_NE((*liveness_table)[rank].pid, 0);
    EXPECT_EQ((*liveness_table)[rank].step, rank * 10);
    EXPECT_EQ(liveness_table->reason(rank), "reason " + std::to_string(rank));
  }
}

TEST_F(LivenessTableFile, WhatIsNoLivenessTableIsNotOpened) {
  EXPECT_EQ(LivenessTable::open_file(path_, 1), nullptr);
  EXPECT_EQ(LivenessTable::open_file(folder_, 1), nullptr);
  EXPECT_EQ(LivenessTable::open_file("/dev/null", 1), nullptr);
  EXPECT_EQ(LivenessTable::open_file("", 1), nullptr);
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(LivenessTable::open_file(folder_ / "fifo", 1), nullptr);
  { const auto made = LivenessTable::create_file(path_, 2); }
  EXPECT_NE(LivenessTable::open_file(path_, 2), nullptr);
  EXPECT_EQ(LivenessTable::open_file(path_, 3), nullptr);  // too small
}

// Neither an existing file nor the target of a link is overwritten.
TEST_F(LivenessTableFile, IsMadeOnlyWhereThereIsNone) {
  std::ofstream(path_) << "precious";
  fs::create_symlink(path_, folder_ / "link");
  fs::create_symlink(folder_ / "nowhere", folder_ / "loose");
  for (const fs::path& path : {path_, folder_ / "link", folder_ / "loose", folder_ / "no" / "x"}) {
    EXPECT_THROW(LivenessTable::create_file(path, 2), SystemError) << path;
  }
  EXPECT_EQ(fs::file_size(path_), 8U);
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
}

LivenessTable private_liveness_table(int ranks) {
  return LivenessTable(memory_for_children(static_cast<std::size_t>(LivenessTable::bytes(ranks))),
                       ranks);
}

TEST(LivenessTable, ReasonsEndBetweenCharactersAndTheFirstStands) {
  LivenessTable liveness_table = private_liveness_table(3);
  const std::size_t room = LivenessTableEntry{}.reason.size() - 1;
  liveness_table.set_reason(0, std::string(room, 'x'));
  EXPECT_EQ(liveness_table.reason(0), std::string(room, 'x'));
  liveness_table.set_reason(0, "later");
  EXPECT_EQ(liveness_table.reason(0), std::string(room, 'x'));
  std::string umlauts = "x";
  while (umlauts.size() < 2 * room) umlauts += "\xC3\xBC";
  liveness_table.set_reason(1, umlauts);
  EXPECT_EQ(liveness_table.reason(1), umlauts.substr(0, room - (room + 1) % 2));
  EXPECT_EQ(liveness_table.reason(2), "");
}

// Another process sees no text or the whole text.
TEST(LivenessTable, ReasonsAreReadWhole) {
  constexpr int kRanks = 200;
  LivenessTable liveness_table = private_liveness_table(kRanks);
  const std::string text(300, 'y');
  Children children;
  children.start([&] {
    for (int rank = 0; rank < kRanks; ++rank) liveness_table.set_reason(rank, text);
    return 0;
  });
  for (int rank = 0; rank < kRanks; ++rank) {
    std::string reason;
    while ((reason = liveness_table.reason(rank)).empty()) {
    }
    ASSERT_EQ(reason, text);
  }
  EXPECT_EQ(children.join(), std::vector{0});
}

TEST(LivenessTable, DescribesWhatARankDoes) {
  LivenessTable liveness_table = private_liveness_table(4);
  const auto set = [&](int rank, Activity activity, std::int64_t step) {
    liveness_table[rank].pid = getpid();
    liveness_table[rank].activity = static_cast<std::uint8_t>(activity);
    liveness_table[rank].step = step;
  };
  EXPECT_EQ(describe(liveness_table, 3), "rank 3 (not seen on this machine)");
  set(0, Activity::training, 17);
  EXPECT_EQ(describe(liveness_table, 0), "rank 0 (step 17, training)");
  liveness_table[0].waiting = 1;
  liveness_table[0].sync_point = static_cast<std::uint8_t>(SyncPoint::update);
  liveness_table[0].waits_for = kAllRanks;
  EXPECT_EQ(describe(liveness_table, 0), "rank 0 (step 17, training) waits for all in the update");
  liveness_table[0].waits_for = 2;
  EXPECT_EQ(describe(liveness_table, 0),
            "rank 0 (step 17, training) waits for rank 2 in the update");
  set(1, Activity::failed, 3);
  EXPECT_EQ(describe(liveness_table, 1), "rank 1 (step 3, failed)");
  liveness_table.set_reason(1, "disk full");
  EXPECT_EQ(describe(liveness_table, 1), "rank 1 (step 3, failed): disk full");
}

}  // namespace
}  // namespace convoy::test
