// SPDX-License-Identifier: Apache-2.0
// Training by the public API: the weights of the program, stops, and runs that continue.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "convoy/convoy.hpp"
#include "tests/api/support.hpp"

namespace api_tests {
namespace {

// Records the calls that it gets, and their threads.
class Notes : public convoy::Observer {
 public:
  void progress(const convoy::Progress& progress) override {
    note();
    ++progresses;
    EXPECT_LE(progress.step, progress.steps_per_epoch);
  }
  void epoch(const convoy::EpochMetrics&) override {
    note();
    ++epochs;
  }
  void checkpoint(const fs::path& file) override {
    note();
    checkpoints.push_back(file);
  }
  void warning(const std::string& text) override {
    note();
    warnings.push_back(text);
  }

  int progresses = 0, epochs = 0, strangers = 0;
  std::vector<fs::path> checkpoints;
  std::vector<std::string> warnings;

 private:
  void note() { strangers += std::this_thread::get_id() == caller_ ? 0 : 1; }
  std::thread::id caller_ = std::this_thread::get_id();
};

TEST(Api, VersionIsThatOfTheHeaders) {
  EXPECT_EQ(convoy::version(), CONVOY_VERSION_STRING);
  EXPECT_EQ(CONVOY_VERSION_STRING, std::to_string(CONVOY_VERSION_MAJOR) + "." +
                                       std::to_string(CONVOY_VERSION_MINOR) + "." +
                                       std::to_string(CONVOY_VERSION_PATCH));
}

TEST(Api, TrainsTheWeightsOfTheProgram) {
  const ScratchFolder folder;
  const std::string limit = std::to_string(kLimit);
  const auto json = document({"train", "tiny-relu", "--data", clothes().name, "--epochs", "3",
                              "--set", "optimizer.momentum=0.9", "--limit", limit, "--validation",
                              "0.1", "--out", "program", "--json", "--quiet"},
                             folder);
  Notes notes;
  const auto result = convoy::train(
      small_model(), clothes(),
      {.folder = folder / "library", .limit = kLimit, .validation = 0.1, .compute = {.threads = 1}},
      notes);
  EXPECT_EQ(result.status, convoy::RunStatus::done);
  EXPECT_EQ(result.weights_sha256, json["weights_sha256"]);
  EXPECT_EQ(result.state_sha256, json["state_sha256"]);
  ASSERT_TRUE(result.best);
  EXPECT_EQ(result.best->epoch, json["best"]["epoch"]);
  ASSERT_EQ(result.epochs.size(), 3u);
  EXPECT_EQ(result.epochs.back().test_loss, json["epochs"][2]["test_loss"]);
  EXPECT_EQ(notes.epochs, 3);
  EXPECT_GE(notes.progresses, 3);
  EXPECT_EQ(notes.strangers, 0);
  EXPECT_EQ(notes.checkpoints.back(), result.checkpoint);
  // The program continues a run of the library.
  const auto more = document({"train", "--resume", "library", "--json", "--quiet"}, folder);
  EXPECT_EQ(more["weights_sha256"], result.weights_sha256);
}

// AdamW, with biases that never change.
TEST(Api, OptimizersAreSettingsOfTheModel) {
  const std::string frozen = "optimizer.group=[{ match = \"*.bias\", frozen = true }]";
  const convoy::Model model = convoy::load_model(
      "tiny-relu", {"train.epochs=2", "optimizer.type=adamw", "optimizer.beta1=0.8", frozen});
  EXPECT_EQ(convoy::type_name(model.settings().optimizer), "adamw");
  EXPECT_EQ(convoy::learning_rate(model.settings().optimizer), 0.001);
  const auto& adam = std::get<convoy::Adam>(model.settings().optimizer);
  EXPECT_EQ(adam.beta1, 0.8);
  EXPECT_EQ(adam.weight_decay, 0.01);
  EXPECT_TRUE(adam.decoupled_weight_decay);
  ASSERT_EQ(model.settings().optimizer_groups.size(), 1u);
  EXPECT_EQ(model.with({"optimizer.type=rmsprop"}).settings().optimizer,
            convoy::Optimizer(convoy::RmsProp{}));

  const ScratchFolder folder;
  const auto json =
      document({"train", "tiny-relu", "--data", clothes().name, "--epochs", "2", "--set",
                "optimizer.type=adamw", "--set", "optimizer.beta1=0.8", "--set", frozen, "--limit",
                std::to_string(kLimit), "--json", "--quiet", "--out", "program"},
               folder);
  const auto result = convoy::train(model, clothes(), {.limit = kLimit, .compute = {.threads = 1}});
  EXPECT_EQ(result.weights_sha256, json["weights_sha256"]);
  EXPECT_EQ(result.state_sha256, json["state_sha256"]);
  EXPECT_NE(result.weights_sha256,
            convoy::train(model.with({"optimizer.group=[]"}), clothes(), {.limit = kLimit})
                .weights_sha256);
}

TEST(Api, ComputeOptionsAndSessionsChangeNoWeight) {
  const std::string wanted = weights_of();
  for (const convoy::Parallelism by : {convoy::Parallelism::data, convoy::Parallelism::tensor}) {
    EXPECT_EQ(weights_of({.compute = {.threads = 2, .threads_by = by, .oversubscribe = true}}),
              wanted);
  }
  convoy::Session session = convoy::Session::alone();
  EXPECT_TRUE(session.is_root());
  EXPECT_EQ(session.size(), 1);
  convoy::Observer silent;
  EXPECT_EQ(convoy::train(small_model(), few_clothes(), {}, silent, session).weights_sha256,
            wanted);
}

TEST(Api, DataFromMemoryTrainTheSameWeights) {
  const convoy::Dataset& train = few_clothes().train;
  convoy::Dataset copy(train.image_shape(), {train.pixels().begin(), train.pixels().end()},
                       std::vector<convoy::Label>{train.labels().begin(), train.labels().end()},
                       train.classes());
  EXPECT_EQ(copy.sha256(), train.sha256());
  const convoy::TrainAndTest mine{.name = "mine", .train = copy, .test = few_clothes().test};
  EXPECT_EQ(convoy::train(small_model(), mine).weights_sha256, weights_of());
}

// Requests a stop from a thread of its own, while the training is between two steps.
class StopsFromAnotherThread : public convoy::Observer {
 public:
  explicit StopsFromAnotherThread(convoy::StopSource& stop) : stop_(stop) {}
  void progress(const convoy::Progress&) override {
    if (!has_stopped_) std::thread([this] { stop_.request_stop(); }).join();
    has_stopped_ = true;
  }

 private:
  convoy::StopSource& stop_;
  bool has_stopped_ = false;
};

TEST(Api, AStopFromAnotherThreadLeavesACheckpointToContinueFrom) {
  const std::string wanted = weights_of();
  const ScratchFolder folder;
  convoy::StopSource stop;
  StopsFromAnotherThread observer(stop);
  const convoy::TrainOptions options{
      .folder = folder / "run", .resume = convoy::Resume::if_present, .stop = &stop};
  const auto stopped = convoy::train(small_model(), few_clothes(), options, observer);
  EXPECT_EQ(stopped.status, convoy::RunStatus::stopped);
  EXPECT_TRUE(fs::exists(stopped.checkpoint));
  EXPECT_NE(stopped.weights_sha256, wanted);

  stop.reset();
  EXPECT_FALSE(stop.stop_requested());
  convoy::Trainer again(small_model(), few_clothes(), options);
  EXPECT_TRUE(again.resumed());
  const auto done = again.run();
  EXPECT_EQ(done.status, convoy::RunStatus::done);
  EXPECT_GT(done.steps, 0);
  EXPECT_EQ(done.weights_sha256, wanted);
}

TEST(Api, AStopThatComesAtAnyTimeChangesNoWeight) {
  const std::string wanted = weights_of();
  const ScratchFolder folder;
  convoy::StopSource stop;
  const convoy::TrainOptions options{
      .folder = folder / "run", .resume = convoy::Resume::if_present, .stop = &stop};
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 1000);
    stop.reset();
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(500 * attempt));
      stop.request_stop();
    });
    const auto result = convoy::train(small_model(), few_clothes(), options);
    other.join();
    if (result.status == convoy::RunStatus::stopped) continue;
    EXPECT_EQ(result.weights_sha256, wanted);
    break;
  }
}

TEST(Api, ATrainerContinuesAfterAStop) {
  convoy::StopSource stop;
  StopsFromAnotherThread observer(stop);
  convoy::Trainer trainer(small_model(), few_clothes(), {.stop = &stop});
  EXPECT_TRUE(trainer.folder().empty());
  EXPECT_EQ(trainer.device(), "cpu");
  EXPECT_GE(trainer.threads(), 1);
  const auto stopped = trainer.run(observer);
  EXPECT_EQ(stopped.status, convoy::RunStatus::stopped);
  const std::vector<convoy::NamedTensor> before = trainer.weights();
  stop.reset();
  convoy::Trainer moved = std::move(trainer);
  const auto done = moved.run();
  EXPECT_EQ(done.status, convoy::RunStatus::done);
  EXPECT_EQ(done.weights_sha256, weights_of());
  EXPECT_EQ(moved.run().steps, 0);

  Index count = 0;
  const std::vector<convoy::NamedTensor> after = moved.weights();
  for (std::size_t i = 0; i < after.size(); ++i) {
    count += static_cast<Index>(after[i].values.size());
    EXPECT_EQ(after[i].name, before[i].name);
    EXPECT_NE(after[i].values, before[i].values);
  }
  EXPECT_EQ(count, small_model().parameter_count());
}

TEST(Api, SeveralThreadsMayTrainAtATime) {
  const std::string wanted = weights_of();
  std::vector<std::string> found(3);
  std::vector<std::thread> threads;
  for (std::string& one : found) {
    threads.emplace_back(
        [&one] { one = weights_of({.compute = {.threads = 2, .oversubscribe = true}}); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(found, testing::Each(wanted));
}

TEST(Api, ARunIsExtendedByMoreEpochs) {
  const ScratchFolder folder;
  const std::string run = folder / "run";
  convoy::train(small_model({"train.epochs=1"}), few_clothes(), {.folder = run});
  const convoy::Model longer = convoy::model_of_run(run).with({"train.epochs=3"});
  const auto result =
      convoy::train(longer, few_clothes(), {.folder = run, .resume = convoy::Resume::always});
  EXPECT_EQ(result.epochs.size(), 3u);
  EXPECT_EQ(result.weights_sha256, weights_of());
}

TEST(Api, ARunBeginsWithTheWeightsOfAnother) {
  const ScratchFolder folder;
  const auto first = convoy::train(small_model(), few_clothes(), {.folder = folder / "a"});
  convoy::TrainOptions options{.folder = folder / "b", .initial_weights = folder / "a"};
  const auto second = convoy::train(small_model({"train.epochs=1"}), few_clothes(), options);
  EXPECT_EQ(second.initial_weights_sha256, first.weights_sha256);
  options.resume = convoy::Resume::always;
  EXPECT_EQ(convoy::train(small_model({"train.epochs=1"}), few_clothes(), options).weights_sha256,
            second.weights_sha256);
  options.initial_weights = folder / "b";
  expect_thrown(convoy::Fault::usage, "other initial weights",
                [&] { convoy::train(small_model({"train.epochs=1"}), few_clothes(), options); });
}

// The copy that the run's evaluations read; its average begins as these weights, too.
TEST(Api, ARunBeginsWithTheAverageOfAnother) {
  const ScratchFolder folder;
  const convoy::Model averaged = small_model({"average.type=lookahead"});
  const auto first = convoy::train(averaged, few_clothes(), {.folder = folder / "a"});
  const convoy::Model still =
      small_model({"train.epochs=1", "optimizer.learning_rate=0", "average.type=lookahead"});
  const auto second = convoy::train(still, few_clothes(),
                                    {.folder = folder / "b", .initial_weights = folder / "a"});
  EXPECT_EQ(second.initial_weights_sha256, first.average_sha256);
  EXPECT_EQ(second.weights_sha256, first.average_sha256);
  EXPECT_EQ(second.average_sha256, first.average_sha256);
  convoy::train(small_model({"average.type=lookahead", "average.evaluate=trained"}), few_clothes(),
                {.folder = folder / "c"});
  const auto third = convoy::train(still, few_clothes(),
                                   {.folder = folder / "d", .initial_weights = folder / "c"});
  EXPECT_EQ(third.weights_sha256, first.weights_sha256);
}

// Training in parts, with a stop between two steps, gives the same weights and the same average.
TEST(Api, AnAverageContinuesWithTheRun) {
  const ScratchFolder folder;
  const std::vector<convoy::Override> ema{"average.type=ema", "average.warmup=true"};
  const auto whole = convoy::train(small_model(ema), few_clothes(), {.folder = folder / "whole"});
  const convoy::Model one = small_model(ema).with({"train.epochs=1"});
  convoy::TrainOptions options{.folder = folder / "parts"};
  convoy::train(one, few_clothes(), options);
  options.resume = convoy::Resume::always;
  const auto parts = convoy::train(small_model(ema), few_clothes(), options);
  EXPECT_EQ(parts.state_sha256, whole.state_sha256);
  EXPECT_EQ(parts.average_sha256, whole.average_sha256);
  ASSERT_EQ(parts.epochs.size(), whole.epochs.size());
  EXPECT_EQ(parts.epochs.back().test_loss, whole.epochs.back().test_loss);
  expect_thrown(convoy::Fault::usage, "average.decay", [&] {
    convoy::train(small_model({"average.type=ema", "average.warmup=true", "average.decay=0.5"}),
                  few_clothes(), options);
  });
  expect_thrown(convoy::Fault::usage, "average.type",
                [&] { convoy::train(small_model(), few_clothes(), options); });
}

}  // namespace
}  // namespace api_tests
