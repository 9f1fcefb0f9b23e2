// SPDX-License-Identifier: Apache-2.0
// The trainer's own logic, on an engine whose weights show every step that is missed, repeated or
// misplaced.
#include "train/trainer.hpp"

#include <gtest/gtest.h>

#include <functional>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "data/order.hpp"
#include "tests/net/failure.hpp"
#include "tests/train/fake_engine.hpp"
#include "tests/train/support.hpp"
#include "train/data_fit.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using namespace train_tests;

class Recorder : public Observer {
 public:
  void progress(const Progress& p) override { progresses.push_back(p); }
  void epoch(const EpochMetrics& m) override { epochs.push_back(m); }
  void checkpoint(const fs::path& file) override { checkpoints.push_back(file.filename()); }
  void warning(const std::string& text) override { warnings.push_back(text); }

  std::vector<Progress> progresses;
  std::vector<EpochMetrics> epochs;
  std::vector<std::string> checkpoints, warnings;
};

// One process's part of a run.
struct Session {
  FakeEngine engine;
  Recorder seen;
  std::unique_ptr<Communicator> communicator = alone();
  TrainResult begin(const ModelFile& model, const TrainAndTest& data, const DataSettings& settings,
                    const fs::path& folder, CheckpointEvery every = {}) {
    engine.made_with = model.train;
    return RunTrainer(model, data, settings, engine, *communicator, folder)
        .train(seen, nullptr, every);
  }
  TrainResult resume(const ModelFile& model, const TrainAndTest& data, const DataSettings& settings,
                     const fs::path& folder, CheckpointEvery every = {}) {
    engine.made_with = model.train;
    return RunTrainer::resume(model, data, settings, engine, *communicator, folder)
        .train(seen, nullptr, every);
  }
};

nlohmann::json status_of(const fs::path& folder) {
  return nlohmann::json::parse(test::read_file(folder / "status.json"));
}

const DataSettings kValidation{"synthetic", 0, 0.2};

TEST(Trainer, StepRangesCoverEveryStepOnce) {
  for (const std::string batch : {"1", "7", "100", "1000"}) {
    const ModelFile model = tiny_model({"train.batch=" + batch, "train.grain=1"});
    Session session;
    const TrainAndTest data = tiny_data(611);
    const TrainResult result = session.begin(model, data, {"synthetic", 0, 0}, "");
    const Index steps = (611 + model.train.batch - 1) / model.train.batch;
    EXPECT_EQ(session.engine.steps, 3 * steps);
    Index next = 0;
    for (const Range& step_range : session.engine.step_ranges) {
      EXPECT_EQ(step_range.begin, next);
      EXPECT_GT(step_range.end, step_range.begin);
      next = step_range.end == steps ? 0 : step_range.end;
    }
    EXPECT_LE(session.engine.step_ranges.size(), 3u * 204u);
    EXPECT_EQ(session.seen.progresses.back().samples, 611);
    EXPECT_EQ(session.seen.progresses.back().seconds_left, 0);
    EXPECT_EQ(result.epochs.size(), 3u);
    EXPECT_TRUE(result.checkpoint.empty());
  }
}

TEST(Trainer, DropLastLeavesOutABatchThatIsNotFull) {
  const TrainAndTest data = tiny_data(61);
  const auto model = [](const std::string& batch) {
    return tiny_model({"train.batch=" + batch, "train.drop_last=true"});
  };
  Session session;
  session.begin(model("8"), data, {"synthetic", 0, 0}, "");
  EXPECT_EQ(session.engine.steps, 3 * 7);
  EXPECT_EQ(session.seen.progresses.back().samples, 56);
  EXPECT_EQ(session.seen.progresses.back().seconds_left, 0);
  const auto samples = [&](const ModelFile& m, const DataSettings& settings) {
    session.engine.made_with = m.train;
    return RunTrainer(m, data, settings, session.engine, *session.communicator, "")
        .samples_per_epoch();
  };
  EXPECT_EQ(samples(model("8"), {"synthetic", 0, 0}), 56);
  EXPECT_EQ(samples(model("8"), {"synthetic", 50, 0.5}), 24);
  EXPECT_EQ(samples(tiny_model({"train.batch=8"}), {"synthetic", 0, 0}), 61);
  const std::string message = failure_of([&] {
                                Session().begin(model("64"), data, {"synthetic", 0, 0}, "");
                              }).message;
  EXPECT_EQ(message,
            "the 61 training samples are no whole batch of 64 (train.drop_last leaves out a batch "
            "that is not full): use a smaller train.batch, or train.drop_last=false");
}

// Stops after random steps and resumes until the run is done: bits and metrics are those of an
// undisturbed run.
TEST(Trainer, StopsAndResumesAnywhere) {
  std::mt19937 random(5);
  const TrainAndTest data = tiny_data(233);
  for (int trial = 0; trial < 12; ++trial) {
    const ModelFile model =
        tiny_model({"train.batch=" + std::to_string(1 + random() % 40), "train.grain=1",
                    "train.schedule=cosine", "train.warmup_epochs=0.7"});
    const TempFolder folder;
    const fs::path whole = folder / "whole", parts = folder / "parts";
    Session once;
    const TrainResult wanted = once.begin(model, data, kValidation, whole);

    const auto every = CheckpointEvery{CheckpointEvery::Unit::steps, 1 + Index(random() % 30)};
    TrainResult result;
    Index steps = 0;
    for (int session_number = 0; result.checkpoint.empty() || result.status != RunStatus::done;
         ++session_number) {
      Session session;
      session.engine.stop_at = 1 + static_cast<Index>(random() % 60);
      if (session_number == 0) {
        result = session.begin(model, data, kValidation, parts, every);
      } else {
        result = session.resume(open_run(parts).model, data, kValidation, parts, every);
      }
      steps += session.engine.steps;
      EXPECT_EQ(status_of(parts)["status"], to_string(result.status));
      EXPECT_EQ(status_of(parts)["weights_sha256"], result.weights_sha256);
      EXPECT_EQ(load_checkpoint(parts).state_sha256, result.state_sha256);
    }
    EXPECT_EQ(steps, once.engine.steps) << "a step was done twice";
    EXPECT_EQ(result.state_sha256, wanted.state_sha256);
    EXPECT_EQ(content(result.epochs), content(wanted.epochs));
    EXPECT_EQ(load_checkpoint(whole / "checkpoints/best.safetensors").state_sha256,
              load_checkpoint(parts / "checkpoints/best.safetensors").state_sha256);
  }
}

// So that memory is not taken for samples that do not exist.
TEST(Trainer, ABatchIsNoLargerThanTheSamples) {
  TrainSettings settings;
  settings.batch = 1'000'000;
  EXPECT_EQ(largest_batch(settings, tiny_data(64).train), tiny_data(64).train.size());
  EXPECT_EQ(largest_batch(settings, Dataset()), 1);
  settings.batch = 7;
  EXPECT_EQ(largest_batch(settings, tiny_data(64).train), 7);
}

TEST(Trainer, ACompleteRunTrainsNoFurtherButCanBeExtended) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data();
  const DataSettings settings{"synthetic", 50, 0};
  Session first, again, more, whole;
  const TrainResult done = first.begin(tiny_model(), data, settings, folder / "run");
  const TrainResult same =
      again.resume(open_run(folder / "run").model, data, settings, folder / "run");
  EXPECT_EQ(again.engine.steps, 0);
  EXPECT_EQ(same.status, RunStatus::done);
  EXPECT_EQ(same.state_sha256, done.state_sha256);
  EXPECT_EQ(content(same.epochs), content(done.epochs));
  EXPECT_EQ(same.checkpoint, done.checkpoint);

  const ModelFile longer = tiny_model({"train.epochs=5"});
  const TrainResult extended = more.resume(longer, data, settings, folder / "run");
  EXPECT_TRUE(more.seen.warnings.empty());
  EXPECT_EQ(open_run(folder / "run").model.train.epochs, 5);
  const TrainResult wanted = whole.begin(longer, data, settings, "");
  EXPECT_EQ(extended.state_sha256, wanted.state_sha256);
  EXPECT_EQ(content(extended.epochs), content(wanted.epochs));
}

TEST(Trainer, ExtendingACosineWarns) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data();
  Session first, more;
  first.begin(tiny_model({"train.schedule=cosine"}), data, kValidation, folder / "run");
  more.resume(tiny_model({"train.schedule=cosine", "train.epochs=4"}), data, kValidation,
              folder / "run");
  ASSERT_EQ(more.seen.warnings.size(), 1u);
  EXPECT_NE(more.seen.warnings[0].find("cosine"), std::string::npos);
}

TEST(Trainer, KeepsTheNewestTwoAndTheBest) {
  const TempFolder folder;
  const TrainAndTest data = tiny_data(64);
  // Validation, then test, of each epoch. The second 0.9 has the higher loss: the weights grow.
  const ModelFile model = tiny_model({"train.epochs=4"});
  Session session;
  session.engine.accuracies = {0.1, 0, 0.9, 0, 0.9, 0, 0.3, 0};
  const TrainResult result = session.begin(model, data, {"synthetic", 0, 0.5}, folder / "run",
                                           {CheckpointEvery::Unit::steps, 3});
  const auto& epochs = result.epochs;
  const Index best = *epochs[1].validation_loss <= *epochs[2].validation_loss ? 2 : 3;  // the tie
  EXPECT_EQ(load_checkpoint(folder / "run/checkpoints/best.safetensors").position.epoch, best + 1);
  EXPECT_EQ(names_in(folder / "run/checkpoints"),
            (std::vector<std::string>{"best.safetensors", "step-0000000015.safetensors",
                                      "step-0000000016.safetensors"}));
  EXPECT_EQ(names_in(folder / "run"),
            (std::vector<std::string>{"checkpoints", "config.toml", "lock", "metrics.jsonl",
                                      "status.json"}));
  EXPECT_EQ(session.seen.checkpoints.size(), 6u);  // 3 6 9 12 15 and the end
}

TEST(Trainer, CheckpointsByEpochs) {
  const TempFolder folder;
  Session session;
  session.begin(tiny_model({"train.epochs=5", "train.batch=61"}), tiny_data(), {"synthetic", 0, 0},
                folder / "run", {CheckpointEvery::Unit::epochs, 2});
  EXPECT_EQ(session.seen.checkpoints,
            (std::vector<std::string>{"step-0000000002.safetensors", "step-0000000004.safetensors",
                                      "step-0000000005.safetensors"}));
}

TEST(Trainer, NotFiniteKeepsTheGoodCheckpoint) {
  const TempFolder folder;
  const fs::path run = folder / "run";
  Session session;
  session.engine.not_finite_at = 13;  // step 5 of epoch 2: 61 samples, batch 8
  const TrainResult result = session.begin(tiny_model(), tiny_data(), {"synthetic", 0, 0}, run);
  EXPECT_EQ(result.status, RunStatus::not_finite);
  for (const char* part :
       {"epoch 2", "step 5", "nan",
        "begin a new run with a lower rate (--set optimizer.learning_rate=0.005; "
        "now 0.05)"}) {
    EXPECT_NE(result.message.find(part), std::string::npos) << result.message;
  }
  EXPECT_EQ(result.epochs.size(), 1u);
  EXPECT_EQ(status_of(run)["status"], "not_finite");
  EXPECT_EQ(status_of(run)["message"], result.message);
  EXPECT_EQ(load_checkpoint(run).position.step, 8);
  Session before;  // the weights are those of a run stopped one step earlier
  before.engine.stop_at = 12;
  EXPECT_EQ(before.begin(tiny_model(), tiny_data(), {"synthetic", 0, 0}, "").state_sha256,
            result.state_sha256);
}

TEST(Trainer, RefusesDataThatDoesNotFit) {
  Session session;
  const ModelFile model = tiny_model();
  TrainAndTest data = tiny_data();
  const auto refuse = [&](const DataSettings& settings, Fault fault) {
    return user_error(fault, [&] { session.begin(model, data, settings, ""); });
  };
  refuse({"synthetic", -1, 0}, Fault::usage);
  refuse({"synthetic", 0, 1}, Fault::usage);
  refuse({"synthetic", 0, -0.1}, Fault::usage);
  refuse({"synthetic", 1, 0.9}, Fault::usage);
  data.train = Dataset({5, 6, 1}, std::vector<std::uint8_t>(30), {0}, 4);
  const std::string shapes = refuse({"synthetic", 0, 0}, Fault::bad_data);
  EXPECT_NE(shapes.find("6 x 6 x 1"), std::string::npos) << shapes;
  EXPECT_NE(shapes.find("5 x 6 x 1"), std::string::npos) << shapes;
  data = tiny_data();
  data.test = Dataset({6, 6, 1}, std::vector<std::uint8_t>(36), {4}, 5);
  const std::string classes = refuse({"synthetic", 0, 0}, Fault::bad_data);
  EXPECT_NE(classes.find("4 outputs"), std::string::npos) << classes;
  EXPECT_NE(classes.find("sample 0 has label 4"), std::string::npos) << classes;
}

// Nothing is held out by position where the data set has decided.
TEST(Trainer, RefusesAFractionOfWhichTheDataSetHoldsOutNone) {
  Session session;
  TrainAndTest data = tiny_data();
  data.states_validation = true;
  const std::string words = user_error(Fault::bad_data, [&] {
    session.begin(tiny_model(), data, {"synthetic", 0, 0.2}, "");
  });
  EXPECT_NE(words.find("--validation 0.2 holds out none"), std::string::npos) << words;
  session.begin(tiny_model(), data, {"synthetic", 0, 0}, "");
}

TEST(Trainer, RefusesToContinueAsAnotherRun) {
  const TempFolder folder;
  const fs::path run = folder / "run";
  const TrainAndTest data = tiny_data();
  Session session;
  session.engine.stop_at = 4;
  session.begin(tiny_model(), data, kValidation, run);
  const auto refuse = [&](const ModelFile& model, const TrainAndTest& other,
                          const DataSettings& settings, Fault fault) {
    Session second;
    user_error(fault, [&] { second.resume(model, other, settings, run); });
    EXPECT_EQ(second.engine.steps, 0);
  };
  refuse(tiny_model({"optimizer.learning_rate=0.5"}), data, kValidation, Fault::usage);
  refuse(tiny_model({"train.epochs=2"}), data, kValidation, Fault::usage);
  refuse(tiny_model({"layer.conv1.filters=4"}), data, kValidation, Fault::usage);
  refuse(tiny_model(), data, {"synthetic", 0, 0.3}, Fault::usage);
  refuse(tiny_model(), data, {"synthetic", 60, 0.2}, Fault::usage);
  refuse(tiny_model(), tiny_data(60), kValidation, Fault::bad_data);
  refuse(tiny_model(), tiny_data(61, 19), kValidation, Fault::bad_data);
  Session second;
  EXPECT_EQ(second.resume(tiny_model(), data, kValidation, run).status, RunStatus::done);
}

TEST(Trainer, ParsesHowOftenToCheckpoint) {
  using Unit = CheckpointEvery::Unit;
  const struct {
    const char* text;
    Unit unit;
    Index count;
  } good[] = {{"500steps", Unit::steps, 500},
              {"1step", Unit::steps, 1},
              {"1epoch", Unit::epochs, 1},
              {"3epochs", Unit::epochs, 3},
              {"10min", Unit::minutes, 10}};
  for (const auto& [text, unit, count] : good) {
    EXPECT_EQ(parse_checkpoint_every(text).unit, unit) << text;
    EXPECT_EQ(parse_checkpoint_every(text).count, count) << text;
  }
  for (const char* text : {"", "steps", "0steps", "-1epoch", "10", "10 min", "1.5epochs", "10sec",
                           "99999999999999999999steps", "1epochs "}) {
    const std::string message = user_error(Fault::usage, [&] { parse_checkpoint_every(text); });
    EXPECT_NE(message.find("500steps"), std::string::npos) << message;
  }
}

// An engine of another grain or optimizer would train other weights than the configuration says.
TEST(Trainer, RefusesAnEngineThatWasMadeForAnotherModel) {
  const ModelFile model = tiny_model();
  const TrainAndTest data = tiny_data();
  const auto communicator = alone();
  const auto refused = [&](const std::function<void(TrainSettings&)>& change) {
    FakeEngine engine;
    change(engine.made_with);
    EXPECT_THROW(RunTrainer(model, data, {"synthetic", 0, 0}, engine, *communicator, ""),
                 UserError);
  };
  refused([](TrainSettings& s) { s.grain += 1; });
  refused([](TrainSettings& s) { std::get<Sgd>(s.optimizer).momentum = 0; });
  refused([](TrainSettings& s) { std::get<Sgd>(s.optimizer).nesterov = true; });
  refused([](TrainSettings& s) { std::get<Sgd>(s.optimizer).weight_decay += 0.25; });
  refused([](TrainSettings& s) { s.optimizer = Adam{}; });
  refused([](TrainSettings& s) { s.optimizer_groups.push_back({.match = "*", .frozen = true}); });
  refused([](TrainSettings& s) { s.clip_norm = 1; });
  FakeEngine fits;
  EXPECT_NO_THROW(RunTrainer(model, data, {"synthetic", 0, 0}, fits, *communicator, ""));
}

}  // namespace
}  // namespace convoy
