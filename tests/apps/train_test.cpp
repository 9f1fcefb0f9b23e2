// SPDX-License-Identifier: Apache-2.0
// Whole runs of the program: the files that they write, and the same bits after any interruption.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Train : public ::testing::Test {
 protected:
  // Runs convoy train ... --json with the further arguments `more`.
  static Arguments line(const Arguments& more, const Arguments& first = {"tiny-relu"}) {
    Arguments words{"train"};
    words.insert(words.end(), first.begin(), first.end());
    words.insert(words.end(), {"--json"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json trained(const Arguments& more, int code = 0) {
    Arguments words{"--data", "synthetic", "--limit", "257"};
    words.insert(words.end(), more.begin(), more.end());
    const Ended ended = run(line(words), folder_);
    EXPECT_EQ(ended.code, code) << ended.err;
    return document(ended);
  }
  json resumed(const std::string& run_folder, const Arguments& more = {}, int code = 0) {
    const Ended ended = run(line(more, {"--resume", run_folder}), folder_);
    EXPECT_EQ(ended.code, code) << ended.err;
    return document(ended);
  }
  static std::vector<double> losses(const json& document) {
    std::vector<double> result;
    for (const json& epoch : document["epochs"]) {
      result.push_back(epoch["train_loss"]);
      result.push_back(epoch["test_loss"]);
      result.push_back(epoch["test_accuracy"]);
    }
    return result;
  }

  ScratchFolder folder_;
};

TEST_F(Train, JsonHasEveryKey) {
  const json result = trained({"--epochs", "2", "--out", "a", "--threads", "1"});
  for (const char* key :
       {"schema",     "version",       "status",         "model",        "data",
        "arithmetic", "seed",          "batch",          "grain",        "ranks",
        "threads",    "ranks_by",      "threads_by",     "device",       "isa",
        "reduction",  "samples",       "settings",       "machine",      "peak_memory_bytes",
        "epochs",     "train_seconds", "weights_sha256", "state_sha256", "checkpoint"}) {
    EXPECT_TRUE(result.contains(key)) << key;
  }
  EXPECT_EQ(result["schema"], "convoy.train/2");
  EXPECT_EQ(result["status"], "done");
  EXPECT_EQ(result["samples"], 257);
  EXPECT_EQ(result["threads"], 1);
  EXPECT_EQ(result["epochs"].size(), 2u);
  EXPECT_EQ(result["settings"]["epochs"], 2);
  EXPECT_EQ(std::string(result["weights_sha256"]).size(), 64u);
  EXPECT_GT(result["peak_memory_bytes"], 0);
  EXPECT_TRUE(fs::exists(folder_.path / std::string(result["checkpoint"])));

  const nlohmann::json eval = document(run({"eval", "a", "--json"}, folder_));
  EXPECT_EQ(eval["weights_sha256"], result["weights_sha256"]);
  EXPECT_EQ(eval["accuracy"], result["epochs"][1]["test_accuracy"]);
  EXPECT_EQ(eval["loss"], result["epochs"][1]["test_loss"]);
}

// A batch that is not full is no part of an epoch where train.drop_last leaves it out.
TEST_F(Train, CountsTheSamplesThatAnEpochTrainsOn) {
  const auto run_with = [&](const Arguments& more, const std::string& out) {
    Arguments all{"--data", "synthetic",      "--limit", "257",           "--epochs", "1",
                  "--set",  "train.batch=32", "--set",   "train.grain=4", "--out",    out};
    all.insert(all.end(), more.begin(), more.end());
    return run(line(all), folder_);
  };
  const Ended whole = run_with({"--set", "train.drop_last=true"}, "whole");
  EXPECT_EQ(document(whole)["samples"], 256);
  EXPECT_NE(whole.err.find(" 256 training images"), std::string::npos) << whole.err;
  const Ended part = run_with({"--set", "train.drop_last=true", "--validation", "0.5"}, "part");
  EXPECT_EQ(document(part)["samples"], 128);
  EXPECT_EQ(document(run_with({}, "all"))["samples"], 257);
}

// Validation, test and eval measure the average, unless the model or the option names the trained
// weights.
TEST_F(Train, AnAverageIsWhatIsTested) {
  const Arguments ema{"--set", "average.type=ema", "--set", "average.decay=0.9"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), ema.begin(), ema.end());
    return trained(more);
  };
  const json plain = trained({"--epochs", "1", "--validation", "0.2", "--out", "plain"});
  const json average = with({"--epochs", "1", "--validation", "0.2", "--out", "a"});
  const json named = with(
      {"--epochs", "1", "--validation", "0.2", "--set", "average.evaluate=trained", "--out", "b"});
  EXPECT_EQ(plain["average_sha256"], nullptr);
  EXPECT_FALSE(plain["settings"].contains("average"));
  EXPECT_EQ(average["settings"]["average"]["decay"], 0.9);
  EXPECT_EQ(average["weights_sha256"], plain["weights_sha256"]);
  EXPECT_EQ(named["average_sha256"], average["average_sha256"]);
  EXPECT_EQ(named["epochs"][0]["test_loss"], plain["epochs"][0]["test_loss"]);
  EXPECT_NE(average["epochs"][0]["test_loss"], plain["epochs"][0]["test_loss"]);
  EXPECT_NE(average["epochs"][0]["validation_loss"], plain["epochs"][0]["validation_loss"]);
  EXPECT_EQ(average["epochs"][0]["train_loss"], plain["epochs"][0]["train_loss"]);

  const auto eval = [&](Arguments more) {
    more.insert(more.begin(), "eval");
    more.emplace_back("--json");
    return document(run(more, folder_));
  };
  const json by_model = eval({"a"}), by_option = eval({"a", "--weights", "trained"});
  EXPECT_NE(run({"eval", "a"}, folder_).out.find(", average of the weights\n"), std::string::npos);
  EXPECT_NE(run({"eval", "b"}, folder_).out.find(", trained weights\n"), std::string::npos);
  EXPECT_EQ(run({"eval", "plain"}, folder_).out.find("weights"), std::string::npos);
  EXPECT_EQ(by_model["weights"], "average");
  EXPECT_EQ(by_model["loss"], average["epochs"][0]["test_loss"]);
  EXPECT_EQ(by_model["average_sha256"], average["average_sha256"]);
  EXPECT_EQ(by_option["weights"], "trained");
  EXPECT_EQ(by_option["loss"], plain["epochs"][0]["test_loss"]);
  EXPECT_EQ(eval({"b"})["loss"], by_option["loss"]);
  EXPECT_EQ(eval({"b", "--weights", "average"})["loss"], by_model["loss"]);
  EXPECT_EQ(eval({"plain"})["weights"], "trained");
  const Ended refused = run({"eval", "plain", "--weights", "average"}, folder_);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("has no average"), std::string::npos) << refused.err;
}

TEST_F(Train, ShortOptionsAreKeysOfTheModel) {
  const json by_options = trained({"--epochs", "2", "--batch", "48", "--grain", "5", "--seed", "7",
                                   "--no-shuffle", "--out", "a"});
  const json by_keys =
      trained({"--set", "train.epochs=2", "--set", "train.batch=48", "--set", "train.grain=5",
               "--set", "train.seed=7", "--set", "train.order=sequential", "--out", "b"});
  EXPECT_EQ(by_options["settings"], by_keys["settings"]);
  EXPECT_EQ(by_options["settings"]["order"], "sequential");
  EXPECT_EQ(by_options["state_sha256"], by_keys["state_sha256"]);
  const json other = trained({"--epochs", "2", "--batch", "48", "--grain", "5", "--seed", "8",
                              "--no-shuffle", "--out", "c"});
  EXPECT_NE(by_options["state_sha256"], other["state_sha256"]);
}

TEST_F(Train, LayoutIsNoPartOfTheResult) {
  const std::string digest =
      trained({"--threads", "1", "--isa", "reference", "--out", "a"})["state_sha256"];
  for (const char* threads_by : {"data", "tensor"}) {
    const json result = trained(
        {"--threads", "3", "--oversubscribe", "--threads-by", threads_by, "--out", threads_by});
    EXPECT_EQ(result["threads_by"], threads_by);
    EXPECT_EQ(result["state_sha256"], digest);
  }
}

TEST_F(Train, ThreadsComeFromTheEnvironmentUnlessGiven) {
  const Arguments arguments{"--data", "synthetic", "--limit", "64", "--oversubscribe"};
  Arguments given = arguments;
  given.insert(given.end(), {"--threads", "2"});
  const json by_variable = document(run(line(arguments), folder_, {"OMP_NUM_THREADS=3"}));
  const json by_option = document(run(line(given), folder_, {"OMP_NUM_THREADS=3"}));
  EXPECT_EQ(by_variable["threads"], 3);
  EXPECT_EQ(by_option["threads"], 2);
}

TEST_F(Train, DefaultFoldersAreUniqueAndQuietIsQuiet) {
  for (int i = 0; i < 3; ++i) {
    const Ended ended =
        run({"train", "--data", "synthetic", "--limit", "8", "--epochs", "1", "--quiet"}, folder_);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.out + ended.err, "");
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path / "runs"), {}), 3);
}

// Stops a run by the signals `numbers` at random moments, and resumes it with other numbers of
// threads until it is done.
void stop_and_go_on(const ScratchFolder& folder, const std::vector<int>& numbers, const json& whole,
                    const Arguments& begin) {
  std::random_device dice;
  Arguments arguments = begin;
  arguments.insert(arguments.end(), {"--out", "stopped", "--threads", "1"});
  int stops = 0;
  for (bool done = false; !done; ++stops) {
    Child child(convoy(arguments), folder.path);
    if (stops < 2) {
      child.wait_for(stops == 0 ? "epoch 1/" : "continuing in");
      std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 30));
      for (const int number : numbers) child.signal(number);
    }
    const Ended ended = child.wait();
    const json result = document(ended);
    ASSERT_TRUE(ended.code == 0 || ended.code == 75) << ended.code << ended.err;
    done = ended.code == 0;
    EXPECT_EQ(result["status"], done ? "done" : "stopped");
    if (!done) {
      EXPECT_NE(ended.err.find("convoy train --resume stopped"), std::string::npos);
    } else {
      EXPECT_EQ(result["state_sha256"], whole["state_sha256"]);
      EXPECT_EQ(result["weights_sha256"], whole["weights_sha256"]);
      ASSERT_EQ(result["epochs"].size(), whole["epochs"].size());
      for (std::size_t i = 0; i < whole["epochs"].size(); ++i) {
        EXPECT_EQ(result["epochs"][i]["train_loss"], whole["epochs"][i]["train_loss"]);
        EXPECT_EQ(result["epochs"][i]["test_accuracy"], whole["epochs"][i]["test_accuracy"]);
      }
    }
    arguments = {"train", "--resume", "stopped", "--json", "--threads", "2", "--oversubscribe"};
  }
  EXPECT_GE(stops, 2) << "it was never stopped";
}

TEST_F(Train, StoppedRunContinuesToTheSameBits) {
  const Arguments begin{"train",   "lenet5", "--data",   "synthetic", "--batch", "48",
                        "--grain", "5",      "--epochs", "4",         "--json"};
  Arguments uninterrupted = begin;
  uninterrupted.insert(uninterrupted.end(), {"--out", "whole"});
  const json whole = document(run(uninterrupted, folder_));
  // timeout(1) signals the process and its group, so that a signal may come twice at once.
  for (const auto& numbers : {std::vector<int>{SIGINT},
                              {SIGTERM},
                              {SIGHUP},
                              {SIGINT, SIGINT},
                              {SIGTERM, SIGTERM, SIGHUP}}) {
    stop_and_go_on(folder_, numbers, whole, begin);
    fs::remove_all(folder_.path / "stopped");
  }
}

TEST_F(Train, SecondInterruptEndsAtOnce) {
  // One step of this run takes longer than the test waits.
  Child child(convoy({"train", "vgg-small", "--data", "synthetic", "--batch", "1024", "--isa",
                      "reference", "--threads", "1", "--out", "a"}),
              folder_.path);
  child.wait_for("run folder");
  child.signal(SIGINT);
  child.wait_for("stopping");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait().code, 128 + SIGINT);
  EXPECT_EQ(run({"predict", "a", "nowhere.png"}, folder_).code, 66) << "the checkpoint still loads";
}

TEST_F(Train, NotFiniteEndsWithTheLastGoodCheckpoint) {
  const json result =
      trained({"--set", "optimizer.learning_rate=1e30", "--epochs", "2", "--out", "a"}, 76);
  EXPECT_EQ(result["status"], "not_finite");
  EXPECT_FALSE(std::string(result["message"]).empty());
  EXPECT_EQ(run({"eval", "a"}, folder_).code, 0);
}

TEST_F(Train, ResumeExtendsTheRun) {
  const json whole = trained({"--epochs", "4", "--out", "whole"});
  trained({"--epochs", "2", "--out", "a"});
  EXPECT_EQ(run({"train", "--resume", "a", "--epochs", "1"}, folder_).code, 2);
  const json again = resumed("a");
  EXPECT_EQ(again["epochs"].size(), 2u);  // all epochs were done
  const json extended = resumed("a", {"--epochs", "4"});
  EXPECT_EQ(extended["state_sha256"], whole["state_sha256"]);
  EXPECT_EQ(losses(extended), losses(whole));
}

TEST_F(Train, RequeuedCommandBeginsOrContinues) {
  const Arguments command{"--epochs", "2", "--out", "a", "--resume-if-present"};
  const json first = trained(command);
  const json second = trained(command);
  EXPECT_EQ(first["state_sha256"], second["state_sha256"]);
  EXPECT_EQ(first["epochs"], second["epochs"]);

  const Arguments start{"train", "--data", "synthetic", "--out", "a", "--resume-if-present"};
  for (const Arguments& other : {Arguments{"--seed", "2", "--limit", "257"},
                                 {"--limit", "100"},
                                 {"--limit", "257", "--validation", "0.5"},
                                 {"lenet5", "--limit", "257"}}) {
    Arguments words = start;
    words.insert(words.end(), other.begin(), other.end());
    const Ended ended = run(words, folder_);
    EXPECT_EQ(ended.code, 2);
    EXPECT_TRUE(is_message(ended, "can't continue with"));
  }
  const Ended plain = run({"train", "--data", "synthetic", "--out", "a"}, folder_);
  EXPECT_EQ(plain.code, 2);
  EXPECT_TRUE(is_message(plain, "--resume a"));
}

// A small data set as files: IDX, with a pattern for each label.
void write_idx(const fs::path& folder, int shift) {
  fs::create_directories(folder);
  for (const auto& [name, count] :
       {std::pair{std::string("train"), 40}, {std::string("t10k"), 16}}) {
    std::string images{'\0', '\0', 8, 3,  0, 0, 0, static_cast<char>(count),
                       0,    0,    0, 28, 0, 0, 0, 28};
    std::string labels{'\0', '\0', 8, 1, 0, 0, 0, static_cast<char>(count)};
    for (int i = 0; i < count; ++i) {
      for (int p = 0; p < 784; ++p) images += static_cast<char>((p * (i % 10 + 1) + shift) % 251);
      labels += static_cast<char>(i % 10);
    }
    write_file(folder / (name + "-images-idx3-ubyte"), images);
    write_file(folder / (name + "-labels-idx1-ubyte"), labels);
  }
}

TEST_F(Train, DataThatWereMovedOrRemoved) {
  const fs::path data = folder_.path / "data";
  write_idx(data, 0);
  // Resumed from another folder: the data's place is kept as an absolute path.
  const Ended first = run({"train", "--data", "data", "--epochs", "1", "--out", "a"}, folder_);
  ASSERT_EQ(first.code, 0) << first.err;
  const ScratchFolder elsewhere;
  const Arguments resume{"train", "--resume", folder_ / "a", "--epochs", "2"};
  const Arguments eval{"eval", folder_ / "a", "--json"};
  EXPECT_EQ(run(eval, elsewhere).code, 0);

  fs::rename(data, folder_.path / "moved");
  for (const Arguments& words : {resume, eval}) {
    const Ended ended = run(words, elsewhere);
    EXPECT_EQ(ended.code, 66);
    EXPECT_TRUE(is_message(ended, "data"));
  }
  write_idx(data, 1);  // other images
  const Ended other = run(resume, elsewhere);
  EXPECT_EQ(other.code, 65);
  EXPECT_TRUE(is_message(other, "SHA-256"));
  fs::resize_file(data / "train-images-idx3-ubyte", 1000);
  const Ended ended = run(resume, elsewhere);
  EXPECT_EQ(ended.code, 65);
  EXPECT_TRUE(is_message(ended, "train-images-idx3-ubyte"));

  const auto with_data = [&](const std::string& name) {
    Arguments words = resume;
    words.insert(words.end(), {"--data", name});
    return run(words, elsewhere);
  };
  const Ended another = with_data("synthetic");  // a change of a setting, like --limit
  EXPECT_EQ(another.code, 2);
  EXPECT_TRUE(is_message(another, "--data is " + folder_ / "data" + ", not synthetic"));
  const Ended if_present =
      run({"train", "--data", "synthetic", "--out", "a", "--resume-if-present"}, folder_);
  EXPECT_EQ(if_present.code, 2);
  EXPECT_TRUE(is_message(if_present, ", not synthetic"));
  EXPECT_EQ(with_data(folder_ / "moved").code, 0);
}

TEST_F(Train, DataThatDoesNotFitTheModel) {
  const std::string model = read_file(fs::path(CONVOY_SOURCE_DIR) / "models" / "tiny-relu.toml");
  write_file(folder_ / "m.toml", model);
  const Ended ended =
      run({"train", "./m.toml", "--set", "input.height=20", "--data", "synthetic"}, folder_);
  EXPECT_EQ(ended.code, 65);
  EXPECT_TRUE(is_message(ended, "28"));
}

TEST_F(Train, FullDisk) {
  // A limit on the size of files stands for a full disk: the weights alone are larger.
  const Ended ended = run_script(
      "trap '' XFSZ; ulimit -f 16; exec \"$CONVOY\" train --data synthetic --limit 64 --out a "
      "--json",
      folder_);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(is_message(ended, "a"));
  EXPECT_EQ(run({"train", "--data", "synthetic", "--limit", "64", "--out", "a"}, folder_).code, 0)
      << "what it left is not in the way";
}

TEST_F(Train, FolderThatMayNotBeWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "permissions do not bind root";
  fs::permissions(folder_.path, fs::perms::owner_read | fs::perms::owner_exec);
  const Ended ended = run({"train", "--data", "synthetic", "--limit", "64", "--out", "a"}, folder_);
  fs::permissions(folder_.path, fs::perms::owner_all);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(is_message(ended, "a"));
}

TEST_F(Train, FolderThatCanNotBeMade) {
  const Ended ended =
      run({"train", "--data", "synthetic", "--limit", "64", "--out", "/proc/convoy-run"}, folder_);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(
      is_message(ended, "give a folder with free space and write permission, or check the path"));
}

TEST_F(Train, AClosedProgressPipeDoesNotEndTheRun) {
  const Ended ended = run_script(
      "{ sleep 0.3; \"$CONVOY\" train --data synthetic --limit 64 --out a; echo $? >code; } 2>&1 "
      "| true; cat code",
      folder_);
  EXPECT_EQ(ended.out, "0\n");
}

}  // namespace
}  // namespace convoy::test
