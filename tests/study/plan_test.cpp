// SPDX-License-Identifier: Apache-2.0
#include "study/plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "study/record.hpp"
#include "tests/study/made_study.hpp"

namespace convoy::study {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr const char* kFile = R"(name = "both"
model = "lenet5"
data = "mnist"
repeats = 3
target_accuracy = 0.9
launcher = "srun  -n {ranks} -c {threads}"

[[experiment]]
name = "strong"
layouts = ["2x1", "1x2"]
ranks_by = "tensor"
limit = 1000
set = ["optimizer.momentum=0.9"]
per_layer = true

[[experiment]]
name = "weak"
scaling = "weak"
layouts = ["1x1", "4x2"]
batch = 8
order = "shards"
)";

std::string message_of(std::string_view text) {
  try {
    parse_plan(text, "s.toml");
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::bad_data);
    return error.what();
  }
  return "";
}

TEST(StudyFile, SaysWhatIsToBeDone) {
  const StudyPlan plan = parse_plan(kFile, "s.toml");
  EXPECT_EQ(plan.name, "both");
  EXPECT_EQ(plan.repeats, 3);
  EXPECT_DOUBLE_EQ(*plan.target_accuracy, 0.9);
  ASSERT_EQ(plan.experiments.size(), 2u);
  EXPECT_THAT(plan.experiments[0].layouts, ElementsAre(Grid{1, 1}, Grid{2, 1}, Grid{1, 2}))
      << "the serial layout is added";
  EXPECT_THAT(train_words(plan, {0, 1}),
              ElementsAre("train", "lenet5", "--data", "mnist", "--limit", "1000", "--set",
                          "optimizer.momentum=0.9", "--ranks-by", "tensor", "--threads", "1",
                          "--no-fusion", "--oversubscribe", "--profile", "--json", "--quiet"));
  EXPECT_THAT(train_words(plan, {1, 1}), IsSupersetOf({"--batch", "64", "shards:8"}));
  EXPECT_THAT(launcher_words(plan, {1, 1}), ElementsAre("srun", "-n", "4", "-c", "2"));
}

TEST(StudyFile, SaysHowPicturesAreRead) {
  const std::string file = std::string(R"(test_fraction = 0.25
validation = 0.1
bad_images = "skip"
cache = "none"
)") + kFile;
  const StudyPlan plan = parse_plan(file, "s.toml");
  EXPECT_EQ(plan.test_fraction, 0.25);
  EXPECT_EQ(plan.validation, 0.1);
  const std::vector<std::string> words = train_words(plan, {0, 0});
  EXPECT_EQ(std::vector(words.begin() + 4, words.begin() + 12),
            (std::vector<std::string>{"--test-fraction", "0.25", "--validation", "0.1",
                                      "--bad-images", "skip", "--cache", "none"}));
  EXPECT_THAT(message_of("test_fraction = 1\n"), HasSubstr("s.toml:1"));
  EXPECT_THAT(message_of("bad_images = \"keep\"\n"), HasSubstr("s.toml:1"));
  EXPECT_THAT(message_of("cache = \"-x\"\n[[experiment]]\nname = \"a\"\nlayouts = [\"1x1\"]\n"),
              HasSubstr("the cache '-x' begins with '-'"));
}

TEST(StudyRecord, KeepsHowPicturesAreRead) {
  Study study = test::made_study({{1, 1}}, 2, 1, [](const Grid&, int) { return 1.0; });
  EXPECT_EQ(to_json(study).find("bad_images"), std::string::npos) << "the usual is left out";
  study.plan.test_fraction = 0.25;
  study.plan.validation = 0.1;
  study.plan.bad_images = "skip";
  study.plan.cache = "none";
  EXPECT_EQ(parse_study(to_json(study)).plan, study.plan);
}

TEST(StudyFile, WithoutALauncherConvoyStartsTheRanks) {
  StudyPlan plan = parse_plan(kFile, "s.toml");
  plan.launcher.clear();
  EXPECT_THAT(train_words(plan, {0, 1}), IsSupersetOf({"--ranks", "2"}));
  EXPECT_TRUE(launcher_words(plan, {0, 1}).empty());
}

constexpr const char* kGpuFile = R"(device = "cuda"

[[experiment]]
name = "strong"
layouts = ["1x1", "4x1"]

[[experiment]]
name = "layers"
layouts = ["1x1"]
per_layer = true
)";

// A GPU needs no options of the processor, and the clock only for layers, because timing changes
// how a GPU gets its work.
TEST(StudyFile, GpusAreGivenRanksAndNothingElse) {
  const StudyPlan plan = parse_plan(kGpuFile, "s.toml");
  EXPECT_THAT(train_words(plan, {0, 0}),
              ElementsAre("train", "tiny-relu", "--data", "fashion-mnist", "--device", "cuda",
                          "--json", "--quiet"));
  EXPECT_THAT(train_words(plan, {0, 1}),
              ElementsAre("train", "tiny-relu", "--data", "fashion-mnist", "--ranks", "4",
                          "--ranks-by", "data", "--device", "cuda", "--json", "--quiet"));
  EXPECT_THAT(train_words(plan, {1, 0}),
              ElementsAre("train", "tiny-relu", "--data", "fashion-mnist", "--device", "cuda",
                          "--profile", "--json", "--quiet"));
}

TEST(StudyFile, WhatGpusDoNotDoIsRefused) {
  const std::string head = "device = \"cuda\"\n[[experiment]]\nname = \"a\"\nlayouts = ";
  EXPECT_THAT(message_of(head + "[\"2x2\"]\n"), HasSubstr("layout 2x2"));
  EXPECT_THAT(message_of(head + "[\"2x2\"]\n"), HasSubstr("write 2x1"));
  for (const char* axis : {"ranks_by", "threads_by"}) {
    EXPECT_THAT(message_of(head + "[\"2x1\"]\n" + axis + " = \"tensor\"\n"), HasSubstr("tensor"));
  }
}

TEST(StudyFile, MistakesAreNamedWithTheirLine) {
  EXPECT_THAT(message_of("repeat = 3\n"), HasSubstr("s.toml:1"));
  EXPECT_THAT(message_of("repeat = 3\n"), HasSubstr("did you mean 'repeats'"));
  EXPECT_THAT(message_of(""), HasSubstr("no experiment"));
  const std::string head = "[[experiment]]\nname = \"a\"\n";
  EXPECT_THAT(message_of(head), HasSubstr("layouts"));
  EXPECT_THAT(message_of(head + "layouts = [\"2*1\"]\n"), HasSubstr("s.toml:3"));
  EXPECT_THAT(message_of(head + "layouts = [\"0x1\"]\n"), HasSubstr("RANKSxTHREADS"));
  EXPECT_THAT(message_of(head + "layouts = [\"2x1\", \"2x1\"]\n"), HasSubstr("twice"));
  EXPECT_THAT(message_of(head + "layouts = [\"2x1\"]\nscaling = \"weak\"\n"), HasSubstr("batch"));
  EXPECT_THAT(message_of(head + "layouts = [\"2x1\"]\n" + head + "layouts = [\"1x1\"]\n"),
              HasSubstr("two experiments are called 'a'"));
  EXPECT_THAT(message_of(head + "layouts = [\"2x1\"]\norder = \"shard\"\n"), HasSubstr("s.toml:4"));
  EXPECT_THAT(
      message_of(head + "layouts = [\"2x1\"]\nscaling = \"weak\"\nbatch = 8\nper_layer = true\n"),
      HasSubstr("grow with the workers"));
  EXPECT_THAT(
      message_of(head +
                 "layouts = [\"2x1\"]\n[[experiment]]\nname = \"A \"\nlayouts = [\"1x1\"]\n"),
      HasSubstr("the same name"));
  EXPECT_THAT(message_of("launcher = \"srun\"\n" + head + "layouts = [\"2x1\"]\n"),
              HasSubstr("{ranks}"));
}

TEST(StudyFile, IsToldFromAModel) {
  EXPECT_TRUE(is_plan(kFile, "s.toml"));
  EXPECT_TRUE(is_plan("name = \"a\"", "s.toml"));
  EXPECT_TRUE(is_plan("experiment = [{name = \"a\", layouts = [\"1x1\"]}]", "s.toml"));
  EXPECT_FALSE(is_plan("# [[experiment]]\n[[layer]]\ntype = \"dense\"\n", "m.toml"));
}

TEST(StudyPlan, EveryRoundRunsEverythingOnceInAnOrderOfItsOwn) {
  const StudyPlan plan = parse_plan(kFile, "s.toml");
  const auto key = [](const Configuration& c) { return 10 * c.experiment + c.layout; };
  std::vector<std::vector<std::size_t>> orders;
  for (int round = 1; round <= 4; ++round) {
    std::vector<std::size_t> order, sorted, all;
    for (const Configuration& c : shuffled_round(plan, round)) order.push_back(key(c));
    for (const Configuration& c : configurations(plan)) all.push_back(key(c));
    sorted = order;
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, all);
    orders.push_back(order);
  }
  EXPECT_FALSE(orders[0] == orders[1] && orders[1] == orders[2] && orders[2] == orders[3]);
}

TEST(StudyDocument, ComesBackAsItWas) {
  Study study = test::made_study({{1, 1}, {2, 1}}, 2, 3, [](const Grid& grid, int round) {
    return 1.5 / grid.workers() + round;
  });
  study.plan.target_accuracy = 0.25;
  study.peaks = {{1, 1.5e11}};
  study.machine.mpi = "Open MPI";
  study.runs[1].epochs[0].train_loss = std::numeric_limits<double>::quiet_NaN();
  const std::string text = to_json(study);
  EXPECT_EQ(to_json(parse_study(text)), text);
  EXPECT_EQ(difference(parse_study(text), study), "");
  Study other = study;
  other.machine.facts.system = "a new kernel";
  EXPECT_EQ(difference(other, study), "");
  other.data_sha256 = "other";
  EXPECT_EQ(difference(other, study), "its data");
  other.plan.repeats = 9;
  EXPECT_EQ(difference(other, study), "its plan");
}

TEST(StudyDocument, OfGpusComesBackAsItWas) {
  const Study study = test::made_gpu_study({{1, 1}, {2, 1}}, 1);
  const std::string text = to_json(study);
  EXPECT_EQ(to_json(parse_study(text)), text);
  EXPECT_THAT(text, HasSubstr("\"gpus\""));
  Study other = study;
  other.machine.gpus = {"another GPU"};
  EXPECT_EQ(difference(other, study), "its machine");
}

constexpr const char* kEpoch =
    R"({"train_loss": 1, "test_loss": 1, "test_accuracy": 0.5, "seconds": 1})";

std::string train_document(std::string_view device, std::string_view profile) {
  return fmt::format(
      R"_({{"schema": "convoy.train/2", "status": "done", "train_seconds": 2.0, "samples": 100,
  "batch": 32, "ranks": 1, "threads": 1, "contract": true, "isa": "sm_90 (a GPU)",
  "device": "{}", "launches_per_step": {}, "weights_sha256": "{}", "machine": {{"cpu": "a"}},
  "epochs": [{}, {}], "peak_memory_bytes": 5{}}})_",
      device, device == "cuda" ? "0.25" : "null", std::string(64, 'a'), kEpoch, kEpoch, profile);
}

// A GPU that was not timed has no profile; on a processor the profile is required.
TEST(StudyRecord, AGpuMayHaveNoProfile) {
  const RunRecord run = run_record(train_document("cuda", ""));
  EXPECT_EQ(run.steps, 8) << "the last batch of an epoch is a step, too";
  EXPECT_EQ(run.launches_per_step, 0.25);
  EXPECT_EQ(run.profile_seconds, 0);
  EXPECT_TRUE(run.layers.empty());
  EXPECT_THROW(run_record(train_document("cpu", "")), std::invalid_argument);
}

TEST(StudyRecord, AGpusStagesAreKernels) {
  const RunRecord run = run_record(train_document("cuda", R"(, "profile": {"steps": 8,
  "seconds": 1.5, "bytes_sent": 0, "peak_memory_bytes": [5], "workers": [{"rank": 0, "thread": 0,
  "compute": 1, "input": 0, "waiting": 0, "communication": 0, "reduction": 0, "update": 0}],
  "layers": [{"layers": ["conv1"], "pass": "forward", "seconds": 1, "launches": 2, "blocks": 8,
  "threads": 1024, "flops": 600, "bytes": 70}]})"));
  ASSERT_EQ(run.layers.size(), 1u);
  ASSERT_TRUE(run.layers[0].kernels);
  EXPECT_EQ(run.layers[0].kernels->launches, 2);
  EXPECT_EQ(run.layers[0].kernels->threads, 1024);
  EXPECT_EQ(run.layers[0].kernels->flops, 600);
  EXPECT_EQ(run.layers[0].kernels->bytes, 70);
}

TEST(StudyDocument, WhatIsNoStudyIsRefused) {
  const std::string good =
      to_json(test::made_study({{1, 1}}, 2, 1, [](const Grid&, int) { return 1.0; }));
  const auto refused = [](const std::string& text) {
    EXPECT_THROW(parse_study(text), std::invalid_argument) << text.substr(0, 80);
  };
  refused("");
  refused("{}");
  refused(good.substr(0, good.size() / 2));
  for (const auto& [from, to] :
       {std::pair<std::string, std::string>{"convoy.study/1", "convoy.study/2"},
        {"\"layout\": 0", "\"layout\": 7"},
        {"\"experiment\": 0", "\"experiment\": -1"},
        {"\"1x1\"", "\"1y1\""},
        {"\"1x1\"", "\"2x1\""},
        {"\"1x1\"", "\"1048576x1048576\""},
        {"\"train_seconds\": 1.0", "\"train_seconds\": 0"},
        {"\"runs\"", "\"walks\""}}) {
    std::string bad = good;
    const std::size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    refused(bad.replace(at, from.size(), to));
  }
}

}  // namespace
}  // namespace convoy::study
