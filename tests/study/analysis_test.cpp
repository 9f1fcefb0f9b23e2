// SPDX-License-Identifier: Apache-2.0
// The results of a study of known times, and a made-up case for each flag.
#include "study/analysis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "study/report.hpp"
#include "study/statistics.hpp"
#include "tests/study/made_study.hpp"

namespace convoy::study {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<Grid> kLayouts{{1, 1}, {1, 2}, {2, 1}};

// Ten seconds serial; a round's own factor slows all of it; workers halve it.
double ideal(const Grid& grid, int round) {
  return 10.0 / grid.workers() * (1 + 0.1 * round);
}

std::vector<std::string> flags(const LayoutResult& layout) {
  std::vector<std::string> texts;
  for (const Flag& flag : layout.flags) texts.push_back(flag.text);
  return texts;
}

std::vector<std::string> flags(const Study& study, std::size_t layout) {
  return flags(analyse(study).experiments.at(0).layouts.at(layout));
}

TEST(Analysis, FindsTheSpeedupOfMadeTimes) {
  const Study study = test::made_study(kLayouts, 2, 5, ideal);
  const Results results = analyse(study);
  const LayoutResult& two = results.experiments[0].layouts[1];
  EXPECT_NEAR(two.speedup.value, 2, 1e-9);
  EXPECT_NEAR(two.speedup.high, 2, 1e-6) << "a round's factor cancels out";
  EXPECT_NEAR(two.efficiency.value, 1, 1e-9);
  EXPECT_NEAR(two.serial_share.value, 0, 1e-9);
  EXPECT_NEAR(results.experiments[0].serial_fraction.value, 0, 1e-9);
  EXPECT_NEAR(two.shares.compute, 0.7, 1e-12);
  EXPECT_NEAR(two.step_seconds.value * 60, two.epoch_seconds.value * 2, 1e-9);
  EXPECT_TRUE(std::isnan(two.share_of_peak.value)) << "no peak was measured";
}

TEST(Analysis, TimeToAccuracyIsThatOfTheFirstEpochWhichReachesIt) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.plan.target_accuracy = 0.6;
  const Results results = analyse(study);
  const LayoutResult& two = results.experiments[0].layouts[1];
  EXPECT_NEAR(two.target_seconds.value, two.epoch_seconds.value, 1e-9);
  EXPECT_NEAR(two.target_speedup.value, 2, 1e-9);
  study.plan.target_accuracy = 0.95;
  EXPECT_FALSE(analyse(study).experiments[0].layouts[1].reaches_target);
  study.plan.target_accuracy.reset();
  EXPECT_NEAR(analyse(study).experiments[0].target_accuracy, 0.9, 1e-9) << "what all reach";
}

TEST(Analysis, WeakScalingIsJudgedByStepsOfGrownBatches) {
  // A step takes as long however many workers share its samples: perfect.
  const Study study = test::made_study(
      kLayouts, 2, 3, [](const Grid& grid, int) { return 6.0 / grid.workers(); }, Scaling::weak);
  const Results results = analyse(study);
  const ExperimentResult& result = results.experiments[0];
  EXPECT_NEAR(result.layouts[1].speedup.value, 2, 1e-9);
  EXPECT_NEAR(result.serial_fraction.value, 0, 1e-9);
  EXPECT_THAT(flags(result.layouts[1]), Contains(HasSubstr("global batch is 64, not 32")));
  EXPECT_THAT(flags(result.layouts[0]), IsEmpty());
}

// Whole epochs of whole images: a short last batch is no whole step.
TEST(Analysis, AShortLastBatchIsNoStep) {
  Study study = test::made_study(
      {{1, 1}, {4, 1}}, 4, 3, [](const Grid& grid, int) { return 4.0 / grid.workers(); },
      Scaling::weak);
  for (RunRecord& run : study.runs) {
    run.samples = 100;
    run.steps = run.layout == 0 ? 8 : 2;
  }
  EXPECT_NEAR(analyse(study).experiments[0].layouts[1].speedup.value, 4, 1e-9);
}

// Two experiments with the same weights have one serial run to be compared with, the faster one.
TEST(Analysis, TheBestSerialRunIsTheStudys) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  const Study slower = test::made_study(
      kLayouts, 2, 3, [](const Grid& grid, int round) { return 2 * ideal(grid, round); });
  study.plan.experiments.push_back(study.plan.experiments[0]);
  study.plan.experiments[1].name = "slower";
  for (RunRecord run : slower.runs) {
    run.experiment = 1;
    study.runs.push_back(run);
  }
  const Results results = analyse(study);
  EXPECT_EQ(results.experiments[1].serial, "by data");
  EXPECT_NEAR(results.experiments[1].layouts[0].speedup.value, 0.5, 1e-9);
  EXPECT_NEAR(results.experiments[1].layouts[1].speedup.value, 1, 1e-9);
}

TEST(Analysis, WithoutASerialRunNoDigestIsFlagged) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  std::erase_if(study.runs, [](const RunRecord& run) { return run.layout == 0; });
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("serial layout has no run yet")));
  EXPECT_THAT(flags(study, 1), Not(Contains(HasSubstr("a different computation"))));
}

TEST(Analysis, LayersHaveTheirActivationsAndPasses) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.plan.experiments[0].per_layer = true;
  const Results results = analyse(study);
  const auto& layers = results.experiments[0].layers;
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].name, "conv1");
  const double step = results.experiments[0].layouts[0].step_seconds.value;
  EXPECT_NEAR(layers[0].layouts[0].forward.value, 0.4 * step, 1e-9);
  EXPECT_NEAR(layers[0].layouts[0].backward.value, 0.2 * step, 1e-9);
  EXPECT_NEAR(layers[0].layouts[0].both.value, 0.6 * step, 1e-9);
  EXPECT_NEAR(layers[0].layouts[1].speedup.value, 2, 1e-9);
  EXPECT_EQ(layers[2].name, "whole net");
  EXPECT_NEAR(layers[2].layouts[0].both.value, step, 1e-9);
}

// A step takes 20 ms, of which conv1 and its ReLU 12 ms: 3e9 FLOP of at most 1e12 * 12e-3.
TEST(Analysis, KernelsAreMeasuredByTheGpusLimits) {
  const Study study = test::made_gpu_study({{1, 1}, {2, 1}}, 2);
  const Results results = analyse(study);
  const auto& layers = results.experiments[0].layers;
  ASSERT_EQ(layers.size(), 3u);
  for (std::size_t layout = 0; layout < 2; ++layout) {
    const auto& conv = layers[0].layouts[layout].kernels;
    ASSERT_TRUE(conv);
    EXPECT_EQ(conv->launches, 4) << "two of the convolution, one each of the other stages";
    EXPECT_EQ(conv->threads, 1024);
    EXPECT_NEAR(conv->share_of_peak, 0.25, 1e-9) << "two GPUs do twice as much in a second";
    EXPECT_NEAR(conv->share_of_bandwidth, 400'002'000 / 1.2e9, 1e-9);
    EXPECT_TRUE(std::isnan(layers[1].layouts[layout].kernels->share_of_peak)) << "it has no FLOP";
    EXPECT_NEAR(layers[2].layouts[layout].kernels->launches, 7, 1e-9) << "of the whole step";
  }
}

TEST(Analysis, TablesOfGpusHaveKernels) {
  const Study study = test::made_gpu_study({{1, 1}, {2, 1}}, 1);
  const Results results = analyse(study);
  const std::string text = text_report(study, results, TextTarget::markdown);
  for (const char* words :
       {"launches / step", "of bandwidth", "one GPU for each rank", "2 workers on 1 GPU"}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
  EXPECT_THAT(text, Not(HasSubstr("threads by")));
  const Table layers = csv_tables(results)[1];
  EXPECT_EQ(layers.columns.back().title, "share_of_bandwidth");
  for (const auto& row : layers.rows) EXPECT_EQ(row.size(), layers.columns.size());
}

// Without a profile the table of a step's time is left out, rather than filled with zeros.
TEST(Analysis, WithoutAProfileNoTimeIsBrokenDown) {
  Study study = test::made_gpu_study({{1, 1}}, 1);
  EXPECT_THAT(text_report(study, analyse(study), TextTarget::markdown),
              HasSubstr("where the time of a step goes"));
  for (RunRecord& run : study.runs) run.profile_seconds = 0;
  EXPECT_THAT(text_report(study, analyse(study), TextTarget::markdown),
              Not(HasSubstr("where the time of a step goes")));
}

TEST(Flags, NoneWhereNothingIsWrong) {
  const Study study = test::made_study(kLayouts, 2, 3, [](const Grid& grid, int round) {
    return 10.0 / std::sqrt(grid.workers()) * (1 + 0.001 * round);
  });
  for (std::size_t l = 0; l < kLayouts.size(); ++l) EXPECT_THAT(flags(study, l), IsEmpty());
  EXPECT_THAT(analyse(study).flags, IsEmpty());
}

TEST(Flags, AnotherDigestWithholdsTheSpeedup) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  for (RunRecord& run : study.runs) {
    if (run.layout == 1) run.weights_sha256 = std::string(64, 'b');
  }
  const Results results = analyse(study);
  const LayoutResult& two = results.experiments[0].layouts[1];
  EXPECT_TRUE(two.withheld);
  EXPECT_TRUE(std::isnan(two.speedup.value));
  EXPECT_THAT(flags(two), Contains(HasSubstr("differs from the serial run's")));
  const std::string text = text_report(study, results, TextTarget::markdown);
  EXPECT_THAT(text, HasSubstr("withheld"));
  EXPECT_FALSE(results.experiments[0].layouts[2].withheld);
}

TEST(Flags, RunsOfOneLayoutThatDiffer) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.runs.back().weights_sha256 = std::string(64, 'c');
  EXPECT_TRUE(analyse(study).experiments[0].layouts[2].withheld);
  EXPECT_THAT(flags(study, 2), Contains(HasSubstr("2 different digests")));
}

TEST(Flags, WithoutTheContractNothingIsCompared) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  for (RunRecord& run : study.runs) run.contract = run.layout != 1;
  EXPECT_TRUE(analyse(study).experiments[0].layouts[1].withheld);
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("--reduction fast")));
}

TEST(Flags, MoreWorkersThanCores) {
  const Study study = test::made_study({{1, 1}, {2, 2}}, 2, 3, ideal);
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("4 workers on 2 cores")));
  EXPECT_THAT(flags(study, 0), Not(Contains(HasSubstr("take turns"))));
}

TEST(Flags, WorkersWithoutWork) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  for (RunRecord& run : study.runs) run.working = 1;
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("only 1 of 2 workers")));
}

TEST(Flags, ABusyMachine) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.runs[0].busy_before = 1.5;
  study.runs[1].busy_during = 1.5;
  EXPECT_THAT(flags(study, 0), Contains(HasSubstr("before or during 2 of 3 runs")));
  EXPECT_THAT(flags(study, 1),
              Contains(HasSubstr("serial runs that it is compared with: other programs")))
      << "its speedup is as doubtful";
}

TEST(Flags, FewRepeats) {
  const Study study = test::made_study(kLayouts, 2, 2, ideal);
  EXPECT_THAT(flags(study, 0), Contains(HasSubstr("at least 3 are needed")));
  EXPECT_THAT(analyse(study).flags, Not(Contains(HasSubstr("at least 3")))) << "once is enough";
}

TEST(Flags, SuperLinear) {
  const Study study = test::made_study(kLayouts, 2, 4, [](const Grid& grid, int round) {
    return (grid.workers() == 1 ? 10 : 4) * (1 + 0.01 * round);
  });
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("higher than 2 workers can give")));
}

// Four workers on two cores can't be more than twice as fast.
TEST(Flags, MoreThanTheCoresCanGive) {
  const Study study = test::made_study({{1, 1}, {4, 1}}, 2, 4, [](const Grid& grid, int) {
    return grid.workers() == 1 ? 10.0 : 4.0;
  });
  EXPECT_THAT(flags(study, 1), Contains(HasSubstr("higher than 2 workers can give")));
}

TEST(Flags, RunsElsewhere) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.runs.back().cpu = "another";
  EXPECT_THAT(analyse(study).flags, Contains(HasSubstr("on another machine (another)")));
}

TEST(Flags, LearningLess) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  for (RunRecord& run : study.runs) {
    if (run.layout == 1) run.epochs.back().test_accuracy = 0.85;
  }
  EXPECT_THAT(flags(study, 1),
              Contains(HasSubstr("its accuracy is lower: 85.00 % instead of 90.00 %")));
}

TEST(Flags, NoiseThatSaysNothing) {
  const Study study = test::made_study(
      kLayouts, 2, 3, [](const Grid& grid, int round) { return 10.0 * round / grid.workers(); });
  EXPECT_THAT(flags(study, 0), Contains(HasSubstr("wider than 20 % of the time")));
}

TEST(Flags, RunsThatAreMissing) {
  Study study = test::made_study(kLayouts, 2, 3, ideal);
  study.runs.resize(4);
  const Results results = analyse(study);
  EXPECT_THAT(results.flags, Contains(HasSubstr("only 4 of 9 runs")));
  EXPECT_THAT(flags(results.experiments[0].layouts[2]), Contains(HasSubstr("no run yet")));
}

}  // namespace
}  // namespace convoy::study
