// SPDX-License-Identifier: Apache-2.0
// Spellings of other programs, and numbers and names at their limits.
#include <gtest/gtest.h>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

class Options : public ::testing::Test {
 protected:
  ScratchFolder folder_;
};

// The remedy is a command line of this program that does the same, not only one with a similar
// spelling.
TEST_F(Options, SpellingsOfOtherProgramsAreAnswered) {
  struct Case {
    Arguments line;
    std::string remedy;
  };
  const Case cases[] = {
      {{"train", "lenet5", "--lr", "0.1"}, "write --set optimizer.learning_rate=0.1"},
      {{"train", "lenet5", "--learning_rate=0.1"}, "write --set optimizer.learning_rate=0.1"},
      {{"train", "lenet5", "--lr"}, "write --set optimizer.learning_rate=0.01"},
      {{"train", "lenet5", "--lr", "0.1; reboot"}, "write --set optimizer.learning_rate=0.01"},
      {{"train", "lenet5", "--batch-size", "64"}, "write --batch 64"},
      {{"train", "lenet5", "--bs=64"}, "write --batch 64"},
      {{"train", "lenet5", "-b", "64"}, "did you mean --batch 64?"},
      {{"train", "lenet5", "--optimizer", "adam"}, "write --set optimizer.type=adam"},
      {{"train", "lenet5", "--momentum", "0.9"}, "write --set optimizer.momentum=0.9"},
      {{"train", "lenet5", "--weight-decay", "1e-4"}, "write --set optimizer.weight_decay=1e-4"},
      {{"train", "lenet5", "--workers", "4"}, "write --threads 4"},
      {{"train", "lenet5", "--num-workers=4"}, "write --threads 4"},
      {{"train", "lenet5", "--gpu"}, "write --device cuda"},
      {{"train", "lenet5", "--cuda"}, "write --device cuda"},
      {{"train", "lenet5", "--gpus", "2"}, "write --device cuda --ranks 2"},
      {{"train", "lenet5", "--save", "a"}, "write --out a"},
      {{"train", "lenet5", "--output-dir", "a"}, "write --out a"},
      {{"train", "lenet5", "--checkpoint", "a"}, "write --resume RUN"},
      {{"train", "lenet5", "--num-epochs", "3"}, "write --epochs 3"},
      {{"train", "lenet5", "-np", "2"}, "write --ranks 2"},
      {{"train", "lenet5", "--dataset", "mnist"}, "write --data mnist"},
      {{"train", "--model", "lenet5"}, "convoy train lenet5"},
      {{"train", "lenet5", "--random-seed", "7"}, "write --seed 7"},
      {{"predict", "a", "b", "--topk", "5"}, "write --top 5"},
      {{"info", "lenet5", "--batch-size", "64"}, "write --batch 64"},
      {{"info", "lenet5", "--lr", "0.1"}, "write --set optimizer.learning_rate=0.1"},
      {{"bench", "lenet5", "--num-threads", "2"}, "write --threads 2"},
      {{"report", "a", "-o", "x.html"}, "did you mean --out x.html?"},
  };
  for (const Case& c : cases) {
    std::string line;
    for (const std::string& word : c.line) line += " " + word;
    SCOPED_TRACE("convoy" + line);
    const Ended ended = run(c.line, folder_);
    EXPECT_EQ(ended.code, 2);
    EXPECT_TRUE(is_message(ended, "unknown option"));
    EXPECT_TRUE(is_message(ended, c.remedy));
  }
  // Where the command has no such option, the message suggests none.
  const Ended eval = run({"eval", "a", "--lr", "0.1"}, folder_);
  EXPECT_EQ(eval.code, 2);
  EXPECT_EQ(eval.err.find("--set"), std::string::npos) << eval.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path));
}

TEST_F(Options, ANumberBeyondTheLimitIsToldTheLimit) {
  const Ended ended = run({"train", "--seed", "9223372036854775808"}, folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(is_message(ended, "from 0 to 9223372036854775807"));
  const Ended epochs = run({"train", "--epochs", "2147483648"}, folder_);
  EXPECT_EQ(epochs.code, 2);
  EXPECT_TRUE(is_message(epochs, "from 1 to 2147483647"));
}

TEST_F(Options, TheHighestSeedIsASeedLikeAnyOther) {
  const Arguments line{"train", "--data", "synthetic",           "--limit", "64",      "--epochs",
                       "1",     "--seed", "9223372036854775807", "--json",  "--quiet", "--out"};
  Arguments first = line, second = line;
  first.emplace_back("a");
  second.emplace_back("b");
  second.insert(second.end(), {"--validation", "0.1"});
  const auto trained = document(run(first, folder_));
  EXPECT_EQ(trained["seed"].dump(), "9223372036854775807");
  EXPECT_EQ(run(second, folder_).code, 0);
  EXPECT_EQ(run({"train", "--resume", "a", "--epochs", "2", "--quiet"}, folder_).code, 0);
}

TEST_F(Options, NamesThatNoFileSystemTakesAreAMistakeOfTheLine) {
  const std::string name(250, 'x'), longer(5000, 'y');
  const Ended out = run({"train", "--data", "synthetic", "--limit", "8", "--out", name}, folder_);
  EXPECT_EQ(out.code, 2);
  EXPECT_TRUE(is_message(out, "too long"));
  EXPECT_EQ(run({"train", "--data", "synthetic", "--out", longer}, folder_).code, 2);
  EXPECT_EQ(run({"train", "--data", longer, "--limit", "8"}, folder_).code, 66);
  EXPECT_EQ(run({"train", "./" + longer + ".toml"}, folder_).code, 66);
  for (const char* command : {"eval", "report"}) {
    const Ended ended = run({command, longer}, folder_);
    EXPECT_TRUE(ended.code == 2 || ended.code == 66 || ended.code == 74) << ended.code;
    EXPECT_TRUE(is_message(ended, "too long"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path));
}

TEST_F(Options, InfoTakesOverrides) {
  const auto filters = [&](const Arguments& more) {
    Arguments line{"info", "lenet5", "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return document(run(line, folder_))["model"];
  };
  const auto plain = filters({});
  const auto wider = filters({"--set", "layer.0.filters=12", "--set", "optimizer.momentum=0.5"});
  EXPECT_EQ(int{wider["layers"][0]["output"][2]}, 12);
  EXPECT_NE(wider["parameters"], plain["parameters"]);
  EXPECT_EQ(wider["settings"]["optimizer"]["momentum"], 0.5);
  const Ended alone = run({"info", "--set", "optimizer.momentum=0.5"}, folder_);
  EXPECT_EQ(alone.code, 2);
  EXPECT_TRUE(is_message(alone, "MODEL"));
  const Ended wrong = run({"info", "lenet5", "--set", "train.momentun=0.5"}, folder_);
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(is_message(wrong, "did you mean 'optimizer.momentum'?"));
}

TEST_F(Options, AnInputThatOverflowsIsRefusedBeforeTraining) {
  const Ended ended = run({"train", "--data", "synthetic", "--set", "input.scale=1e300"}, folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(is_message(ended, "--set input.scale=1e300"));
  EXPECT_TRUE(is_message(ended, "single precision"));
}

// The program warns once of numbers that are finite and useless, with a remedy.
TEST_F(Options, ALossFarAboveGuessingIsWarnedOf) {
  const Ended diverged =
      run({"train", "--data", "synthetic", "--epochs", "3", "--set", "optimizer.learning_rate=1000",
           "--set", "optimizer.momentum=0.9", "--out", "diverged"},
          folder_);
  ASSERT_TRUE(diverged.code == 0 || diverged.code == 76) << diverged.err;
  if (diverged.code == 76) GTEST_SKIP() << "it was not finite at once";
  const std::size_t first = diverged.err.find("training diverges");
  ASSERT_NE(first, std::string::npos) << diverged.err;
  EXPECT_EQ(diverged.err.find("training diverges", first + 1), std::string::npos);
  EXPECT_NE(diverged.err.find("--set optimizer.learning_rate=100; now 1000"), std::string::npos);
  const Ended good =
      run({"train", "--data", "synthetic", "--epochs", "1", "--out", "good"}, folder_);
  EXPECT_EQ(good.err.find("diverges"), std::string::npos) << good.err;
}

}  // namespace
}  // namespace convoy::test
