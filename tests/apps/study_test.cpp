// SPDX-License-Identifier: Apache-2.0
// convoy study with the real program: small studies of made data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StudyCommand : public ::testing::Test {
 protected:
  // Two layouts of a few steps each.
  static Arguments small(const Arguments& more) {
    Arguments line{"study",    "tiny-relu", "--data",    "synthetic", "--limit",   "128",
                   "--epochs", "2",         "--layouts", "1x1,1x2",   "--repeats", "1"};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }
  static bool has_gnuplot() { return std::system("command -v gnuplot >/dev/null") == 0; }
  void SetUp() override {
    if (!has_gnuplot()) GTEST_SKIP() << "no gnuplot here";
  }
  ScratchFolder folder_;
};

TEST_F(StudyCommand, LeavesEverythingThatItPromises) {
  const Ended ended = run(small({"--out", "s", "--per-layer", "--json"}), folder_);
  ASSERT_EQ(ended.code, 0) << ended.err;
  const nlohmann::json study = document(ended);
  EXPECT_EQ(study, nlohmann::json::parse(read_file(folder_ / "s/study.json")));
  EXPECT_EQ(study["schema"], "convoy.study/1");
  ASSERT_EQ(study["runs"].size(), 4u);
  for (const auto& run : study["runs"]) {
    EXPECT_EQ(run["weights_sha256"], study["runs"][0]["weights_sha256"]) << "fused or not";
    EXPECT_EQ(run["epochs"].size(), 2u);
    EXPECT_EQ(run["steps"], 8);
    EXPECT_GT(run["shares"]["compute"], 0);
    EXPECT_GT(run["peak_memory_bytes"], 0);
  }
  for (const char* file :
       {"report.html", "tables.md", "tables.tex", "tables/layouts.csv", "tables/layers.csv"}) {
    EXPECT_TRUE(fs::is_regular_file(folder_ / ("s/" + std::string(file)))) << file;
  }
  EXPECT_FALSE(fs::exists(folder_ / "s/run")) << "what a run leaves is nobody's";
  EXPECT_THAT(read_file(folder_ / "s/report.html"), HasSubstr("at least 3 runs are needed"));
  EXPECT_THAT(read_file(folder_ / "s/tables/layers.csv"), HasSubstr("conv1"));
  EXPECT_THAT(ended.err, HasSubstr("ETA"));
}

TEST_F(StudyCommand, TheSameStudyIsTheSameReport) {
  ASSERT_EQ(run(small({"--out", "s", "--quiet"}), folder_).code, 0);
  const std::string report = read_file(folder_ / "s/report.html");
  fs::remove(folder_ / "s/report.html");
  EXPECT_EQ(run({"report", "s"}, folder_).code, 0);
  EXPECT_EQ(read_file(folder_ / "s/report.html"), report);
  // All runs exist, so the same command prints the same report.
  const Ended again = run(small({"--out", "s"}), folder_);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.err.find("round"), std::string::npos) << again.err;
  EXPECT_EQ(read_file(folder_ / "s/report.html"), report);
  EXPECT_THAT(again.out, HasSubstr("\nFlag: "));
  EXPECT_EQ(again.out.find('\\'), std::string::npos) << "a terminal shows every escape\n"
                                                     << again.out;
  EXPECT_THAT(read_file(folder_ / "s/tables.md"), HasSubstr("\n- **Flag:** "));
}

TEST_F(StudyCommand, ContinuesWhereItWasInterrupted) {
  Arguments line = small({"--out", "s"});
  line[line.size() - 3] = "4";  // repeats
  ASSERT_EQ(line[line.size() - 4], "--repeats");
  Child child(convoy(line), folder_.path);
  child.wait_for("run 2/8");
  child.signal(SIGINT);
  EXPECT_EQ(child.wait().code, 75);
  const auto before = nlohmann::json::parse(read_file(folder_ / "s/study.json"));
  EXPECT_GE(before["runs"].size(), 2u);
  EXPECT_LT(before["runs"].size(), 8u);
  EXPECT_THAT(read_file(folder_ / "s/report.html"), HasSubstr("runs are done"));
  EXPECT_EQ(run(line, folder_).code, 0);
  const auto after = nlohmann::json::parse(read_file(folder_ / "s/study.json"));
  EXPECT_EQ(after["runs"].size(), 8u);
  for (std::size_t i = 0; i < before["runs"].size(); ++i) {
    EXPECT_EQ(after["runs"][i], before["runs"][i]) << "nothing was measured anew";
  }
}

TEST_F(StudyCommand, WritesOverNothing) {
  ASSERT_EQ(run(small({"--out", "s", "--quiet"}), folder_).code, 0);
  const std::string before = read_file(folder_ / "s/study.json");
  const Ended other = run(small({"--out", "s", "--batch", "16"}), folder_);
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(is_message(other, "different study"));
  EXPECT_EQ(read_file(folder_ / "s/study.json"), before);
  fs::create_directory(folder_ / "mine");
  write_file(folder_ / "mine/notes.txt", "mine");
  const Ended mine = run(small({"--out", "mine"}), folder_);
  EXPECT_TRUE(is_message(mine, "does not hold a study"));
  EXPECT_EQ(mine.err.find("remove"), std::string::npos) << mine.err;  // it may hold a run
  write_file(folder_ / "s/study.json", before.substr(0, before.size() / 2));
  const Ended damaged = run(small({"--out", "s"}), folder_);
  EXPECT_EQ(damaged.code, 65);
  EXPECT_TRUE(is_message(damaged, "study.json is not a study (it is not JSON at line"));
  EXPECT_TRUE(is_message(run({"eval", "s"}, folder_), "it is that of a study"));
}

TEST_F(StudyCommand, DryRunShowsTheCommandsAndRunsNothing) {
  const Ended ended = run(small({"--out", "s", "--dry-run"}), folder_);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("--threads 2"));
  EXPECT_THAT(ended.out, HasSubstr("2 configurations, 1 round, about"));
  EXPECT_FALSE(fs::exists(folder_ / "s"));
}

TEST_F(StudyCommand, ALauncherOfOnesOwn) {
  const Ended ended =
      run(small({"--out", "s", "--quiet", "--json", "--launcher", "env train={ranks}x{threads}"}),
          folder_);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(document(ended)["commands"][1][1], "train=1x2");
  EXPECT_EQ(document(ended)["commands"][1][2], "convoy");
}

TEST_F(StudyCommand, ALauncherThatDoesNotExistIsNamed) {
  const Ended ended =
      run(small({"--out", "s", "--quiet", "--launcher", "no-such-launcher {ranks}"}), folder_);
  EXPECT_EQ(ended.code, 69);
  EXPECT_TRUE(is_message(ended, "no-such-launcher cannot be started"));
  EXPECT_TRUE(is_message(ended, "correct the study's launcher (--launcher), or leave it out"));
}

TEST_F(StudyCommand, MistakesAreFoundBeforeAnythingRuns) {
  EXPECT_TRUE(is_message(run(small({"--layouts", "1y2"}), folder_), "RANKSxTHREADS"));
  EXPECT_TRUE(is_message(run({"study", "tiny-rel"}, folder_), "tiny-rel"));
  EXPECT_TRUE(is_message(run(small({"--launcher", "srun"}), folder_), "{ranks}"));
  EXPECT_TRUE(is_message(run(small({"--set", "train.bacth=3"}), folder_), "bacth"));
  write_file(folder_ / "s.toml", "[[experiment]]\nname = \"a\"\nlayouts = [\"1x1\"]\n");
  const Ended both = run({"study", "s.toml", "--batch", "3"}, folder_);
  EXPECT_EQ(both.code, 2);
  EXPECT_TRUE(is_message(both, "--batch with a study file"));
  EXPECT_TRUE(is_message(run(small({"--device", "cuda"}), folder_), "layout 1x2"));
  const Arguments gpu{"study", "--data", "synthetic", "--device", "cuda"};
  if (document(run({"info", "--json"}, folder_))["gpus"].empty()) {
    EXPECT_EQ(run(gpu, folder_).code, 69);
  }
  const Ended bare = run(small({"--out", "s"}), folder_, {"PATH=/nowhere"});
  EXPECT_EQ(bare.code, 69);
  EXPECT_TRUE(is_message(bare, "gnuplot"));
  EXPECT_FALSE(fs::exists(folder_ / "s"));
}

TEST_F(StudyCommand, AProcessThatFailsIsNamedWithWhatItSaid) {
  const Ended ended =
      run(small({"--out", "s", "--quiet", "--set", "optimizer.learning_rate=1e30"}), folder_);
  EXPECT_EQ(ended.code, 76);
  EXPECT_THAT(ended.err, HasSubstr("Strong scaling 1x1"));
  EXPECT_FALSE(fs::exists(folder_ / "s/run"));
}

}  // namespace
}  // namespace convoy::test
