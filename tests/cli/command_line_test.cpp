// SPDX-License-Identifier: Apache-2.0
// Words of a command line that CLI11 alone would accept, or would explain without a remedy.
#include "cli/command_line.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "internal.hpp"

namespace convoy::test {
namespace {

using Words = std::vector<std::string>;

// A program with one command, with a number, a list, a flag and a free word.
class ParseWords : public ::testing::Test {
 protected:
  ParseWords() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "program 1");
    CLI::App& command = *app_.add_subcommand("train");
    command.add_option("--epochs", epochs_)->type_name("N");
    command.add_option("--out,-o", out_)->type_name("FOLDER");
    command.add_option("--set", settings_)->type_name("KEY=VALUE")->take_all();
    command.add_flag("--quiet", quiet_);
    command.add_option("model", model_);
    app_.add_subcommand("eval");
  }

  // The message of the error, or nothing if the words were accepted.
  std::optional<std::string> problem_with(const Words& words) {
    try {
      app::parse_words(app_, words);
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return error.what();
    }
    return std::nullopt;
  }

  CLI::App app_;
  int epochs_ = 0;
  std::string out_, model_;
  Words settings_;
  bool quiet_ = false;
};

TEST_F(ParseWords, GivesOptionsTheirValues) {
  EXPECT_EQ(problem_with({"train", "--epochs=3", "-o", "a b", "--set", "x=1", "--set", "y=-2",
                          "--quiet", "net"}),
            std::nullopt);
  EXPECT_EQ(epochs_, 3);
  EXPECT_EQ(out_, "a b");
  EXPECT_EQ(settings_, (Words{"x=1", "y=-2"}));
  EXPECT_TRUE(quiet_);
  EXPECT_EQ(model_, "net");
}

// A value may look like an option of another program, or like a negative number.
TEST_F(ParseWords, TakesAnyWordForAValueThatIsNoOption) {
  EXPECT_EQ(problem_with({"train", "--epochs", "-3"}), std::nullopt);
  EXPECT_EQ(epochs_, -3);
}

TEST_F(ParseWords, AnOptionIsNeverAValue) {
  EXPECT_EQ(problem_with({"train", "--epochs", "--out", "a"}),
            "--epochs has no value (--out follows it): write --epochs N");
  EXPECT_EQ(problem_with({"train", "--epochs", "--out=a"}),
            "--epochs has no value (--out follows it): write --epochs N");
  EXPECT_EQ(problem_with({"train", "--set", "a=1", "--epochs"}),
            "--epochs has no value: write --epochs N");
}

TEST_F(ParseWords, RefusesEmptyWords) {
  EXPECT_EQ(problem_with({"train", ""}),
            "argument 2 is empty (perhaps a script's variable is not set): give a value, or leave "
            "it out");
  for (const Words& words : {Words{"train", "--out="}, Words{"train", "--out", ""}}) {
    EXPECT_EQ(problem_with(words),
              "--out has an empty value (perhaps a script's variable is not set): give a value, or "
              "leave it out");
  }
}

TEST_F(ParseWords, RefusesValuesOfFlagsAndSecondValues) {
  EXPECT_EQ(problem_with({"train", "--quiet=yes"}),
            "--quiet takes no value: leave out what follows --quiet");
  EXPECT_EQ(problem_with({"train", "--epochs", "1", "--epochs=2"}),
            "--epochs is given twice: leave one of them out");
  EXPECT_EQ(problem_with({"train", "--out", "a", "-o", "b"}),
            "-o is given twice: leave one of them out");
}

TEST_F(ParseWords, NamesWhatWasMeant) {
  EXPECT_EQ(problem_with({"trian"}), "unknown command trian: did you mean train?");
  EXPECT_EQ(problem_with({"zzzz"}), "unknown command zzzz: see 'convoy --help'");
  EXPECT_EQ(problem_with({"train", "--epoch", "1"}),
            "unknown option --epoch: did you mean --epochs?");
  EXPECT_EQ(problem_with({"train", "a", "b"}), "unexpected argument b: see 'convoy train --help'");
  EXPECT_EQ(problem_with({"--quiet", "train"}),
            "--quiet comes before the command: write it after: convoy train --quiet");
  EXPECT_EQ(problem_with({}),
            "no command is given: choose one of train, eval; see 'convoy --help'");
}

// An address may hold a password.
TEST_F(ParseWords, HidesThePasswordOfAMisplacedAddress) {
  const auto problem = problem_with({"train", "a", "http://me:secret@there/x"});
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->find("secret"), std::string::npos) << *problem;
  EXPECT_NE(problem->find("there/x"), std::string::npos) << *problem;
}

TEST_F(ParseWords, PassesRequestsForHelpAndVersionOn) {
  EXPECT_THROW(app::parse_words(app_, {"train", "--help"}), CLI::CallForHelp);
  EXPECT_THROW(app::parse_words(app_, {"--version"}), CLI::CallForVersion);
}

// After "--" a word is no option.
TEST_F(ParseWords, TakesWordsAfterTwoDashesAsTheyAre) {
  EXPECT_EQ(problem_with({"train", "--", "-net"}), std::nullopt);
  EXPECT_EQ(model_, "-net");
}

TEST_F(ParseWords, FindsACommandByItsName) {
  EXPECT_EQ(app::require_command(app_, "eval").get_name(), "eval");
  EXPECT_THROW(app::require_command(app_, "evla"), UserError);
}

}  // namespace
}  // namespace convoy::test
