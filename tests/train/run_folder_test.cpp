// SPDX-License-Identifier: Apache-2.0
#include "train/run_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>

#include "base/digest.hpp"
#include "tests/train/fake_engine.hpp"
#include "tests/train/support.hpp"
#include "train/safetensors.hpp"

namespace convoy {
namespace {

using namespace train_tests;

const DataSettings kSettings{"a \"name\"\n[data]\n\\", 7, 0.1};

RunIdentity some_identity() {
  return {tiny_model(), kSettings, std::string(64, 'a'), std::string(64, 'b')};
}

RunFolder create(const fs::path& folder) {
  return RunFolder::create(folder, some_identity(), checkpoint_at(0));
}

TEST(RunFolder, SaysWhatTheRunIs) {
  const TempFolder folder;
  create(folder / "deep/er/run/");
  const RunIdentity identity = read_identity(folder / "deep/er/run");
  EXPECT_EQ(identity.model.text, tiny_model().text);
  EXPECT_EQ(identity.data.name, kSettings.name);
  EXPECT_EQ(identity.data.limit, 7);
  EXPECT_EQ(identity.data.validation, 0.1);
  EXPECT_EQ(identity.train_sha256, std::string(64, 'a'));
  EXPECT_EQ(identity.test_sha256, std::string(64, 'b'));
  EXPECT_EQ(names_in(folder / "deep/er"), std::vector<std::string>{"run"});
}

// The key is optional: a run without it has the text that it always had.
TEST(RunFolder, SaysWhichSamplesTheDataSetHoldsOut) {
  RunIdentity identity = some_identity();
  const std::string usual = run_config_text(identity);
  EXPECT_EQ(usual.find("validation_sha256"), std::string::npos);
  EXPECT_EQ(parse_run_config(usual, "config.toml").data.validation_sha256, "");
  identity.data.validation_sha256 = std::string(64, 'c');
  EXPECT_EQ(parse_run_config(run_config_text(identity), "config.toml").data.validation_sha256,
            std::string(64, 'c'));
}

TEST(RunFolder, RefusesWhatExists) {
  const TempFolder folder;
  create(folder / "run");
  fs::create_directories(folder / "full/of");
  test::write_file(folder / "file", "");
  fs::create_symlink("nowhere", folder / "link");
  for (const char* name : {"run", "run/", "full", "file", "link", ".", ".."}) {
    const std::string message = user_error(Fault::usage, [&] { create(folder / name); });
    EXPECT_NE(message.find("--resume"), std::string::npos) << message;
  }
  EXPECT_EQ(load_checkpoint(folder / "run").position.step, 0);
}

TEST(RunFolder, HasOneWriter) {
  const TempFolder folder;
  std::optional<RunFolder> first = create(folder / "run");
  user_error(Fault::usage, [&] { RunFolder::open(folder / "run"); });
  EXPECT_EQ(load_checkpoint(folder / "run").position.step, 0);  // a second process may read
  first.reset();
  first = RunFolder::open(folder / "run");
  const std::string message = user_error(Fault::usage, [&] { RunFolder::open(folder / "run"); });
  EXPECT_NE(message.find("in use"), std::string::npos) << message;
}

TEST(RunFolder, RemovesFilesOfKilledWriters) {
  const TempFolder folder;
  create(folder / "run");
  const std::string word = "0123456789abcdef";
  test::write_file(folder / ("run/config.toml." + word + ".tmp"), "half");
  test::write_file(folder / ("run/checkpoints/step-0000000009.safetensors." + word + ".tmp"),
                   "half");
  fs::create_directories(folder / ("run.tmp-" + word) / "checkpoints");
  fs::create_directories(folder / ("run.tmp-" + word + "x"));
  fs::create_directories(folder / ("other.tmp-" + word));
  const NewFolder living(folder / "run", {});
  RunFolder::open(folder / "run");
  EXPECT_EQ(names_in(folder / "run"),
            (std::vector<std::string>{"checkpoints", "config.toml", "lock", "status.json"}));
  EXPECT_EQ(names_in(folder / "run/checkpoints"),
            std::vector<std::string>{"step-0000000000.safetensors"});
  std::vector<std::string> left{"other.tmp-" + word, "run", "run.tmp-" + word + "x",
                                living.path().filename()};
  std::sort(left.begin(), left.end());
  EXPECT_EQ(names_in(folder.path()), left);

  fs::create_directories(folder / ("new.tmp-" + word) / "checkpoints");
  test::write_file(folder / ("new.tmp-" + word) / "lock", "");
  create(folder / "new");
  EXPECT_FALSE(fs::exists(folder / ("new.tmp-" + word)));
}

TEST(RunFolder, FallsBackOnTheLastGoodCheckpoint) {
  const TempFolder folder;
  const fs::path checkpoints = folder / "run/checkpoints";
  {
    RunFolder run = create(folder / "run");
    for (const Index step : {4, 8, 12}) run.save(checkpoint_at(step));
  }
  EXPECT_EQ(names_in(checkpoints), (std::vector<std::string>{"step-0000000008.safetensors",
                                                             "step-0000000012.safetensors"}));
  test::write_file(checkpoints / "step-11.safetensors", "not one of ours");
  test::write_file(checkpoints / "step-0000000012.safetensors", "damaged");
  EXPECT_EQ(load_checkpoint(folder / "run").position.step, 8);
  {
    RunFolder run = RunFolder::open(folder / "run");
    const FoundCheckpoint found = run.take_newest_checkpoint();
    EXPECT_EQ(found.checkpoint.position.step, 8);
    ASSERT_EQ(found.damaged.size(), 1u);
    EXPECT_NE(found.damaged[0].find("step-0000000012"), std::string::npos);
    // An earlier step than the damaged one's, but now the newest good one.
    run.save(checkpoint_at(9));
  }
  EXPECT_EQ(load_checkpoint(folder / "run").position.step, 9);
  for (const char* name : {"step-0000000008.safetensors", "step-0000000009.safetensors"}) {
    test::write_file(checkpoints / name, "");
  }
  const std::string message = user_error(Fault::bad_data, [&] { load_checkpoint(folder / "run"); });
  EXPECT_NE(message.find("no good checkpoint"), std::string::npos) << message;
  EXPECT_NE(message.find("step-0000000009.safetensors and all older ones are damaged"),
            std::string::npos)
      << message;
  EXPECT_EQ(message.find("another"), std::string::npos) << "one remedy: " << message;
}

TEST(RunFolder, KeepsTheMetricsBeforeTheCheckpoint) {
  const TempFolder folder;
  RunFolder run = create(folder / "run");
  const fs::path file = folder / "run/metrics.jsonl";
  EXPECT_TRUE(run.keep_metrics(3).empty());
  for (Index epoch = 1; epoch <= 5; ++epoch) {
    EpochMetrics metrics{epoch, 1.0 / static_cast<double>(epoch), {}, {}, 1e-300, 0.3, 1e300, 7};
    if (epoch % 2) metrics.validation_loss = metrics.validation_accuracy = 0.1;
    if (epoch == 2) metrics.test_loss = std::numeric_limits<double>::infinity();
    run.append(metrics);
  }
  const std::string all = test::read_file(file);
  test::write_file(file, all + "{\"epoch\": 6, \"train");  // killed while it was written
  EXPECT_EQ(run.keep_metrics(9).size(), 5u);
  EXPECT_EQ(test::read_file(file), all);
  const std::vector<EpochMetrics> kept = run.keep_metrics(3);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[2].train_loss, 1.0 / 3);
  EXPECT_EQ(kept[2].validation_accuracy, 0.1);
  EXPECT_FALSE(kept[1].validation_loss);
  EXPECT_TRUE(std::isnan(kept[1].test_loss));
  EXPECT_EQ(kept[0].seconds, 1e300);
  EXPECT_EQ(run.keep_metrics(5).size(), 3u) << "dropped lines came back";

  test::write_file(file, "junk\n[]\n{}\n{\"epoch\":\"1\"}\n" + all);
  EXPECT_EQ(run.keep_metrics(5).size(), 5u);
  EXPECT_EQ(test::read_file(file), all);
  test::write_file(file, all.substr(all.find('\n') + 1));
  EXPECT_EQ(run.keep_metrics(5).size(), 4u);
}

// A damaged configuration gives the run's own identity or a UserError.
TEST(RunFolder, DamagedConfigurationIsSaid) {
  const TempFolder folder;
  create(folder / "run");
  const fs::path file = folder / "run/config.toml";
  const std::string good = test::read_file(file);
  std::mt19937 random(2);
  for (int trial = 0; trial < 1000; ++trial) {
    std::string bytes = good;
    if (trial % 2) {
      bytes.resize(random() % bytes.size());
    } else {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    test::write_file(file, bytes);
    try {
      read_identity(folder / "run");
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data) << error.what();
      EXPECT_NE(std::string(error.what()).find("run"), std::string::npos) << error.what();
    }
  }
  std::string other = good;
  other.replace(other.find("order_version = 1"), 17, "order_version = 9");
  test::write_file(file, other);
  EXPECT_NE(user_error(Fault::bad_data, [&] { read_identity(folder / "run"); })
                .find("order_version is 9"),
            std::string::npos);
  std::string old = good;
  old.replace(old.find("convoy.run/2"), 12, "convoy.run/1");
  test::write_file(file, old);
  EXPECT_NE(user_error(Fault::bad_data, [&] { open_run(folder / "run"); })
                .find("has files of another version"),
            std::string::npos);
  fs::remove(file);
  user_error(Fault::not_found, [&] { read_identity(folder / "run"); });
}

// As docs/formats.md defines it: of each key and each value, its length in 8 bytes, then its bytes.
std::string digest_of(const safetensors::Metadata& metadata) {
  Sha256 digest;
  for (const auto& [key, value] : metadata) {
    if (key == "metadata_sha256") continue;
    for (const std::string* text : {&key, &value}) {
      digest.update_number(std::uint64_t{text->size()});
      digest.update(std::span(*text));
    }
  }
  return digest.hex();
}

// A checkpoint of another version is good for that version: it is not passed over as damaged, and
// keeps its name.
TEST(RunFolder, CheckpointsOfAnotherVersionAreNotCalledDamaged) {
  const TempFolder folder;
  RunFolder::create(folder / "run", some_identity(), checkpoint_at(0));
  const fs::path file = newest_checkpoint(folder / "run").file;
  const safetensors::Reader reader(file);
  const FileTensors all(reader);
  const std::vector<safetensors::Tensor>& tensors = all.tensors;
  safetensors::Metadata metadata = reader.metadata();
  metadata["schema"] = "convoy.checkpoint/1";
  metadata["version"] = "0.1.0";
  // With the digest of before, the file is damaged, whatever its schema says.
  safetensors::write(file, metadata, tensors);
  std::string message = user_error(Fault::bad_data, [&] { newest_checkpoint(folder / "run"); });
  EXPECT_NE(message.find("damaged"), std::string::npos) << message;

  metadata["metadata_sha256"] = digest_of(metadata);
  safetensors::write(file, metadata, tensors);
  message = user_error(Fault::bad_data, [&] { newest_checkpoint(folder / "run"); });
  EXPECT_NE(message.find("its schema is convoy.checkpoint/1"), std::string::npos) << message;
  EXPECT_NE(message.find("use the build of Convoy 0.1.0 that wrote it"), std::string::npos)
      << message;
  EXPECT_TRUE(fs::exists(file));
}

TEST(RunFolder, CheckpointsOfAnotherOrderVersionAreNotContinued) {
  const TempFolder folder;
  RunFolder run = RunFolder::create(folder / "run", some_identity(), checkpoint_at(0));
  const fs::path file = newest_checkpoint(folder / "run").file;
  const safetensors::Reader reader(file);
  const FileTensors all(reader);
  safetensors::Metadata metadata = reader.metadata();
  metadata["order_version"] = "9";
  metadata["metadata_sha256"] = digest_of(metadata);
  safetensors::write(file, metadata, all.tensors);
  EXPECT_EQ(newest_checkpoint(folder / "run").checkpoint.order_version, 9);
  const std::string message = user_error(Fault::bad_data, [&] { run.take_newest_checkpoint(); });
  EXPECT_NE(message.find("its order_version is 9"), std::string::npos) << message;
  EXPECT_TRUE(fs::exists(file));
}

}  // namespace
}  // namespace convoy
