// SPDX-License-Identifier: Apache-2.0
// Layouts with too many workers: ranks beyond the cores, threads that wait more than they work, and
// layouts that a build cannot run.
#include <gmock/gmock.h>

#include <filesystem>

#include "internal.hpp"
#include "runtime/cpu/workers.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

Ended train(const ScratchFolder& folder, const Arguments& more) {
  Arguments words{"train", "--data", "synthetic", "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words, folder);
}

TEST(Workers, RanksBeyondTheCoresNeedAnOption) {
  if (mpi_library().empty()) GTEST_SKIP() << "built without MPI";
  const ScratchFolder folder;
  const int cores = usable_cores();
  const std::string ranks = std::to_string(cores + 1);
  const Arguments brief{"--limit", "64", "--epochs", "1"};
  const auto with = [&](const Arguments& more) {
    Arguments words = brief;
    words.insert(words.end(), more.begin(), more.end());
    return train(folder, words);
  };
  const json alone = document(with({"--out", "alone"}));

  const Ended fewer = with({"--ranks", ranks, "--out", "fewer"});
  ASSERT_EQ(fewer.code, 0) << fewer.err;
  EXPECT_EQ(document(fewer)["ranks"], cores);
  EXPECT_EQ(document(fewer)["state_sha256"], alone["state_sha256"]);
  EXPECT_THAT(fewer.err, HasSubstr("convoy: warning: " + ranks + " ranks requested, " +
                                   std::to_string(cores) + " started"));
  EXPECT_THAT(fewer.err, HasSubstr("add --oversubscribe to start all"));

  const Ended all = with({"--ranks", ranks, "--oversubscribe", "--out", "all"});
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(document(all)["ranks"], cores + 1);
  EXPECT_EQ(document(all)["state_sha256"], alone["state_sha256"]);
  EXPECT_THAT(all.err, Not(HasSubstr("warning")));

  // Fewer ranks would mean another batch, and so another run.
  const Ended other = with({"--ranks", ranks, "--per-rank-batch", "8", "--out", "other"});
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(is_message(other, "--oversubscribe"));
  EXPECT_FALSE(std::filesystem::exists(folder.path / "other"));
}

TEST(Workers, ThreadsThatWaitMoreThanTheyWorkAreMentioned) {
  if (most_workers() < 2) GTEST_SKIP() << "built without threads";
  const ScratchFolder folder;
  // The threads arrive at a barrier after every stage of 256 steps, and most of them have to wait
  // for a core.
  const std::string threads = std::to_string(4 * usable_cores());
  const Arguments work{"--batch", "4", "--epochs", "2"};
  Arguments many = work, one = work;
  many.insert(many.end(),
              {"--threads", threads, "--oversubscribe", "--threads-by", "tensor", "--out", "many"});
  one.insert(one.end(), {"--threads", "1", "--out", "one"});
  const Ended waiting = train(folder, many);
  const std::string told = "the " + threads + " threads have waited for each other";
  EXPECT_THAT(waiting.err, HasSubstr(told));
  EXPECT_EQ(waiting.err.find(told), waiting.err.rfind(told)) << "once, after the first epoch";
  const Ended alone = train(folder, one);
  EXPECT_THAT(alone.err, Not(HasSubstr("waited")));
  EXPECT_EQ(document(waiting)["state_sha256"], document(alone)["state_sha256"]);
}

TEST(Workers, AStudyOfLayoutsThatTheBuildLacksIsRefusedBeforeItBegins) {
  if (most_workers() > 1 && !mpi_library().empty()) GTEST_SKIP() << "this build lacks none";
  const ScratchFolder folder;
  const auto study = [&](const Arguments& more) {
    Arguments words{"study", "--data",    "synthetic", "--limit", "64",    "--epochs",
                    "1",     "--repeats", "1",         "--quiet", "--out", "study"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, folder);
  };
  for (const char* layout : {"1x2", "2x1"}) {
    const bool threads = std::string(layout) == "1x2";
    if (threads ? most_workers() > 1 : !mpi_library().empty()) continue;
    const Ended ended = study({"--layouts", std::string("1x1,") + layout});
    EXPECT_EQ(ended.code, 69) << layout;
    EXPECT_TRUE(is_message(ended, layout));
    EXPECT_FALSE(std::filesystem::exists(folder.path / "study"));
  }
  // The usual layouts without the refused ones can run.
  EXPECT_EQ(study({}).code, 0);
}

TEST(Workers, ABuildWithoutThreadsRunsOneAndRefusesMore) {
  int ran = 0;
  run_workers(1, [&](int) { ++ran; });
  EXPECT_EQ(ran, 1);
  if (most_workers() > 1) return;
  EXPECT_THROW(run_workers(2, [&](int) { ++ran; }), UserError);
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace convoy::test
