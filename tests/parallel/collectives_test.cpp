// SPDX-License-Identifier: Apache-2.0
// Collective calls for every number of ranks and any sizes.
#include "parallel/collectives.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/parallel/thread_communicator.hpp"

namespace convoy {
namespace {

using test::run_ranks;

const std::vector<std::vector<int>> kJobs{
    {1}, {2}, {1, 1},    {3},    {2, 1},       {4}, {1, 3}, {2, 2}, {5},       {2, 3},
    {6}, {7}, {3, 1, 3}, {4, 4}, {2, 2, 2, 2}, {8}, {13},   {17},   {1, 1, 1}, {1, 1, 1, 1, 1}};

// The bytes of rank `rank` in round `round`, of sizes around that of the first message.
std::string text_of(int rank, int round) {
  constexpr std::array<std::size_t, 8> kSizes{0, 1, 64, 119, 120, 121, 500, 70000};
  std::mt19937 random(static_cast<unsigned>(1000 * round + rank));
  std::string text(round == 0 ? 64 : kSizes[random() % kSizes.size()], '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(Collectives, AllGatherGivesTheBytesOfEachRank) {
  for (const auto& job : kJobs) {
    run_ranks(job, [](Communicator& communicator) {
      for (int round = 0; round < 6; ++round) {
        const auto all =
            all_gather(communicator, text_of(communicator.rank(), round), SyncPoint::verification);
        ASSERT_EQ(all.size(), static_cast<std::size_t>(communicator.size()));
        for (int rank = 0; rank < communicator.size(); ++rank) {
          EXPECT_EQ(all[static_cast<std::size_t>(rank)], text_of(rank, round));
        }
      }
    });
  }
}

TEST(Collectives, GatherGivesTheBytesOfEachRankToRankZero) {
  for (const auto& job : kJobs) {
    run_ranks(job, [](Communicator& communicator) {
      for (int round = 0; round < 6; ++round) {
        const auto all = gather(communicator, text_of(communicator.rank(), round), SyncPoint::end);
        ASSERT_EQ(all.size(),
                  communicator.rank() == 0 ? static_cast<std::size_t>(communicator.size()) : 0U);
        for (std::size_t rank = 0; rank < all.size(); ++rank) {
          EXPECT_EQ(all[rank], text_of(static_cast<int>(rank), round));
        }
      }
    });
  }
}

TEST(Collectives, BroadcastGivesTheBytesOfRankZero) {
  for (const auto& job : kJobs) {
    run_ranks(job, [](Communicator& communicator) {
      for (int round = 0; round < 6; ++round) {
        EXPECT_EQ(broadcast(communicator, text_of(communicator.rank(), round), SyncPoint::start),
                  text_of(0, round));
      }
    });
  }
}

TEST(Collectives, OneRankWorksForAll) {
  for (const auto& job : kJobs) {
    std::atomic<int> calls = 0;
    run_ranks(job, [&](Communicator& communicator) {
      const auto work = [&] {
        EXPECT_EQ(communicator.rank(), 0);
        ++calls;
        return text_of(0, 3);
      };
      EXPECT_EQ(on_first_rank(communicator, work), text_of(0, 3));
      EXPECT_EQ(on_first_rank(
                    communicator, [] { return std::string(); }, SyncPoint::checkpoint),
                "");
    });
    EXPECT_EQ(calls, 1);
  }
}

// The error that every rank of a job of `ranks` sees where `work` throws on rank 0.
void expect_shared(int ranks, Fault fault, const std::string& words, void (*work)()) {
  std::atomic<int> threw = 0;
  run_ranks({ranks}, [&](Communicator& communicator) {
    const auto throwing = [&] {
      work();
      return std::string();
    };
    try {
      on_first_rank(communicator, throwing);
    } catch (const SharedError& error) {
      EXPECT_EQ(error.fault(), fault);
      EXPECT_EQ(error.what(), words);
      ++threw;
    }
    // The job can continue afterwards.
    EXPECT_EQ(on_first_rank(communicator, [] { return std::string("well"); }), "well");
  });
  EXPECT_EQ(threw, ranks);
}

TEST(Collectives, AnErrorOfRankZeroReachesAll) {
  for (const int ranks : {2, 3, 5, 8}) {
    expect_shared(ranks, Fault::not_found, "no file (it is gone): look elsewhere", [] {
      throw UserError(Fault::not_found, "no file", "it is gone", "look elsewhere");
    });
    const std::string file(5000, 'x');
    expect_shared(ranks, Fault::io, "write failed on " + file + " (full)",
                  [] { throw SystemError(Fault::io, "write", std::string(5000, 'x'), "full"); });
    expect_shared(ranks, Fault::unavailable, "rank 0 is out of memory",
                  [] { throw std::bad_alloc(); });
    expect_shared(ranks, Fault::internal, "odd", [] { throw std::runtime_error("odd"); });
  }
}

TEST(Collectives, AloneAnErrorIsWhatItWas) {
  const auto communicator = alone();
  const auto work = []() -> std::string {
    throw UserError(Fault::bad_data, "problem", "why", "remedy");
  };
  EXPECT_THROW(on_first_rank(*communicator, work), UserError);
  EXPECT_EQ(all_gather(*communicator, "mine", SyncPoint::start), std::vector<std::string>{"mine"});
  EXPECT_EQ(broadcast(*communicator, "mine", SyncPoint::start), "mine");
}

TEST(Collectives, PartsOfAllRanksArriveEverywhereAndNothingElseChanges) {
  std::mt19937 random(7);
  for (const auto& job : kJobs) {
    int ranks = 0;
    for (const int size : job) ranks += size;
    std::vector<Range> parts;  // with gaps, some empty, not in the order of the ranks
    Index end = 3;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto size = static_cast<Index>(random() % 4 == 0 ? 0 : random() % 3000);
      parts.push_back({end, end + size});
      end += size + static_cast<Index>(random() % 3);
    }
    std::ranges::shuffle(parts, random);
    std::vector<std::byte> expected(static_cast<std::size_t>(end) + 5, std::byte{255});
    const auto of_rank = [&](int rank) {
      const Range part = parts[static_cast<std::size_t>(rank)];
      return std::pair(part, std::byte(rank + 1));
    };
    const auto put = [&](std::vector<std::byte>& whole, int rank) {
      const auto [part, value] = of_rank(rank);
      std::fill(whole.begin() + part.begin, whole.begin() + part.end, value);
    };
    for (int rank = 0; rank < ranks; ++rank) put(expected, rank);
    run_ranks(job, [&](Communicator& communicator) {
      std::vector<std::byte> whole(expected.size(), std::byte{255});
      put(whole, communicator.rank());
      gather_parts(communicator, whole, parts, SyncPoint::evaluation);
      EXPECT_EQ(whole, expected);
    });
  }
}

TEST(Collectives, PackedTextsComeBack) {
  for (int count = 0; count < 9; ++count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(text_of(i, 1));
    const std::string packed = pack(texts);
    EXPECT_EQ(unpack(packed), texts);
    EXPECT_EQ(unpack(pack(std::vector{packed, packed})), (std::vector{packed, packed}));
  }
}

TEST(Collectives, DamagedPacksGiveTheTextsBeforeTheDamage) {
  const std::vector<std::string> texts{"one", "", "three"};
  const std::string packed = pack(texts);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const auto some = unpack(packed.substr(0, size));
    ASSERT_LT(some.size(), 3u);
    EXPECT_TRUE(std::ranges::equal(some, std::span(texts).first(some.size())));
  }
  for (const char* wrong : {":", "x", "3", "3:ab", "-1:a", "99999999999999999999:a", "1a"}) {
    EXPECT_TRUE(unpack(wrong).empty()) << wrong;
  }
}

TEST(Collectives, ARankThatThrowsEndsTheWaitsOfTheOthers) {
  for (int culprit = 0; culprit < 4; ++culprit) {
    std::atomic<int> named_rank_0 = 0;
    const auto work = [&](Communicator& communicator) {
      if (communicator.rank() == culprit) throw std::runtime_error("here");
      try {
        for (;;) all_gather(communicator, "x", SyncPoint::start);
      } catch (const SystemError& error) {
        EXPECT_EQ(error.fault(), Fault::peer);
        ++named_rank_0;
        throw;
      }
    };
    EXPECT_THROW(run_ranks({2, 2}, work), std::runtime_error);
    EXPECT_EQ(named_rank_0, 3);
  }
}

}  // namespace
}  // namespace convoy
