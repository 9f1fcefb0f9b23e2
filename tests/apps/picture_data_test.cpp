// SPDX-License-Identifier: Apache-2.0
// The program trains on folders of pictures: the weights follow from the pixels and the split, not
// from the cache, the threads or the ranks; a run remembers how its pictures were split.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "data/catalog.hpp"
#include "net/model_file.hpp"
#include "parallel/communicator.hpp"
#include "tests/apps/program.hpp"
#include "tests/data/archives.hpp"
#include "train/data_fit.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using testing::Bytes;
using ::testing::HasSubstr;
using ::testing::Not;

Bytes pgm(unsigned height, unsigned width, unsigned seed) {
  const std::string header = fmt::format("P5 {} {} 255\n", width, height);
  Bytes bytes(header.begin(), header.end());
  const Bytes pixels = testing::random_bytes(std::size_t{height} * width, seed);
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

class PictureData : public ::testing::Test {
 protected:
  PictureData() {
    for (unsigned i = 0; i < 120; ++i) {
      const std::string name = fmt::format("pictures/{}/{}.pgm", "abc"[i % 3], i);
      testing::write_file(folder_.path / name, pgm(20 + i % 17, 15 + i % 23, i));
    }
  }

  void add_broken() {
    testing::write_file(folder_.path / "pictures/a/broken.png", std::string("no picture"));
    testing::write_file(folder_.path / "pictures/b/bomb.pgm", std::string("P5 65535 65535 255\nx"));
  }

  Ended train(const Arguments& more, const std::string& data = "pictures") {
    Arguments arguments{"train", "tiny-relu", "--data", data, "--json", "--set", "train.batch=16"};
    for (const auto& [name, value] : {std::pair("--epochs", "2"), {"--cache", "cache"}}) {
      if (std::ranges::count(more, std::string(name)) == 0) {
        arguments.insert(arguments.end(), {name, value});
      }
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, folder_);
  }

  nlohmann::json trained(const Arguments& more) { return document(train(more)); }

  std::size_t cache_files() const {
    std::error_code ignored;
    const fs::directory_iterator files(folder_.path / "cache", ignored);
    return ignored ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  // The decoded pixels as arrays.
  std::string npz() const {
    DataSettings settings;
    settings.test_fraction = 0.2;
    DataOptions options = data_options(load_model_file("tiny-relu"), settings);
    options.cache = "none";
    const TrainAndTest data = load_data((folder_.path / "pictures").string(), options);
    std::vector<testing::Member> members;
    for (const auto& [name, part] : {std::pair("train", data.train), {"test", data.test}}) {
      Bytes pixels, labels;
      for (Index i = 0; i < part.size(); ++i) {
        pixels.insert(pixels.end(), part.image(i).begin(), part.image(i).end());
        labels.push_back(static_cast<std::uint8_t>(part.label(i)));
      }
      members.push_back({fmt::format("{}_images.npy", name),
                         testing::npy("|u1", fmt::format("({}, 28, 28)", part.size()), pixels)});
      members.push_back({fmt::format("{}_labels.npy", name),
                         testing::npy("|u1", fmt::format("({},)", part.size()), labels)});
    }
    return testing::write_file(folder_.path / "pictures.npz", testing::zip(members)).string();
  }

  ScratchFolder folder_;
};

TEST_F(PictureData, TheWeightsDependOnThePixelsAlone) {
  const Arguments split{"--test-fraction", "0.2"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), split.begin(), split.end());
    return trained(more)["weights_sha256"];
  };
  const auto wanted = with({"--threads", "1"});
  EXPECT_EQ(cache_files(), 1U);
  EXPECT_EQ(with({"--threads", "2"}), wanted) << "warm";
  EXPECT_EQ(with({"--cache", "none", "--threads", "2"}), wanted);
  if (!mpi_launcher().empty()) {
    EXPECT_EQ(with({"--ranks", "3", "--oversubscribe", "--threads", "1"}), wanted) << "warm";
    EXPECT_EQ(with({"--ranks", "3", "--oversubscribe", "--threads", "1", "--cache", "new"}), wanted)
        << "cold";
    EXPECT_EQ(with({"--ranks", "2", "--oversubscribe", "--threads", "1", "--cache", "none"}),
              wanted);
  }
  EXPECT_EQ(document(train({}, npz()))["weights_sha256"], wanted);
  EXPECT_EQ(cache_files(), 1U);
  EXPECT_NE(trained({"--test-fraction", "0.3"})["weights_sha256"], wanted);
  EXPECT_EQ(cache_files(), 1U) << "another split decodes nothing";
}

TEST_F(PictureData, TheFirstStartSaysWhereTheCacheIs) {
  const Ended cold = train({"--test-fraction", "0.2"});
  EXPECT_THAT(cold.err, HasSubstr("decoded pictures are kept in "));
  EXPECT_THAT(cold.err, HasSubstr(" kB), so the next start"));
  EXPECT_THAT(cold.err, Not(HasSubstr(".pictures")));
  EXPECT_THAT(train({"--test-fraction", "0.2"}).err, Not(HasSubstr("decoded pictures are kept")));
}

TEST_F(PictureData, ColoursThatAGreyModelDoesNotSeeAreSaid) {
  const std::string note = " have colours and become grey";
  EXPECT_THAT(train({"--out", "grey"}).err, Not(HasSubstr(note)));
  testing::write_file(folder_.path / "pictures/a/red.ppm",
                      std::string("P6 2 2 255\n\xff\0\0\xff\0\0\xff\0\0\xff\0\0", 23));
  testing::write_file(folder_.path / "pictures/a/grey.ppm",
                      std::string("P6 2 2 255\n\1\1\1\2\2\2\3\3\3\4\4\4", 23));
  EXPECT_THAT(train({"--out", "red"}).err,
              HasSubstr("1 of 122 pictures have colours and become grey, because the model's input "
                        "has 1 channel: convoy new --data "));
  EXPECT_THAT(train({"--out", "cached"}).err, Not(HasSubstr(note)));
  EXPECT_THAT(train({"--out", "memory", "--cache", "none"}).err, HasSubstr(note));
}

TEST_F(PictureData, BadPicturesStopTheProgramOrAreLeftOut) {
  add_broken();
  const Ended stopped = train({"--test-fraction", "0.2"});
  EXPECT_EQ(stopped.code, 65);
  EXPECT_TRUE(is_message(stopped, "2 of 122 pictures in "));
  EXPECT_THAT(stopped.err, HasSubstr("pictures/a/broken.png"));
  EXPECT_THAT(stopped.err, HasSubstr("pictures/b/bomb.pgm"));
  EXPECT_FALSE(fs::exists(folder_.path / "runs"));
  const Ended skipped = train({"--test-fraction", "0.2", "--bad-images", "skip"});
  EXPECT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_THAT(skipped.err, HasSubstr("2 pictures cannot be used and are left out:"));
  EXPECT_THAT(skipped.err, HasSubstr("pictures/b/bomb.pgm"));
}

// No other pictures take the place of those that the seed and the paths choose.
TEST_F(PictureData, AFractionThatHoldsOutNoPictureIsRefused) {
  const Ended none = train({"--test-fraction", "0.2", "--validation", "0.000001"});
  EXPECT_EQ(none.code, 65) << none.err;
  EXPECT_TRUE(is_message(none, "the validation 1e-06 holds out no picture of "));
  const std::string list =
      fmt::format("{}\n{}\n{}\n", "0.pgm,a,train", "1.pgm,b,train", "nothing.png,a,train");
  DataOptions options = data_options(load_model_file("tiny-relu"), {});
  options.cache = "none";
  options.bad_images = BadImages::skip;
  const std::string file = (folder_.path / "few/train.csv").string();
  testing::write_file(file, list);
  testing::write_file(folder_.path / "few/0.pgm", pgm(20, 20, 0));
  testing::write_file(folder_.path / "few/1.pgm", pgm(20, 20, 1));
  testing::write_file(folder_.path / "few/nothing.png", std::string("no picture"));
  EXPECT_TRUE(load_data(file, options).states_validation);
  // A seed that chooses the bad picture alone.
  options.validation = 0.3;
  bool is_refused = false;
  for (options.seed = 0; options.seed < 200 && !is_refused; ++options.seed) {
    try {
      EXPECT_FALSE(load_data(file, options).validation.empty());
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::bad_data);
      is_refused = std::string(error.what()).find("choose can be used") != std::string::npos;
    }
  }
  EXPECT_TRUE(is_refused);
}

TEST_F(PictureData, ARunContinuesAndIsTestedWithItsOwnSplit) {
  add_broken();
  const Arguments choice{"--test-fraction", "0.25", "--validation", "0.2", "--bad-images", "skip"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), choice.begin(), choice.end());
    return trained(more);
  };
  const auto whole = with({"--epochs", "3", "--out", "whole"});
  with({"--epochs", "1", "--out", "parts"});
  const std::string config = read_file(folder_.path / "parts/config.toml");
  EXPECT_THAT(config, HasSubstr("test_fraction = 0.25\nbad_images = \"skip\"\n"));
  fs::remove(folder_.path / "parts/config.toml");  // checkpoints hold the same
  const Ended rest =
      run({"train", "--resume", "parts", "--epochs", "3", "--json", "--cache", "cache"}, folder_);
  EXPECT_EQ(document(rest)["weights_sha256"], whole["weights_sha256"]);
  const Ended tested =
      run({"eval", "parts", "--json", "--checkpoint", "last", "--cache", "cache"}, folder_);
  EXPECT_EQ(document(tested)["accuracy"], whole["epochs"].back()["test_accuracy"]);
  EXPECT_EQ(run({"train", "--resume", "parts", "--test-fraction", "0.3"}, folder_).code, 2);
}

// Names of classes decide, not the order of their folders.
TEST_F(PictureData, ClassesAreComparedByName) {
  trained({"--test-fraction", "0.25", "--out", "run"});
  for (const char* part : {"a", "b", "c"}) {
    fs::create_directories(folder_.path / "other/train");
    fs::create_directories(folder_.path / "other/test");
    fs::copy(folder_.path / "pictures" / part, folder_.path / "other/train" / part,
             fs::copy_options::recursive);
    fs::copy(folder_.path / "pictures" / part, folder_.path / "other/test" / part,
             fs::copy_options::recursive);
  }
  const auto other = [&](const char* command, const Arguments& more = {}) {
    Arguments line{command, "run", "--data", "other"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line, folder_);
  };
  const nlohmann::json wanted = document(other("eval", {"--json", "--cache", "cache"}));
  EXPECT_EQ(wanted["samples"], 120);
  // Without class a, b and c have other numbers.
  fs::remove_all(folder_.path / "other/train/a");
  fs::remove_all(folder_.path / "other/test/a");
  const nlohmann::json fewer = document(other("eval", {"--json", "--cache", "cache"}));
  EXPECT_EQ(fewer["samples"], 80);
  EXPECT_EQ(fewer["confusion_matrix"][0], nlohmann::json(std::vector<int>(10, 0)));
  EXPECT_EQ(fewer["confusion_matrix"][1], wanted["confusion_matrix"][1]);
  EXPECT_EQ(fewer["confusion_matrix"][2], wanted["confusion_matrix"][2]);
  fs::rename(folder_.path / "other/train/b", folder_.path / "other/train/beta");
  fs::rename(folder_.path / "other/test/b", folder_.path / "other/test/beta");
  for (const char* command : {"eval", "report"}) {
    const Ended refused = other(command);
    EXPECT_EQ(refused.code, 65);
    EXPECT_THAT(
        refused.err,
        HasSubstr("(the classes differ: only the model has a, b, only the data has beta): give "));
  }
  fs::rename(folder_.path / "pictures/b", folder_.path / "pictures/beta");
  const Ended resumed = run({"train", "--resume", "run", "--epochs", "3"}, folder_);
  EXPECT_EQ(resumed.code, 65);
  EXPECT_THAT(resumed.err,
              HasSubstr("(the classes differ: only the model has b, only the data has beta): "));
}

// Pictures given for the test have no reason to be in parts.
TEST_F(PictureData, OtherDataWithoutPartsAreTestedWhole) {
  document(train({"--out", "run"}));
  fs::create_directory(folder_.path / "other");
  fs::copy(folder_.path / "pictures", folder_.path / "other/test", fs::copy_options::recursive);
  fs::copy(folder_.path / "pictures", folder_.path / "other/train", fs::copy_options::recursive);
  fs::remove(*fs::directory_iterator(folder_.path / "other/train/a"));
  const Arguments words{"eval", "run", "--cache", "cache", "--json", "--data"};
  const auto tested = [&](const std::string& data) {
    Arguments line = words;
    line.push_back(data);
    return run(line, folder_);
  };
  const nlohmann::json wanted = document(tested("other"));
  EXPECT_EQ(wanted["samples"], 120);
  EXPECT_EQ(tested("other/test").code, 65) << "these are the training images";
  for (const char* name : {"0", "1", "2"}) {
    const std::string file = fmt::format("{}/{}.pgm", "abc"[*name - '0'], name);
    fs::create_directories((folder_.path / "new" / file).parent_path());
    fs::rename(folder_.path / "other/test" / file, folder_.path / "new" / file);
  }
  const Ended fresh = tested("new");
  EXPECT_THAT(fresh.err, HasSubstr("new has no test part, so all of its images are tested"));
  EXPECT_EQ(document(fresh)["samples"], 3);
}

// Another split of the run's data would test training images.
TEST_F(PictureData, ARunsOwnDataAreSplitAsInTheRun) {
  document(train({"--out", "run", "--test-fraction", "0.2"}));
  document(train({"--out", "unsplit"}));
  fs::create_directory_symlink("pictures", folder_.path / "link");
  const auto tested = [&](const Arguments& more) {
    Arguments line{"eval", "run", "--cache", "cache", "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line, folder_);
  };
  const nlohmann::json wanted = document(tested({}));
  EXPECT_LT(wanted["samples"], 60);
  for (const Arguments& same : {Arguments{"--data", "pictures"},
                                {"--data", "link"},
                                {"--data", "./pictures/", "--test-fraction", "0.2"}})
    EXPECT_EQ(document(tested(same))["test_data_sha256"], wanted["test_data_sha256"]);
  const Ended refused = tested({"--test-fraction", "0.6"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(is_message(refused, "--test-fraction 0.6 is not that of the run, which has 0.2"));
  const Ended none =
      run({"eval", "unsplit", "--cache", "cache", "--test-fraction", "0.2"}, folder_);
  EXPECT_TRUE(is_message(none, "--test-fraction 0.2 is not that of the run, which has none"));
  const Ended all = run({"eval", "unsplit", "--cache", "cache", "--data", "pictures"}, folder_);
  EXPECT_EQ(all.code, 65);
}

TEST_F(PictureData, WithoutTestImagesNothingIsTested) {
  const Ended ended = train({"--out", "run"});
  const nlohmann::json result = document(ended);
  EXPECT_TRUE(result["epochs"][1].at("test_accuracy").is_null()) << result;
  EXPECT_TRUE(result["epochs"][1].at("test_loss").is_null()) << result;
  EXPECT_THAT(ended.err, Not(HasSubstr("  test ")));
  EXPECT_THAT(ended.err, Not(HasSubstr("accuracy")));
  EXPECT_THAT(ended.err, Not(HasSubstr("convoy eval")));
  EXPECT_THAT(ended.err, HasSubstr("pictures has no test images"));
  EXPECT_THAT(ended.err, HasSubstr("--test-fraction 0.2"));
  const Ended resumed =
      run({"train", "--resume", "run", "--epochs", "3", "--cache", "cache"}, folder_);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, Not(HasSubstr("lacks epochs")));
  const Ended tested = run({"eval", "run", "--cache", "cache"}, folder_);
  EXPECT_EQ(tested.code, 65);
  EXPECT_TRUE(is_message(tested, "pictures has no test images"));
  EXPECT_THAT(tested.err, HasSubstr("--test-fraction 0.2"));
  const Ended report = run({"report", "run"}, folder_);
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(report.err, HasSubstr("shows only curves of run: pictures has no test images"));
  const std::string page = read_file(folder_.path / "report.html");
  EXPECT_THAT(page, HasSubstr("Not tested: pictures has no test images"));
  EXPECT_THAT(page, Not(HasSubstr("not finite")));
}

TEST_F(PictureData, AModelWithMoreOutputsThanClassesIsToldOf) {
  const std::string hint = "model tiny-relu has 10 outputs, but pictures has 3 classes: convoy new";
  EXPECT_THAT(train({}).err, HasSubstr(hint));
  const Ended made = run({"new", "--data", "pictures"}, folder_);
  ASSERT_EQ(made.code, 0) << made.err;
  testing::write_file(folder_.path / "mine.toml", made.out);
  const Ended fitting = run({"train", "mine.toml", "--data", "pictures", "--epochs", "1"}, folder_);
  EXPECT_EQ(fitting.code, 0) << fitting.err;
  EXPECT_THAT(fitting.err, Not(HasSubstr("outputs, but")));
}

TEST_F(PictureData, AStudyWithoutTestImagesHasNoTargetAccuracy) {
  if (std::system("command -v gnuplot >/dev/null") != 0) GTEST_SKIP() << "no gnuplot here";
  const Ended ended = run({"study", "tiny-relu", "--data", "pictures", "--epochs", "1", "--layouts",
                           "1x1", "--repeats", "1", "--out", "s"},
                          folder_);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, Not(HasSubstr("ccuracy"))) << ended.out;
  EXPECT_THAT(ended.out, Not(HasSubstr("nan")));
}

TEST_F(PictureData, AFractionOfDataWithTestImagesIsRefused) {
  const Ended ended = run({"train", "--data", "synthetic", "--test-fraction", "0.2"}, folder_);
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(is_message(ended, "the test fraction 0.2 cannot be taken of synthetic"));
}

TEST_F(PictureData, CtrlCWhilePicturesAreDecodedLeavesNothing) {
  const Bytes large = pgm(3000, 3000, 1);
  for (unsigned i = 0; i < 60; ++i) {  // about two seconds of work
    testing::write_file(folder_.path / fmt::format("pictures/a/large-{}.pgm", i), large);
  }
  Child child(convoy({"train", "tiny-relu", "--data", "pictures", "--cache", "cache", "--out",
                      "run", "--threads", "1"}),
              folder_.path);
  for (int tries = 0; cache_files() == 0 && tries < 2000; ++tries) ::usleep(1000);
  child.signal(SIGINT);
  const Ended ended = child.wait();
  EXPECT_EQ(ended.code, 75) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("stopped while pictures were read"));
  EXPECT_EQ(cache_files(), 0U);
  EXPECT_FALSE(fs::exists(folder_.path / "run"));
}

TEST_F(PictureData, StudiesAndReportsReadThemAsTheRunsDo) {
  if (std::system("command -v gnuplot >/dev/null") != 0) GTEST_SKIP() << "no gnuplot here";
  add_broken();
  const Ended stopped =
      run({"study", "tiny-relu", "--data", "pictures", "--dry-run", "--cache", "cache"}, folder_);
  EXPECT_EQ(stopped.code, 65);
  EXPECT_THAT(stopped.err, HasSubstr("broken.png"));
  const Ended ended =
      run({"study",           "tiny-relu", "--data",       "pictures", "--layouts",    "1x1",
           "--epochs",        "1",         "--repeats",    "1",        "--bad-images", "skip",
           "--test-fraction", "0.25",      "--validation", "0.2",      "--cache",      "cache",
           "--out",           "s",         "--json"},
          folder_);
  ASSERT_EQ(ended.code, 0) << ended.err;
  const nlohmann::json study = document(ended);
  EXPECT_EQ(study["plan"]["bad_images"], "skip");
  const nlohmann::json one =
      trained({"--bad-images", "skip", "--test-fraction", "0.25", "--validation", "0.2", "--epochs",
               "1", "--set", "train.batch=32", "--out", "run"});
  EXPECT_EQ(study["runs"][0]["weights_sha256"], one["weights_sha256"]);
  EXPECT_EQ(cache_files(), 1u) << "one cache serves all";
  fs::remove_all(folder_.path / "cache");
  const Ended report = run({"report", "run", "--cache", "other"}, folder_);
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_TRUE(fs::is_directory(folder_.path / "other"));
  EXPECT_FALSE(fs::exists(folder_.path / "cache"));
  EXPECT_THAT(read_file(folder_ / "report.html"),
              HasSubstr("25.00 % of the pictures made test images, without pictures that cannot"));
  const Ended with_study = run({"report", "s", "--cache", "other"}, folder_);
  EXPECT_TRUE(is_message(with_study, "--cache with a study"));
}

}  // namespace
}  // namespace convoy::test
