// SPDX-License-Identifier: Apache-2.0
#include "parallel/board.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/check.hpp"
#include "tests/parallel/children.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

class BoardFile : public testing::Test {
 protected:
  BoardFile() {
    std::string name = (fs::temp_directory_path() / "convoy-board-test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "board";
  }
  ~BoardFile() override { fs::remove_all(folder_); }
  fs::path folder_, path_;
};

TEST_F(BoardFile, IsSeenByAllWhoOpenIt) {
  const auto board = Board::create_file(path_, 3);
  EXPECT_EQ(board->size(), 3);
  EXPECT_EQ(fs::file_size(path_), static_cast<std::uintmax_t>(Board::bytes(3)));
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ((*board)[rank].pid, 0);
    EXPECT_EQ(board->reason(rank), "");
  }
  Children children;
  for (int rank = 0; rank < 3; ++rank) {
    children.start([&, rank] {
      const auto mine = Board::open_file(path_, 3);
      if (!mine) return 1;
      (*mine)[rank].pid = getpid();
      (*mine)[rank].step = rank * 10;
      mine->set_reason(rank, "reason " + std::to_string(rank));
      return 0;
    });
  }
  EXPECT_EQ(children.join(), std::vector<int>(3, 0));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_NE((*board)[rank].pid, 0);
    EXPECT_EQ((*board)[rank].step, rank * 10);
    EXPECT_EQ(board->reason(rank), "reason " + std::to_string(rank));
  }
}

TEST_F(BoardFile, WhatIsNoBoardIsNotOpened) {
  EXPECT_EQ(Board::open_file(path_, 1), nullptr);
  EXPECT_EQ(Board::open_file(folder_, 1), nullptr);
  EXPECT_EQ(Board::open_file("/dev/null", 1), nullptr);
  EXPECT_EQ(Board::open_file("", 1), nullptr);
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(Board::open_file(folder_ / "fifo", 1), nullptr);
  { const auto made = Board::create_file(path_, 2); }
  EXPECT_NE(Board::open_file(path_, 2), nullptr);
  EXPECT_EQ(Board::open_file(path_, 3), nullptr);  // too small
}

// Nor is a file of someone else overwritten, or one at the end of a link.
TEST_F(BoardFile, IsMadeOnlyWhereThereIsNone) {
  std::ofstream(path_) << "precious";
  fs::create_symlink(path_, folder_ / "link");
  fs::create_symlink(folder_ / "nowhere", folder_ / "loose");
  for (const fs::path& path : {path_, folder_ / "link", folder_ / "loose", folder_ / "no" / "x"}) {
    EXPECT_THROW(Board::create_file(path, 2), SystemError) << path;
  }
  EXPECT_EQ(fs::file_size(path_), 8U);
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
}

Board private_board(int ranks) {
  return Board(memory_for_children(static_cast<std::size_t>(Board::bytes(ranks))), ranks);
}

TEST(Board, ReasonsEndBetweenCharactersAndTheFirstStands) {
  Board board = private_board(3);
  const std::size_t room = BoardEntry{}.reason.size() - 1;
  board.set_reason(0, std::string(room, 'x'));
  EXPECT_EQ(board.reason(0), std::string(room, 'x'));
  board.set_reason(0, "later");
  EXPECT_EQ(board.reason(0), std::string(room, 'x'));
  std::string umlauts = "x";
  while (umlauts.size() < 2 * room) umlauts += "\xC3\xBC";
  board.set_reason(1, umlauts);
  EXPECT_EQ(board.reason(1), umlauts.substr(0, room - (room + 1) % 2));
  EXPECT_EQ(board.reason(2), "");
}

// Another process sees nothing or the whole text.
TEST(Board, ReasonsAreReadWhole) {
  constexpr int kRanks = 200;
  Board board = private_board(kRanks);
  const std::string text(300, 'y');
  Children children;
  children.start([&] {
    for (int rank = 0; rank < kRanks; ++rank) board.set_reason(rank, text);
    return 0;
  });
  for (int rank = 0; rank < kRanks; ++rank) {
    std::string reason;
    while ((reason = board.reason(rank)).empty()) {
    }
    ASSERT_EQ(reason, text);
  }
  EXPECT_EQ(children.join(), std::vector{0});
}

TEST(Board, DescribesWhatARankDoes) {
  Board board = private_board(4);
  const auto set = [&](int rank, Activity activity, std::int64_t step) {
    board[rank].pid = getpid();
    board[rank].activity = static_cast<std::uint8_t>(activity);
    board[rank].step = step;
  };
  EXPECT_EQ(describe(board, 3), "rank 3 (not seen on this machine)");
  set(0, Activity::training, 17);
  EXPECT_EQ(describe(board, 0), "rank 0 (step 17, training)");
  board[0].waiting = 1;
  board[0].meeting = static_cast<std::uint8_t>(Meeting::update);
  board[0].waits_for = kEveryone;
  EXPECT_EQ(describe(board, 0), "rank 0 (step 17, training) waits for all in the update");
  board[0].waits_for = 2;
  EXPECT_EQ(describe(board, 0), "rank 0 (step 17, training) waits for rank 2 in the update");
  set(1, Activity::failed, 3);
  EXPECT_EQ(describe(board, 1), "rank 1 (step 3, failed)");
  board.set_reason(1, "disk full");
  EXPECT_EQ(describe(board, 1), "rank 1 (step 3, failed): disk full");
}

}  // namespace
}  // namespace convoy::test
