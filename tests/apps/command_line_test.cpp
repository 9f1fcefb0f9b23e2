// SPDX-License-Identifier: Apache-2.0
// A mistake on the command line gets exit code 2, one message that names it, and nothing on stdout.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "parallel/communicator.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

struct Mistake {
  Arguments line;
  std::string named;  // in the message
  int code = 2;
};

// A build without MPI refuses every command line that starts ranks, for that reason alone.
bool starts_ranks(const Arguments& line) {
  const auto found = std::find(line.begin(), line.end(), "--ranks");
  return found != line.end() && found + 1 != line.end() && *(found + 1) == "2";
}

class CommandLine : public ::testing::Test {
 protected:
  ScratchFolder folder_;
};

TEST_F(CommandLine, MistakesAreNamed) {
  const Mistake mistakes[] = {
      {{}, "train, eval, predict, info, new, fetch, bench, study, report"},
      {{"trian"}, "did you mean train?"},
      {{"evla", "x"}, "did you mean eval?"},
      {{"--verison"}, "did you mean --version?"},
      {{"zzzzzz"}, "convoy --help"},
      {{"--json", "train"}, "convoy train --json"},
      {{"train", "--epoch", "3"}, "did you mean --epochs?"},
      {{"train", "--bacth=3"}, "did you mean --batch?"},
      {{"train", "--ranks", "0"}, "--ranks"},
      {{"train", "--ranks", "2", "--hosts", "localhost:0"},
       "--hosts: localhost:0 is not HOST:N,HOST:N with N from 1 up"},
      {{"train", "--ranks", "2", "--hosts", "localhost:x"}, "--hosts: localhost:x is not HOST:N"},
      {{"train", "--ranks", "2", "--hosts", "a:2x,b:2"}, "--hosts: a:2x,b:2 is not HOST:N"},
      {{"train", "--ranks", "2", "--hosts", "a:1,,b:1"}, "--hosts: a:1,,b:1 is not HOST:N"},
      {{"train", "--ranks", "2", "--hosts", "a:,b:1"}, "--hosts: a:,b:1 is not HOST:N"},
      {{"train", "--ranks", "2", "--hosts", ":2"}, "--hosts: :2 is not HOST:N"},
      {{"train", "--ranks", "2", "--hosts", "a:9999999999"}, "--hosts: a:9999999999 is not HOST:N"},
      {{"train", "--hosts", "a:2"}, "--hosts requires --ranks"},
      {{"train", "--ranks", "3", "--hosts", "localhost:2"},
       "raise the numbers in --hosts, or give --ranks 2"},
      {{"train", "--ranks", "4", "--hosts", "a,b:2"},
       "--ranks 4 is more than --hosts a,b:2 has slots for"},
      {{"train", "--ranks-by", "rows"}, "data, tensor"},
      {{"train", "--reduction", "sum"}, "tree, root, fast"},
      {{"train", "--exchange", "pipes"}, "auto, window, messages"},
      {{"train", "--stall-timeout", "nan"}, "--stall-timeout"},
      {{"train", "--batch", "8", "--per-rank-batch", "8"}, "contradict"},
      {{"train", "--reduction", "fast", "--exchange", "window"}, "contradict"},
      {{"train", "--ranks-by", "tensor", "--reduction", "root"}, "contradict"},
      {{"train", "--batch", "4", "--batch=8"}, "--batch is given twice"},
      {{"train", "a", "b"}, "unexpected argument b"},
      {{"train", "--epochs", "0"}, "--epochs"},
      {{"train", "--epochs", "2x"}, "2x"},
      {{"train", "--epochs", "99999999999999999999"}, "--epochs"},
      {{"train", "--epochs", "999999999999"},
       "--epochs: 999999999999 is not a whole number from 1 to"},
      {{"train", "--grain", "500"}, "--grain: 500 is not a whole number from 1 to 128"},
      {{"train", "--epochs", "1", "--epochs", "2"}, "--epochs is given twice"},
      {{"train", "--epochs"}, "--epochs has no value: write --epochs N"},
      {{"train", "lenet5", "--epochs", "--out", "x"}, "--epochs has no value (--out follows it)"},
      {{"train", "--resume", ""}, "--resume has an empty value"},
      {{"train", "--resume=", "--epochs", "1"}, "--resume has an empty value"},
      {{"train", ""}, "argument 2 is empty"},
      {{"train", "--quiet=2"}, "--quiet takes no value"},
      {{"train", "--batch", "-1"}, "--batch"},
      {{"train", "--seed", "-1"}, "--seed"},
      {{"train", "--threads", "0"}, "--threads"},
      {{"train", "--threads-by", "rows"}, "data, tensor"},
      {{"train", "--validation", "1"}, "--validation"},
      {{"train", "--validation", "nan"}, "--validation"},
      {{"train", "--limit", "0"}, "--limit"},
      {{"train", "--order", "random"}, "--order: random is not shuffled, sequential or shards:N"},
      {{"train", "--order", "shuffled", "--no-shuffle"}, "--no-shuffle"},
      {{"train", "--epochs", "2", "--set", "train.epochs=3"}, "--set train.epochs=3"},
      {{"train", "--set", "train.momentun=0.9"}, "did you mean 'optimizer.momentum'?"},
      {{"train", "--checkpoint-every", "5"}, "--checkpoint-every: 5 is not a positive number and"},
      {{"train", "--resume-if-present"}, "--resume-if-present without --out"},
      {{"train", "--resume", "a", "--resume-if-present"}, "cannot be combined with --resume"},
      {{"train", "--isa", "mmx"}, "--isa: mmx is not one of auto, reference"},
      {{"train", "--device", "tpu"}, "cpu, cuda"},
      {{"train", "--launch", "loop"}, "auto, stages, graph, persistent"},
      {{"train", "--launch", "graph"}, "--launch with --device cpu"},
      {{"train", "--steps-per-launch", "-1"}, "--steps-per-launch"},
      {{"train", "--steps-per-launch", "4"}, "--steps-per-launch with --device cpu"},
      {{"train", "--device", "cuda", "--threads", "2"}, "--threads with --device cuda"},
      {{"train", "--device", "cuda", "--threads-by", "tensor"}, "--threads-by tensor with"},
      {{"train", "--device", "cuda", "--isa", "reference"}, "--isa with --device cuda"},
      {{"train", "--device", "cuda", "--no-fusion"}, "--no-fusion with --device cuda"},
      {{"train", "--device", "cuda", "--ranks-by", "tensor"}, "--ranks-by tensor with"},
      {{"train", "--device", "cuda", "--ranks-by", "tensor", "--ranks", "2"}, "--ranks-by tensor"},
      {{"train", "--device", "cuda", "--launch", "stages", "--steps-per-launch", "2"},
       "--steps-per-launch with --launch stages"},
      {{"train", "--device", "cuda", "--launch", "graph", "--profile"}, "graph with --profile"},
      {{"train", "--device", "cuda", "--launch", "persistent", "--ranks", "2"}, "with --ranks 2"},
      {{"train", "--device", "cuda", "--steps-per-launch", "2", "--trace", "t"}, "with --trace"},
      {{"train", "lenet6"}, "did you mean 'lenet5'?", 66},
      {{"train", "--data", "fashon-mnist"}, "fashion-mnist", 66},
      {{"train", "--resume", "nowhere"}, "nowhere", 66},
      {{"eval"}, "RUN|CHECKPOINT"},
      {{"eval", "nowhere"}, "there is no run folder or checkpoint nowhere: check the path", 66},
      {{"fetch"}, "NAME"},
      {{"study", "--layouts", "1x1,2"}, "--layouts: 2 is not RANKSxTHREADS"},
      {{"study", "--target-accuracy", "0"}, "0 is not a number above 0 and at most 1"},
      {{"predict", "x"}, "IMAGE"},
      {{"predict", "nowhere", "x"}, "nowhere", 66},
      {{"info", "--batch", "3"}, "MODEL"},
      {{"info", "nowhere.toml"}, "nowhere.toml", 66},
      {{"bnech"}, "did you mean bench?"},
      {{"bench", "--secnds", "1"}, "did you mean --seconds?"},
      {{"bench", "--seconds", "0"}, "--seconds"},
      {{"bench", "--seconds", "nan"}, "--seconds"},
      {{"bench", "--batch", "0"}, "--batch"},
      {{"bench", "--isa", "mmx"}, "reference"},
      {{"bench", "--svg"}, "--svg"},
      {{"bench", "a", "b"}, "unexpected argument b"},
      {{"bench", "--set", "train.momentun=0.9"}, "did you mean 'optimizer.momentum'?"},
      {{"bench", "--launch", "graph"}, "--launch with --device cpu"},
      {{"bench", "--device", "cuda", "--threads", "1"}, "--threads with --device cuda"},
      {{"bench", "lenet6"}, "did you mean 'lenet5'?", 66},
      {{"bench", "--data", "fashon-mnist"}, "fashion-mnist", 66},
  };
  for (const Mistake& mistake : mistakes) {
    if (starts_ranks(mistake.line) && mpi_launcher().empty()) continue;
    std::string line;
    for (const std::string& word : mistake.line) line += " " + word;
    SCOPED_TRACE("convoy" + line);
    const Ended ended = run(mistake.line, folder_);
    EXPECT_EQ(ended.code, mistake.code);
    EXPECT_TRUE(is_message(ended, mistake.named));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path)) << "a refused command leaves nothing behind";
}

// The mistake is found before the program looks for data, and before it starts ranks.
TEST_F(CommandLine, ADeviceThatIsNotHereIsNamedAtOnce) {
  const nlohmann::json info = document(run({"info", "--json"}, folder_));
  if (!info["gpus"].empty()) GTEST_SKIP() << "it is here";
  EXPECT_EQ(info["devices"], nlohmann::json({"cpu"}));
  ASSERT_EQ(run({"train", "--data", "synthetic", "--limit", "4", "--out", "a"}, folder_).code, 0);
  const std::string why = info["cuda"].is_null() ? "built without CUDA" : "has no GPU";
  const Arguments lines[] = {
      {"train", "--data", "nowhere"}, {"train", "--data", "nowhere", "--ranks", "2"},
      {"train", "--resume", "a"},     {"train", "--data", "nowhere", "--launch", "persistent"},
      {"bench", "--data", "nowhere"}, {"eval", "a", "--data", "nowhere"}};
  for (Arguments line : lines) {
    if (starts_ranks(line) && mpi_launcher().empty()) continue;
    line.insert(line.end(), {"--device", "cuda"});
    const Ended ended = run(line, folder_);
    EXPECT_EQ(ended.code, 69) << line.front() << " " << line[1];
    EXPECT_TRUE(is_message(ended, why));
    EXPECT_TRUE(is_message(ended, "--device cuda is not available"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs"));
}

TEST_F(CommandLine, WhatBelongsToTheRunDoesNotGoWithResume) {
  ASSERT_EQ(
      run({"train", "--data", "synthetic", "--limit", "32", "--epochs", "1", "--out", "a"}, folder_)
          .code,
      0);
  const Arguments options[] = {
      {"tiny-relu"},     {"--batch", "4"},        {"--grain", "2"},
      {"--seed", "2"},   {"--no-shuffle"},        {"--order", "sequential"},
      {"--limit", "10"}, {"--validation", "0.1"}, {"--set", "optimizer.momentum=0"},
      {"--out", "b"}};
  for (const Arguments& option : options) {
    Arguments line{"train", "--resume", "a"};
    line.insert(line.end(), option.begin(), option.end());
    const Ended ended = run(line, folder_);
    EXPECT_EQ(ended.code, 2);
    const std::string name = option[0].starts_with("-") ? option[0] : "MODEL";
    EXPECT_TRUE(is_message(ended, name + " cannot be combined with --resume"));
  }
}

TEST_F(CommandLine, HelpAndVersionGoToStdout) {
  const Arguments lines[] = {{"--help"},          {"--version"},         {"train", "--help"},
                             {"eval", "--help"},  {"predict", "--help"}, {"info", "--help"},
                             {"new", "--help"},   {"fetch", "--help"},   {"bench", "--help"},
                             {"train", "x", "-h"}};
  for (const Arguments& line : lines) {
    const Ended ended = run(line, folder_);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.err, "");
    EXPECT_NE(ended.out.find("onvoy"), std::string::npos);
  }
  const std::string help = run({"train", "--help"}, folder_).out;
  for (const char* option : {"--data",
                             "--validation",
                             "--epochs",
                             "--batch",
                             "--grain",
                             "--seed",
                             "--no-shuffle",
                             "--order",
                             "--limit",
                             "--set",
                             "--threads",
                             "--threads-by",
                             "--oversubscribe",
                             "--device",
                             "--launch",
                             "--steps-per-launch",
                             "--isa",
                             "--out",
                             "--resume",
                             "--resume-if-present",
                             "--checkpoint-every",
                             "--json",
                             "--quiet"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
}

TEST_F(CommandLine, TheWordHelpPrintsTheHelp) {
  EXPECT_EQ(run({"help"}, folder_).out, run({"--help"}, folder_).out);
  const Ended train = run({"help", "train"}, folder_);
  EXPECT_EQ(train.code, 0);
  EXPECT_EQ(train.out, run({"train", "--help"}, folder_).out);
}

// What a command has no option for is not in its help.
TEST_F(CommandLine, HelpNamesNothingThatTheCommandLacks) {
  for (const char* command : {"bench", "eval"}) {
    const std::string help = run({command, "--help"}, folder_).out;
    for (const char* absent : {"--profile", "--trace", "--reduction", "ranks"}) {
      EXPECT_EQ(help.find(absent), std::string::npos) << command << " " << absent;
    }
  }
  EXPECT_NE(
      run({"train", "--help"}, folder_).out.find("never the weights, except with --reduction"),
      std::string::npos);
}

TEST_F(CommandLine, OutputThatCannotBeWritten) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  for (const Arguments& line :
       {Arguments{"info"}, Arguments{"info", "--json"}, Arguments{"--help"}}) {
    const Ended ended = run(line, folder_, {}, "/dev/full");
    EXPECT_EQ(ended.code, 74);
    EXPECT_TRUE(is_message(ended, "stdout"));
  }
}

TEST_F(CommandLine, OutputThatIsClosed) {
  const Ended ended = run_script("exec \"$CONVOY\" info >&-", folder_);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(is_message(ended, "stdout"));
}

TEST_F(CommandLine, AClosedPipeIsNoError) {
  const Ended ended =
      run_script("{ sleep 0.3; \"$CONVOY\" info; echo $? >code; } | true; cat code", folder_);
  EXPECT_EQ(ended.out, "141\n") << "as a shell says of SIGPIPE";
  EXPECT_EQ(ended.err, "");
}

TEST_F(CommandLine, InfoCountsAsTheDesignDoes) {
  struct Known {
    const char* model;
    int parameters, flops;
  };
  for (const Known& known :
       {Known{"tiny-relu", 13610, 275808}, Known{"tiny-sigmoid", 2343, 379296},
        Known{"lenet5", 61706, 2263920}, Known{"mnist-fast", 54458, 2154240}}) {
    const nlohmann::json json =
        document(run({"info", known.model, "--batch", "33", "--json"}, folder_));
    EXPECT_EQ(json["schema"], "convoy.info/2");
    EXPECT_EQ(json["model"]["parameters"], known.parameters);
    EXPECT_EQ(json["model"]["flops_per_sample"], known.flops);
    EXPECT_EQ(json["model"]["arithmetic"], "fp32");
    const int grain = json["model"]["grain"];
    EXPECT_EQ(json["model"]["useful_workers"], (33 + grain - 1) / grain);
    int parameters = 0, flops = 0;
    for (const auto& layer : json["model"]["layers"]) {
      parameters += int{layer["parameters"]};
      flops += int{layer["forward_flops"]} + int{layer["input_gradient_flops"]} +
               int{layer["weight_gradient_flops"]};
    }
    EXPECT_EQ(parameters, known.parameters);
    EXPECT_EQ(flops, known.flops);
    EXPECT_EQ(run({"info", known.model}, folder_).code, 0);
  }
}

TEST_F(CommandLine, InfoFindsTheUsersModelsAndData) {
  write_file(folder_ / "broken.toml", "name = \"broken\"\n[[layer]]\ntype = \"conv3d\"\n");
  const Ended broken = run({"info", "./broken.toml"}, folder_);
  EXPECT_EQ(broken.code, 65);
  EXPECT_TRUE(is_message(broken, "broken.toml"));
  const nlohmann::json json =
      document(run({"info", "--json"}, folder_, {"CONVOY_DATA=" + folder_.path.string()}));
  for (const auto& entry : json["data"]) {
    if (entry["name"] == "synthetic") continue;
    std::string folder = entry["name"];  // of a set, or of a family of sets
    if (folder.starts_with("emnist-")) folder = "emnist";
    if (folder == "cifar100-coarse") folder = "cifar100";
    EXPECT_EQ(entry["searched"][0], folder_ / folder);
  }
}

}  // namespace
}  // namespace convoy::test
