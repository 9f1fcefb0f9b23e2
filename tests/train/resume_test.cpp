// SPDX-License-Identifier: Apache-2.0
// Stop and resume on the real engine, each time on another layout.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "convoy/predictor.hpp"
#include "data/order.hpp"
#include "parallel/collectives.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/train/support.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

// Requests a stop after this number of step ranges.
class Stopper : public Observer {
 public:
  explicit Stopper(Index step_ranges) : step_ranges_(step_ranges) {}
  void progress(const Progress&) override {
    if (--step_ranges_ <= 0) stop = true;
  }
  std::atomic<bool> stop{false};

 private:
  Index step_ranges_;
};

constexpr const char* kSettings[] = {"optimizer.momentum=0",    "optimizer.nesterov=true",
                                     "optimizer.type=adamw",    "optimizer.type=rmsprop",
                                     "optimizer.clip_norm=0.5", "optimizer.type=muon",
                                     "average.type=ema",        "average.type=lookahead"};

TEST(Resume, AnyLayoutGivesTheBitsOfTheUninterruptedRun) {
  std::mt19937 random(9);
  const TrainAndTest data = tiny_data(257, 33);
  const DataSettings settings{"synthetic", 250, 0.1};
  const auto communicator = alone();
  for (int trial = 0; trial < 8; ++trial) {
    const std::vector<Override> overrides{"train.batch=" + std::to_string(5 + random() % 40),
                                          "train.grain=" + std::to_string(1 + random() % 5),
                                          kSettings[trial]};
    const ModelFile model =
        trial % 2 == 0 ? tiny_normalized_model(overrides) : tiny_model(overrides);
    Observer observer;
    const auto engine = tiny_engine(model, *communicator);
    const TrainResult wanted =
        RunTrainer(model, data, settings, *engine, *communicator, "").train(observer);
    ASSERT_EQ(wanted.epochs.size(), 3u);

    const TempFolder folder;
    TrainResult result;
    int sessions = 0;
    do {
      const auto other = tiny_engine(model, *communicator, 1 + static_cast<int>(random() % 4),
                                     random() % 2 ? Parallelism::data : Parallelism::tensor);
      Stopper stopper(1 + static_cast<Index>(random() % 2));
      const Index every = 1 + static_cast<Index>(random() % 7);
      const fs::path run = folder / "run";
      RunTrainer trainer =
          sessions == 0
              ? RunTrainer(model, data, settings, *other, *communicator, run)
              : RunTrainer::resume(open_run(run).model, data, settings, *other, *communicator, run);
      result = trainer.train(stopper, &stopper.stop, {CheckpointEvery::Unit::steps, every});
      ++sessions;
    } while (result.status == RunStatus::stopped);
    EXPECT_GT(sessions, 1);
    EXPECT_EQ(result.status, RunStatus::done);
    EXPECT_EQ(result.weights_sha256, wanted.weights_sha256);
    EXPECT_EQ(result.state_sha256, wanted.state_sha256);
    EXPECT_EQ(content(result.epochs), content(wanted.epochs));
  }
}

// Validation samples that the data set states are those of the run, on every layout; a run
// continues with the same ones only, also where only its checkpoint says which they were.
TEST(Resume, ValidationSamplesOfTheDataSetAreThoseOfTheRun) {
  TrainAndTest data = tiny_data(61, 20);
  data.validation = {0, 7, 8, 60};
  const DataSettings settings{"synthetic", 40, 0};
  const ModelFile model = tiny_model({"train.epochs=2"});
  const auto communicator = alone();
  Observer observer;
  const TempFolder folder;
  const fs::path run = folder / "run";
  const auto engine = tiny_engine(model, *communicator);
  const TrainResult wanted = [&] {  // the trainer holds the folder
    RunTrainer trainer(model, data, settings, *engine, *communicator, run);
    EXPECT_EQ(trainer.samples_per_epoch(), 40);
    return trainer.train(observer);
  }();
  ASSERT_TRUE(wanted.epochs.back().validation_loss.has_value());
  const Evaluation held_out = engine->evaluate(data.train, data.validation);
  EXPECT_EQ(*wanted.epochs.back().validation_loss, held_out.metrics.loss / 4);
  test::run_ranks({2, 1}, [&](Communicator& ranks) {
    const TrainResult result =
        RunTrainer(model, data, settings, *tiny_engine(model, ranks), ranks, "").train(observer);
    EXPECT_EQ(result.weights_sha256, wanted.weights_sha256);
    EXPECT_EQ(content(result.epochs), content(wanted.epochs));
  });
  const std::string digest = validation_sha256(data.validation);
  EXPECT_EQ(open_run(run).data.validation_sha256, digest);
  EXPECT_EQ(load_checkpoint(wanted.checkpoint).data.validation_sha256, digest);
  data.validation.back() = 59;
  const std::string message = user_error(Fault::usage, [&] {
    RunTrainer::resume(model, data, settings, *engine, *communicator, run);
  });
  EXPECT_NE(message.find("the data set holds out other samples"), std::string::npos) << message;
}

// Other classes change the split of a data set too, and are what the user has to know.
TEST(Resume, OtherClassesAreNamed) {
  TrainAndTest data = tiny_data(61, 20);
  data.train.set_class_names({"cat", "dog", "jay", "owl"});
  data.validation = {0, 7};
  const DataSettings settings{"synthetic", 0, 0};
  const ModelFile model = tiny_model({"train.epochs=1"});
  const auto communicator = alone();
  const auto engine = tiny_engine(model, *communicator);
  const TempFolder folder;
  const fs::path run = folder / "run";
  Observer observer;
  RunTrainer(model, data, settings, *engine, *communicator, run).train(observer);
  const auto refused = [&] {
    return user_error(Fault::bad_data, [&] {
      RunTrainer::resume(model, data, settings, *engine, *communicator, run);
    });
  };
  const std::string wanted = "the classes differ: only the model has jay, only the data has kiwi";
  data.train.set_class_names({"cat", "dog", "kiwi", "owl"});
  EXPECT_NE(refused().find(wanted), std::string::npos) << refused();
  data.validation = {1};
  EXPECT_NE(refused().find(wanted), std::string::npos) << refused();
  data.train.set_class_names({"dog", "cat", "jay", "owl"});
  EXPECT_NE(refused().find("they have another order"), std::string::npos) << refused();
  data.train.set_class_names({});
  data.validation = {0, 7};
  RunTrainer::resume(model, data, settings, *engine, *communicator, run);
}

// Rank 0 alone writes a folder; all ranks stop after the same step, and continue together.
TEST(Resume, RanksStopAndContinueTogether) {
  const TrainAndTest data = tiny_data(61, 0);
  const DataSettings settings{"synthetic", 0, 0};
  const ModelFile model = tiny_model({"optimizer.type=adam"});
  const TempFolder folder;
  const fs::path run = folder / "run";
  Observer observer;
  const auto communicator = alone();
  const TrainResult wanted =
      RunTrainer(model, data, settings, *tiny_engine(model, *communicator), *communicator, "")
          .train(observer);
  for (const RunStatus status : {RunStatus::stopped, RunStatus::done}) {
    test::run_ranks({2, 1}, [&](Communicator& ranks) {
      const auto engine = tiny_engine(model, ranks);
      Stopper stopper(1);
      RunTrainer trainer = status == RunStatus::stopped
                               ? RunTrainer(model, data, settings, *engine, ranks, run)
                               : RunTrainer::resume(model, data, settings, *engine, ranks, run);
      const bool stops = status == RunStatus::stopped && ranks.rank() == 2;
      const TrainResult result = trainer.train(stopper, stops ? &stopper.stop : nullptr,
                                               {CheckpointEvery::Unit::epochs, 1});
      EXPECT_EQ(result.status, status);
      EXPECT_EQ(result.checkpoint.empty(), ranks.rank() != 0);
      if (status == RunStatus::done) {
        EXPECT_EQ(result.state_sha256, wanted.state_sha256);
      }
      EXPECT_EQ(all_gather(ranks, result.state_sha256, SyncPoint::end),
                std::vector<std::string>(3, result.state_sha256));
    });
  }
}

TEST(Predictor, SaysWhatTheEngineSays) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data(200, 40);
  const auto communicator = alone();
  const ModelFile model = tiny_model({"train.epochs=10"});
  const auto engine = tiny_engine(model, *communicator);
  Observer observer;
  const TrainResult result =
      RunTrainer(model, data, {"synthetic", 0, 0}, *engine, *communicator, folder / "run")
          .train(observer);
  std::vector<std::uint32_t> samples(40);
  for (std::uint32_t i = 0; i < 40; ++i) samples[i] = i;
  const Evaluation wanted = engine->evaluate(data.test, samples, true);

  for (const fs::path& path : {result.checkpoint, folder / "run"}) {
    Predictor predictor(path);
    EXPECT_EQ(predictor.image_shape(), (Shape{6, 6, 1}));
    EXPECT_EQ(predictor.class_names(), data.train.class_names());
    for (std::size_t i = 0; i < 40; ++i) {
      const Prediction one = predictor.predict(data.test.image(static_cast<Index>(i)));
      EXPECT_EQ(one.label, wanted.predictions[i]);
      EXPECT_EQ(one.name, data.train.class_names()[wanted.predictions[i]]);
      EXPECT_TRUE(std::equal(one.probabilities.begin(), one.probabilities.end(),
                             wanted.probabilities.begin() + static_cast<std::ptrdiff_t>(4 * i)));
    }
    EXPECT_EQ(predictor.predict(data.test.image(0)).probabilities.size(), 4u);
    const std::vector<std::uint8_t> small(35);
    const std::string message = user_error(Fault::bad_data, [&] { predictor.predict(small); });
    EXPECT_NE(message.find("6 x 6 x 1"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace convoy
