// SPDX-License-Identifier: Apache-2.0
// Runs that users start twice at once, again with other settings, with validation samples, or from
// another run's weights.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/apps/program.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class FieldTrain : public ::testing::Test {
 protected:
  static Arguments words(const Arguments& more) {
    Arguments all{"train", "--data", "synthetic", "--limit", "257", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Ended train(const Arguments& more, int code = 0) {
    Ended ended = run(words(more), folder_);
    EXPECT_EQ(ended.code, code) << ended.err;
    return ended;
  }
  json trained(Arguments more) {
    more.emplace_back("--json");
    return document(train(more));
  }
  Ended command(const Arguments& arguments, int code = 0) {
    Ended ended = run(arguments, folder_);
    EXPECT_EQ(ended.code, code) << ended.err;
    return ended;
  }
  json status(const std::string& name) const {
    return json::parse(read_file(folder_.path / name / "status.json"));
  }
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder_.path / folder)) {
      all.push_back(entry.path().filename().string());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  ScratchFolder folder_;
};

bool says(const Ended& ended, const std::string& part) {
  return ended.err.find(part) != std::string::npos;
}

TEST_F(FieldTrain, ALostConfigurationIsReportedByAllThatReadTheRun) {
  train({"--epochs", "1", "--out", "run", "--quiet"});
  fs::remove(folder_.path / "run" / "config.toml");
  const std::string wanted = "run/config.toml is missing; the settings come from";
  for (const Arguments& line : {Arguments{"eval", "run"},
                                {"eval", "run", "--data", "synthetic"},
                                {"report", "run", "--out", "page.html"}}) {
    const Ended ended = command(line);
    EXPECT_TRUE(says(ended, wanted)) << ended.err;
    EXPECT_EQ(ended.err.find(wanted), ended.err.rfind(wanted)) << "once\n" << ended.err;
  }
  const Ended predicted = run({"predict", "run", "absent.png"}, folder_);
  EXPECT_TRUE(says(predicted, wanted)) << predicted.err;
  const Ended resumed = command({"train", "--resume", "run", "--epochs", "2"});
  EXPECT_TRUE(says(resumed, wanted)) << resumed.err;
  EXPECT_EQ(resumed.err.find(wanted), resumed.err.rfind(wanted)) << resumed.err;
  EXPECT_TRUE(fs::exists(folder_.path / "run" / "config.toml"));
}

TEST_F(FieldTrain, RunsOfTheSameSecondHaveFoldersOfTheirOwn) {
  std::vector<std::unique_ptr<Child>> children;
  constexpr int kRuns = 6;
  for (int i = 0; i < kRuns; ++i) {
    children.push_back(std::make_unique<Child>(
        convoy(words({"--epochs", "1", "--seed", std::to_string(i), "--json"})), folder_.path));
  }
  std::set<std::string> checkpoints;
  for (const auto& child : children) {
    const Ended ended = child->wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    checkpoints.insert(document(ended)["checkpoint"]);
  }
  EXPECT_EQ(checkpoints.size(), std::size_t{kRuns});
  const std::vector<std::string> runs = names("runs");
  EXPECT_EQ(runs.size(), std::size_t{kRuns});
  // Later runs of the same second are numbered from 2.
  for (const std::string& name : runs) {
    constexpr std::size_t kStem = std::string_view("tiny-relu-20260101-000000").size();
    EXPECT_TRUE(name.size() == kStem || name[kStem] == '-') << name;
  }
}

TEST_F(FieldTrain, AnEmptyFolderIsAsGoodAsNone) {
  fs::create_directory(folder_.path / "a");
  fs::create_directory(folder_.path / "b");
  train({"--epochs", "1", "--out", "a"});
  train({"--epochs", "1", "--out", "b", "--resume-if-present"});
  EXPECT_EQ(status("a")["weights_sha256"], status("b")["weights_sha256"]);
  write_file(folder_.path / "file", "");
  fs::create_directory(folder_.path / "c");
  write_file(folder_.path / "c/notes", "");
  for (const char* name : {"a", "c", "file"}) train({"--epochs", "1", "--out", name}, 2);
}

TEST_F(FieldTrain, AFinishedRunHasNothingToDo) {
  train({"--epochs", "2", "--out", "a"});
  EXPECT_TRUE(says(command({"train", "--resume", "a"}), "nothing to do: 2 epochs are done"));
  EXPECT_TRUE(says(train({"--epochs", "2", "--out", "a", "--resume-if-present"}), "nothing to do"));
  const Ended fewer = train({"--epochs", "1", "--out", "a", "--resume-if-present"});
  EXPECT_TRUE(says(fewer, "nothing to do"));
  EXPECT_TRUE(says(fewer, "2 epochs")) << fewer.err;
  EXPECT_FALSE(says(command({"train", "--resume", "a", "--epochs", "3"}), "nothing to do"));
}

TEST_F(FieldTrain, WhatIsNoRunIsNotToBeContinued) {
  fs::create_directory(folder_.path / "other");
  std::ofstream(folder_.path / "other" / "file") << "text";
  const Ended ended = train({"--out", "other"}, 2);
  EXPECT_TRUE(is_message(ended, "choose another folder"));
  EXPECT_FALSE(says(ended, "--resume"));
  const Ended below = train({"--out", "other/file/run"}, 74);
  EXPECT_TRUE(is_message(below, "Not a directory"));
}

TEST_F(FieldTrain, AChangedSettingIsNamed) {
  train({"--epochs", "1", "--out", "a"});
  const std::vector<std::pair<Arguments, std::string>> cases{
      {{"--seed", "9"}, "train.seed is 11, not 9"},
      {{"--set", "optimizer.momentum=0.5"}, "optimizer.momentum is 0"},
      {{"--set", "layer.0.filters=3"}, "layer.0.filters is"},
      {{"--validation", "0.5"}, "--validation"},
      {{"--limit", "100"}, "--limit"}};
  for (const auto& [more, wanted] : cases) {
    Arguments all{"--epochs", "1", "--out", "a", "--resume-if-present"};
    all.insert(all.end(), more.begin(), more.end());
    const Ended ended = train(all, 2);
    EXPECT_TRUE(is_message(ended, wanted));
  }
}

TEST_F(FieldTrain, OneOfSeveralAtOnceRunsAndTheOthersSayInUse) {
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(std::make_unique<Child>(
        convoy(words({"lenet5", "--epochs", "4", "--out", "a", "--resume-if-present"})),
        folder_.path));
  }
  int done = 0;
  for (const auto& child : children) {
    const Ended ended = child->wait();
    done += ended.code == 0;
    if (ended.code != 0) {
      EXPECT_EQ(ended.code, 2);
      // (A process that was delayed may find that the first one has finished.)
      EXPECT_TRUE(is_message(ended, says(ended, "exists already") ? "--resume" : "in use"));
    }
  }
  EXPECT_GE(done, 1);
  EXPECT_EQ(status("a")["status"], "done");
  EXPECT_EQ(names("."), std::vector<std::string>{"a"});
}

TEST_F(FieldTrain, ALostConfigurationIsFoundInTheCheckpoints) {
  const json whole = trained({"--epochs", "3", "--validation", "0.1", "--out", "whole"});
  trained({"--epochs", "2", "--validation", "0.1", "--out", "a"});
  const std::string before = read_file(folder_.path / "a/config.toml");
  fs::remove(folder_.path / "a/config.toml");
  EXPECT_EQ(command({"eval", "a"}).code, 0);
  const Ended again = command({"train", "--resume", "a"});
  EXPECT_TRUE(says(again, "config.toml")) << again.err;
  EXPECT_EQ(read_file(folder_.path / "a/config.toml"), before);
  fs::remove(folder_.path / "a/config.toml");
  const json more = document(command({"train", "--resume", "a", "--epochs", "3", "--json"}));
  EXPECT_EQ(more["state_sha256"], whole["state_sha256"]);
}

TEST_F(FieldTrain, AFileBeyondTheShellsLimitIsAnErrorOfWriting) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  train({"--epochs", "1", "--out", "a"});
  const Ended ended = run_script(
      "ulimit -f 16; exec \"$CONVOY\" train --resume a --epochs 3 --threads 1 --quiet", folder_);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(is_message(ended, "File too large"));
  EXPECT_TRUE(says(ended, "step-0000000009.safetensors")) << ended.err;
  EXPECT_TRUE(says(ended, "--resume a"));
  EXPECT_EQ(status("a")["status"], "failed");
  EXPECT_EQ(command({"train", "--resume", "a"}).code, 0);
  EXPECT_EQ(status("a")["status"], "done");
  const Ended start = run_script(
      "ulimit -f 16; exec \"$CONVOY\" train --data synthetic --limit 64 --out b", folder_);
  EXPECT_EQ(start.code, 74);
  EXPECT_EQ(names("."), std::vector<std::string>{"a"});
}

TEST_F(FieldTrain, OutputIsNotWrittenThroughALink) {
  write_file(folder_.path / "victim", "untouched");
  fs::create_symlink("victim", folder_.path / "trace.json");
  train({"--epochs", "1", "--out", "a", "--trace", "trace.json"});
  EXPECT_EQ(read_file(folder_.path / "victim"), "untouched");
  EXPECT_TRUE(json::accept(read_file(folder_.path / "trace.json")));
  EXPECT_EQ(names("."), (std::vector<std::string>{"a", "trace.json", "victim"}));
}

TEST_F(FieldTrain, AFractionThatHoldsNothingOutIsRefused) {
  const Ended ended =
      run({"train", "--data", "synthetic", "--limit", "6", "--validation", "0.08", "--out", "a"},
          folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(is_message(ended, "holds out none of 6"));
  EXPECT_FALSE(fs::exists(folder_.path / "a"));
}

class FieldValidation : public FieldTrain {
 protected:
  // The best epoch of this run is not its last.
  json run_with_best() {
    const json result = trained({"--epochs", "6", "--validation", "0.2", "--out", "a", "--set",
                                 "optimizer.learning_rate=1", "--seed", "1"});
    EXPECT_LT(result["best"]["epoch"], 6) << "this run shows nothing";
    return result;
  }
};

TEST_F(FieldValidation, TheEndNamesTheBestEpochAndItsFile) {
  const Ended ended = train({"--epochs", "3", "--validation", "0.2", "--out", "a"});
  EXPECT_TRUE(says(ended, "best by validation: epoch ")) << ended.err;
  EXPECT_TRUE(says(ended, "a/checkpoints/best.safetensors"));
  EXPECT_EQ(trained({"--epochs", "1", "--out", "b"})["best"], nullptr);
}

TEST_F(FieldValidation, TheBestCheckpointIsTakenUnlessTheLastIsAskedFor) {
  const json result = run_with_best();
  double accuracy = -1;
  for (const json& epoch : result["epochs"])
    accuracy = std::max(accuracy, double(epoch["validation_accuracy"]));
  EXPECT_EQ(result["best"]["validation_accuracy"], accuracy);
  const json best = json::parse(command({"eval", "a", "--json"}).out);
  EXPECT_EQ(best["choice"], "best");
  EXPECT_EQ(best["file"], result["best"]["checkpoint"]);
  EXPECT_EQ(best["epoch"], int(result["best"]["epoch"]) + 1);
  const json last = json::parse(command({"eval", "a", "--checkpoint", "last", "--json"}).out);
  EXPECT_EQ(last["choice"], "last");
  EXPECT_EQ(last["weights_sha256"], result["weights_sha256"]);
  EXPECT_NE(best["weights_sha256"], last["weights_sha256"]);
  EXPECT_TRUE(says(command({"eval", "a"}), "best checkpoint, of epoch"));
  EXPECT_NE(command({"eval", "a"}).out.find("best checkpoint"), std::string::npos);
}

TEST_F(FieldValidation, WithoutABestOneTheLastIsTaken) {
  train({"--epochs", "1", "--out", "a"});
  EXPECT_EQ(json::parse(command({"eval", "a", "--json"}).out)["choice"], "last");
  EXPECT_TRUE(is_message(command({"eval", "a", "--checkpoint", "best"}, 66), "no best checkpoint"));
  const std::string file = "a/checkpoints/step-0000000009.safetensors";
  EXPECT_EQ(json::parse(command({"eval", file, "--json"}).out)["choice"], nullptr);
  EXPECT_TRUE(is_message(command({"eval", file, "--checkpoint", "last"}, 2), "--checkpoint last"));
}

TEST_F(FieldValidation, ADamagedBestOneIsPassedOverAndSaid) {
  train({"--epochs", "2", "--validation", "0.2", "--out", "a"});
  write_file(folder_.path / "a/checkpoints/best.safetensors", "damaged");
  const Ended ended = command({"eval", "a", "--json"});
  EXPECT_EQ(json::parse(ended.out)["choice"], "last");
  EXPECT_TRUE(says(ended, "best.safetensors")) << ended.err;
  EXPECT_EQ(command({"eval", "a", "--checkpoint", "best"}, 65).code, 65);
}

TEST_F(FieldTrain, MetricsHaveTheTrainingAccuracyAndTheLearningRate) {
  const Ended ended = train({"--epochs", "3", "--out", "a", "--set", "optimizer.learning_rate=0.25",
                             "--set", "train.schedule=step", "--set", "train.step_factor=0.5"});
  EXPECT_TRUE(says(ended, "  train ")) << ended.err;
  std::istringstream lines(read_file(folder_.path / "a/metrics.jsonl"));
  double wanted = 0.25;
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count, wanted /= 2) {
    const json metrics = json::parse(line);
    EXPECT_EQ(metrics["learning_rate"], wanted);
    EXPECT_GT(metrics["train_accuracy"], 0);
    EXPECT_LE(metrics["train_accuracy"], 1);
  }
  EXPECT_EQ(count, 3);
}

// The number of images that an epoch without a stop classifies correctly: with a learning rate of 0
// it equals the number that the weights classify correctly.
TEST_F(FieldTrain, TrainingAccuracyIsThatOfTheTrainingImages) {
  const json result = trained(
      {"--epochs", "1", "--validation", "0.5", "--set", "optimizer.learning_rate=0", "--out", "a"});
  const json& epoch = result["epochs"][0];
  const double right = double(epoch["train_accuracy"]) * double(result["samples"]);
  EXPECT_NEAR(right, std::round(right), 1e-9);
}

TEST_F(FieldTrain, CheckpointsComeByTheClockToo) {
  for (const char* every : {"epoch", "1s", "30s", "10min", "1h"}) {
    train({"--epochs", "1", "--checkpoint-every", every, "--out", every});
  }
  train({"--checkpoint-every", "1d", "--out", "a"}, 2);
}

class FieldInitFrom : public FieldTrain {};

TEST_F(FieldInitFrom, BeginsWithTheWeightsOfAnother) {
  const json source = trained({"--epochs", "1", "--out", "source"});
  // No step changes anything, so the weights stay the same.
  const json still = trained({"--init-from", "source", "--epochs", "1", "--set",
                              "optimizer.learning_rate=0", "--out", "still"});
  EXPECT_EQ(still["weights_sha256"], source["weights_sha256"]);
  EXPECT_EQ(still["initial_weights_sha256"], source["weights_sha256"]);
  EXPECT_EQ(source["initial_weights_sha256"], nullptr);
}

// The copy of the weights is the one that the source evaluates.
TEST_F(FieldInitFrom, BeginsWithTheAverageUnlessTheSourceNamesItsWeights) {
  const auto with_average = [&](const std::string& evaluate, const std::string& out) {
    return trained({"--epochs", "1", "--set", "average.type=ema", "--set", "average.decay=0.9",
                    "--set", "average.evaluate=" + evaluate, "--out", out});
  };
  const json source = with_average("average", "source");
  const json other = with_average("trained", "other");
  EXPECT_NE(source["average_sha256"], source["weights_sha256"]);
  EXPECT_EQ(source["weights_sha256"], other["weights_sha256"]);
  const auto still = [&](const std::string& from, const std::string& out) {
    return trained(
        {"--init-from", from, "--epochs", "1", "--set", "optimizer.learning_rate=0", "--out", out});
  };
  const json of_average = still("source", "a"), of_weights = still("other", "b");
  EXPECT_EQ(of_average["weights_sha256"], source["average_sha256"]);
  EXPECT_EQ(of_average["initial_weights_sha256"], source["average_sha256"]);
  EXPECT_EQ(of_weights["weights_sha256"], other["weights_sha256"]);
  EXPECT_EQ(of_weights["initial_weights_sha256"], other["weights_sha256"]);
  const auto again = [&](const std::string& from, int code) {
    return train({"--init-from", from, "--epochs", "1", "--set", "optimizer.learning_rate=0",
                  "--out", "a", "--resume-if-present"},
                 code);
  };
  again("source", 0);
  EXPECT_TRUE(is_message(again("other", 2), "--init-from"));
}

TEST_F(FieldInitFrom, GivesTheSameBitsOnEveryLayoutAndAfterAStop) {
  const json source = trained({"--epochs", "1", "--out", "source"});
  const std::string file = source["checkpoint"];
  const Arguments begin{"--init-from", file, "--seed", "5", "--set", "optimizer.momentum=0.5"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), begin.begin(), begin.end());
    return more;
  };
  const json whole = trained(with({"--epochs", "3", "--out", "whole"}));
  const json fresh = trained(
      {"--epochs", "3", "--seed", "5", "--set", "optimizer.momentum=0.5", "--out", "fresh"});
  EXPECT_NE(whole["weights_sha256"], fresh["weights_sha256"]);
  trained(with({"--epochs", "2", "--out", "a"}));
  fs::remove(folder_.path / "a/config.toml");
  fs::rename(folder_.path / "source", folder_.path / "gone");  // it is not needed any more
  const json more = document(command({"train", "--resume", "a", "--epochs", "3", "--json"}));
  EXPECT_EQ(more["state_sha256"], whole["state_sha256"]);
  EXPECT_EQ(more["initial_weights_sha256"], source["weights_sha256"]);
  EXPECT_NE(read_file(folder_.path / "a/config.toml").find(std::string(source["weights_sha256"])),
            std::string::npos);
}

TEST_F(FieldInitFrom, AnotherShapeIsRefusedAndTheTensorNamed) {
  train({"--epochs", "1", "--out", "source"});
  const Ended wider =
      train({"--init-from", "source", "--set", "layer.0.filters=3", "--out", "a"}, 65);
  EXPECT_TRUE(is_message(wider, "conv1.weight"));
  EXPECT_TRUE(is_message(train({"lenet5", "--init-from", "source", "--out", "a"}, 65), "tensor"));
  train({"--init-from", "nowhere", "--out", "a"}, 66);
  EXPECT_TRUE(is_message(command({"train", "--resume", "source", "--init-from", "source"}, 2),
                         "--init-from"));
  EXPECT_FALSE(fs::exists(folder_.path / "a"));
}

TEST_F(FieldInitFrom, IsPartOfTheIdentity) {
  train({"--epochs", "1", "--out", "source"});
  train({"--epochs", "1", "--seed", "2", "--out", "other"});
  const Arguments again{"--init-from", "source", "--epochs",           "1",
                        "--out",       "a",      "--resume-if-present"};
  train(again);
  train(again);
  EXPECT_TRUE(is_message(
      train({"--init-from", "other", "--epochs", "1", "--out", "a", "--resume-if-present"}, 2),
      "--init-from"));
  EXPECT_TRUE(
      is_message(train({"--epochs", "1", "--out", "a", "--resume-if-present"}, 2), "--init-from"));
}

}  // namespace
}  // namespace convoy::test
