// SPDX-License-Identifier: Apache-2.0
// The completion, as bash calls it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

class Completion : public ::testing::Test {
 protected:
  void SetUp() override {
    if (access("/bin/bash", X_OK) != 0) GTEST_SKIP() << "no bash here";
  }
  // The completions of the last word of `words` (bash words; the last may be '').
  std::string offered(const std::string& words) {
    const Ended ended = run_script(". '" CONVOY_SOURCE_DIR
                                   "/apps/convoy/convoy.bash-completion'\n"
                                   "COMP_WORDS=(\"$CONVOY\" " +
                                       words +
                                       "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                                       "_convoy; echo \"${COMPREPLY[*]}\"",
                                   folder_, "/bin/bash");
    EXPECT_EQ(ended.err, "");
    return ended.out;
  }
  ScratchFolder folder_;
};

TEST_F(Completion, Words) {
  EXPECT_EQ(offered("''"), "train eval predict info new fetch bench study report\n");
  EXPECT_EQ(offered("tr"), "train\n");
  EXPECT_EQ(offered("train tiny-r"), "tiny-relu\n");
  EXPECT_EQ(offered("train --resume-"), "--resume-if-present\n");
  EXPECT_EQ(offered("train --data mn"), "mnist\n");
  EXPECT_EQ(offered("train --data = mn"), "mnist\n");  // as bash breaks --data=mn
  EXPECT_EQ(offered("train --threads-by t"), "tensor\n");
  EXPECT_EQ(offered("train --isa ref"), "reference\n");
  EXPECT_EQ(offered("train --device cu"), "cuda\n");
  EXPECT_EQ(offered("train --launch p"), "persistent\n");
  EXPECT_EQ(offered("bench --launch ''"), "auto stages graph persistent\n");
  EXPECT_EQ(offered("train --steps-per-launch ''"), "\n");
  EXPECT_EQ(offered("train --steps-per-launch 3 --launch graph tiny-s"), "tiny-sigmoid\n");
  EXPECT_EQ(offered("train --steps"), "--steps-per-launch\n");
  EXPECT_EQ(offered("train lenet5 --epochs 3 tin"), "\n");  // the line has a model already
  EXPECT_EQ(offered("train --epochs 3 tiny-s"), "tiny-sigmoid\n");
  EXPECT_EQ(offered("train --profile --no-fusion tiny-s"), "tiny-sigmoid\n");
  EXPECT_EQ(offered("bench --seconds 3 tiny-s"), "tiny-sigmoid\n");
  EXPECT_EQ(offered("fetch cifar"), "cifar10 cifar100 cifar100-coarse\n");
  EXPECT_EQ(offered("fetch q"), "qmnist\n");
}

TEST_F(Completion, Files) {
  write_file(folder_ / "my model.toml", "");
  write_file(folder_ / "my image.png", "");
  std::filesystem::create_directory(folder_.path / "my runs");
  EXPECT_EQ(offered("train my"), "my model.toml my runs\n");
  EXPECT_EQ(offered("train --out my"), "my runs\n");
  EXPECT_EQ(offered("train --trace 'my i'"), "my image.png\n");
  EXPECT_EQ(offered("predict 'my runs' 'my i'"), "my image.png\n");
  EXPECT_EQ(offered("report my"), "my runs\n");
  EXPECT_EQ(offered("report --out 'my i'"), "my image.png\n");
}

TEST_F(Completion, OffersEveryOptionOfTheHelp) {
  for (const std::string command :
       {"train", "eval", "predict", "info", "bench", "study", "report"}) {
    const std::string options = offered(command + " --");
    // (All commands but report, which writes a file, print a document.)
    const char* last = command == "report" ? "--quiet" : "--json";
    EXPECT_NE(options.find(last), std::string::npos) << command;
    std::string option;
    for (std::istringstream words(options); words >> option;) {
      EXPECT_TRUE(option.starts_with("--")) << option;
    }
  }
}

}  // namespace
}  // namespace convoy::test
