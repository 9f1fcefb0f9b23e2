// SPDX-License-Identifier: Apache-2.0
// All ranks name the ranks that differ from the others, and no others.
#include "train/agreement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "parallel/collectives.hpp"
#include "tests/parallel/thread_communicator.hpp"

namespace convoy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

RunFacts facts() {
  RunFacts facts;
  facts.model = "name = 'net'\nbatch = 32\n" + std::string(300, '#') + "\n";
  facts.data = "limit 0\nvalidation 0";
  facts.layout = "grain 4\nranks by data";
  facts.train_sha256 = std::string(64, 'a');
  facts.test_sha256 = std::string(64, 'b');
  return facts;
}

struct Seen {
  Fault fault = Fault::internal;
  std::string words;  // empty: no rank threw
};

// The error that all ranks threw, which has to be the same.
Seen seen_by_all(const std::vector<int>& domains, const std::function<void(Communicator&)>& work) {
  std::mutex mutex;
  std::multiset<std::string> all;
  Seen seen;
  int ranks = 0;
  test::run_ranks(domains, [&](Communicator& communicator) {
    Seen mine;
    try {
      work(communicator);
    } catch (const SharedError& error) {
      mine = {error.fault(), error.what()};
    }
    const std::lock_guard lock(mutex);
    all.insert(mine.words);
    seen = mine;
    ranks = communicator.size();
  });
  EXPECT_EQ(all.count(seen.words), static_cast<std::size_t>(ranks));
  return seen;
}

using Change = std::function<void(RunFacts&)>;

Seen agree_with(const std::vector<int>& domains, const std::set<int>& odd, const Change& change) {
  return seen_by_all(domains, [&](Communicator& communicator) {
    RunFacts mine = facts();
    if (odd.contains(communicator.rank())) change(mine);
    agree(communicator, mine);
  });
}

TEST(Agreement, EqualRanksAgree) {
  for (const std::vector<int>& domains :
       std::vector<std::vector<int>>{{1}, {2}, {1, 1}, {3}, {2, 3}, {8}}) {
    EXPECT_EQ(agree_with(domains, {}, {}).words, "");
  }
  EXPECT_NO_THROW(agree(*alone(), facts()));
}

TEST(Agreement, TheRankThatDiffersIsNamedInEveryPlace) {
  for (int ranks = 2; ranks <= 8; ++ranks) {
    for (int odd = 0; odd < ranks; ++odd) {
      const Seen seen = agree_with(
          {ranks}, {odd}, [](RunFacts& mine) { mine.train_sha256 = std::string(64, 'c'); });
      EXPECT_EQ(seen.fault, Fault::bad_data);
      // Of two ranks neither has the majority: rank 0 is right.
      const std::string start = ranks == 2 ? "rank 1 differs from rank 0"
                                : odd == 0 ? "rank 0 differs from rank 1"
                                           : "rank " + std::to_string(odd) + " differs from rank 0";
      const std::string right(64, ranks == 2 && odd == 0 ? 'c' : 'a');
      const std::string wrong(64, ranks == 2 && odd == 0 ? 'a' : 'c');
      EXPECT_EQ(seen.words, start + " in the training data (SHA-256 " + wrong + ", not " + right +
                                "): give every host the same files");
    }
  }
}

TEST(Agreement, EveryFactCounts) {
  const auto words = [](const Change& change) {
    const Seen seen = agree_with({2, 2}, {2}, change);
    EXPECT_THAT(seen.words, StartsWith("rank 2 differs from rank 0 in "));
    return std::to_string(static_cast<int>(seen.fault)) + " " + seen.words.substr(30);
  };
  EXPECT_THAT(words([](RunFacts& f) { f.version = "9.9"; }),
              StartsWith("2 the version of Convoy ('9.9', not '"));
  EXPECT_THAT(words([](RunFacts& f) { ++f.order_version; }),
              StartsWith("2 the order of additions ('"));
  EXPECT_THAT(words([](RunFacts& f) { f.model.replace(f.model.find("32"), 2, "64"); }),
              StartsWith("2 the model ('batch = 64', not 'batch = 32'): give every rank"));
  EXPECT_THAT(words([](RunFacts& f) { f.data = "limit 0"; }),
              StartsWith("2 the choice of data (nothing, not 'validation 0'): "));
  EXPECT_THAT(words([](RunFacts& f) { f.layout += "\nmore"; }),
              StartsWith("2 the layout ('more', not nothing): "));
  EXPECT_THAT(words([](RunFacts& f) { f.test_sha256[5] = 'c'; }),
              StartsWith("65 the test data (SHA-256 bbbbbc"));
  EXPECT_THAT(words([](RunFacts& f) { f.model.pop_back(); }), StartsWith("2 the model ("));
}

TEST(Agreement, TheMajorityIsRight) {
  const auto start = [](const std::vector<int>& domains, const std::set<int>& odd) {
    const Seen seen = agree_with(domains, odd, [](RunFacts& f) { f.data = "limit 7"; });
    return seen.words.substr(0, seen.words.find(" in the choice of data"));
  };
  EXPECT_EQ(start({5}, {1, 3}), "ranks 1 and 3 differ from rank 0");
  EXPECT_EQ(start({3, 2}, {0, 4}), "ranks 0 and 4 differ from rank 1");
  EXPECT_EQ(start({5}, {0, 1, 2}), "ranks 3 and 4 differ from rank 0");
  EXPECT_EQ(start({7}, {1, 2, 5}), "ranks 1, 2 and 5 differ from rank 0");
  EXPECT_EQ(start({4}, {0, 3}), "ranks 1 and 2 differ from rank 0");
  EXPECT_EQ(start({20}, {1, 2, 3, 4, 5, 6, 7, 8, 9}),
            "ranks 1, 2, 3, 4, 5, 6, 7, 8 and 1 other differ from rank 0");
}

TEST(Agreement, WithoutAMajorityRankZeroIsRight) {
  const Seen seen = seen_by_all({4}, [](Communicator& communicator) {
    RunFacts mine = facts();
    mine.layout = "threads " + std::to_string(communicator.rank());
    agree(communicator, mine);
  });
  EXPECT_EQ(seen.words,
            "ranks 1, 2 and 3 differ from rank 0 in the layout ('threads 1', not 'threads 0'): "
            "give every rank the same options");
}

TEST(Agreement, WeightsOfOtherBitsAreCaught) {
  const std::string right(64, '4'), wrong(64, '5');
  for (int ranks = 1; ranks <= 8; ++ranks) {
    for (int odd = -1; odd < ranks; ++odd) {
      const Seen seen = seen_by_all({ranks}, [&](Communicator& communicator) {
        verify_weights(communicator, communicator.rank() == odd ? wrong : right, 12345);
      });
      if (odd < 0 || ranks == 1) {
        EXPECT_EQ(seen.words, "");
        continue;
      }
      EXPECT_EQ(seen.fault, Fault::peer);
      const int named = ranks == 2 ? 1 : odd;
      EXPECT_THAT(seen.words, HasSubstr("failed on rank " + std::to_string(named) + " (SHA-256 "));
      EXPECT_THAT(seen.words, HasSubstr("after step 12345"));
    }
  }
}

TEST(Agreement, ARankThatIsAtAnotherStepIsCaught) {
  const Seen seen = seen_by_all({3}, [](Communicator& communicator) {
    verify_weights(communicator, "d", communicator.rank() == 1 ? 8 : 7);
  });
  EXPECT_EQ(seen.fault, Fault::peer);
  EXPECT_THAT(seen.words, HasSubstr("rank 1 (SHA-256 d after step 8, not d after step 7 as on"));
}

}  // namespace
}  // namespace convoy
