// SPDX-License-Identifier: Apache-2.0
// convoy report: the content of the file, and input that it refuses.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "report/gnuplot.hpp"
#include "tests/apps/program.hpp"
#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

class Report : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gnuplot::find().empty()) GTEST_SKIP() << "no gnuplot here: scripts/setup installs it";
  }

  void train(const std::string& name, const Arguments& more = {}) {
    Arguments line{"train",    "tiny-relu", "--data",  "synthetic", "--limit", "200",
                   "--epochs", "3",         "--quiet", "--out",     name};
    line.insert(line.end(), more.begin(), more.end());
    const Ended ended = run(line, folder_);
    ASSERT_EQ(ended.code, 0) << ended.err;
  }

  Ended report(const Arguments& more, const Arguments& variables = {}) {
    Arguments line{"report", "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line, folder_, variables);
  }

  std::string page(const std::string& file = "report.html") { return read_file(folder_ / file); }

  // The texts of a page, which has to be well-formed XML but for its first line.
  static std::vector<std::string> texts(const std::string& page) {
    const auto found = texts_of_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
                                    page.substr(page.find('\n') + 1));
    EXPECT_TRUE(found);
    return found.value_or(std::vector<std::string>{});
  }

  ScratchFolder folder_;
};

TEST_F(Report, OfOneRun) {
  train("runs/first", {"--validation", "0.2"});
  const Ended ended = report({"runs/first"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "");
  const std::string html = page();
  const auto words = texts(html);
  const auto says = [&](const std::string& text) {
    return std::count(words.begin(), words.end(), text) > 0;
  };
  for (const char* text :
       {"Training report: tiny-relu on synthetic", "Learning curves", "Loss over epochs",
        "Loss over seconds", "Accuracy over epochs", "Accuracy over seconds", "seconds of training",
        "accuracy (%)", "validation", "training", "test", "Run first", "Confusion matrix",
        "predicted class", "Most confused"}) {
    EXPECT_TRUE(says(text)) << text;
  }
  EXPECT_EQ(occurrences(html, "<svg "), 4);
  // The output of eval for this run.
  const nlohmann::json eval = document(run({"eval", "runs/first", "--json"}, folder_));
  EXPECT_TRUE(says(eval["weights_sha256"].get<std::string>()));
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < eval["confusion_matrix"].size(); ++i) {
    for (std::size_t j = 0; j < eval["confusion_matrix"].size(); ++j) {
      const auto count = eval["confusion_matrix"][i][j].get<std::int64_t>();
      if (i != j) wrong += count;
      EXPECT_TRUE(says(std::to_string(count)));
    }
  }
  EXPECT_EQ(occurrences(html, "src=\"data:image/png;base64,iVBOR"),
            std::min<std::int64_t>(wrong, 24));
  for (const char* part : {"<script", "https://", "src=\"h", "@import", "url(h"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(occurrences(html, "http://"), occurrences(html, "http://www.w3.org/2000/svg"));
}

// The probabilities of 1,025 images with 65,536 classes have more than 256 MiB.
TEST_F(Report, ManyClassesAreListedWithoutPictures) {
  const auto idx = [](const std::string& head, int count, const std::string& rest) {
    return std::string{'\0', '\0'} + head +
           std::string{'\0', '\0', static_cast<char>(count >> 8), static_cast<char>(count)} + rest;
  };
  fs::create_directories(folder_ / "many");
  const std::string sides{'\0', '\0', '\0', 1, '\0', '\0', '\0', 1};
  for (const auto& [part, count] : {std::pair{std::string("train"), 4}, {"t10k", 1025}}) {
    std::string labels;  // 32 bits: 65,535
    for (int i = 0; i < count; ++i) labels += std::string{'\0', '\0', '\xFF', '\xFF'};
    const auto pixels = std::string(static_cast<std::size_t>(count), '\x07');
    write_file(folder_ / ("many/" + part + "-images-idx3-ubyte"),
               idx("\x08\x03", count, sides + pixels));
    write_file(folder_ / ("many/" + part + "-labels-idx1-int"), idx("\x0C\x01", count, labels));
  }
  write_file(folder_ / "many.toml",
             "name = \"many\"\ninput = { height = 1, width = 1, channels = 1 }\n[[layer]]\n"
             "type = \"dense\"\nunits = 65536\n[loss]\ntype = \"softmax_cross_entropy\"\n"
             "[optimizer]\nlearning_rate = 0\n");
  const Ended trained =
      run({"train", "many.toml", "--data", "many", "--quiet", "--out", "run"}, folder_);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const nlohmann::json eval = document(run({"eval", "run", "--json"}, folder_));
  EXPECT_TRUE(eval["confusion_matrix"].is_null());
  ASSERT_EQ(eval["confusion_cells"].size(), 1u);
  EXPECT_EQ(eval["confusion_cells"][0][0], 65535);
  EXPECT_EQ(eval["confusion_cells"][0][2], 1025);
  EXPECT_EQ(eval["class_names"].size(), 65536u);
  // They are computed in two parts, and all samples have one class.
  EXPECT_EQ(eval["top_k"]["k"], 5);
  EXPECT_EQ(eval["top_k"]["accuracy"], eval["accuracy"]);
  EXPECT_EQ(eval["class_scores"][65535]["samples"], 1025);
  ASSERT_EQ(report({"run"}).code, 0);
  const std::string html = page();
  EXPECT_NE(html.find("The 256 of 65,536 classes with the most wrong predictions are listed."),
            std::string::npos);
  EXPECT_NE(
      html.find("the probabilities of 65,536 classes for all test images take more than 256 MiB"),
      std::string::npos);
}

TEST_F(Report, ComparesRuns) {
  train("a", {"--threads", "1"});
  train("b", {"--threads", "2", "--oversubscribe"});
  train("more/c", {"--set", "train.seed=5"});
  ASSERT_EQ(report({"a", "b/", "more/c"}).code, 0);
  const std::string html = page();
  EXPECT_EQ(occurrences(html, "<svg "), 6);
  EXPECT_EQ(occurrences(html, "a, b have the same weights"), 1);
  EXPECT_EQ(occurrences(html, "have the same weights"), 1);
  for (const char* run : {"Run a", "Run b", "Run c"}) {
    EXPECT_EQ(occurrences(html, std::string(">") + run + "</h2>"), 1);
  }
  EXPECT_EQ(occurrences(html, "Warning"), 0) << "there is nothing to warn of";
  // A report in another file has the same bytes.
  ASSERT_EQ(report({"a", "b/", "more/c", "--out", "again.html"}).code, 0);
  EXPECT_EQ(page("again.html"), html);
}

TEST_F(Report, RunsOfOneNameAreToldApart) {
  train("one/run");
  train("two/run");
  ASSERT_EQ(report({"one/run", "two/run"}).code, 0);
  EXPECT_EQ(occurrences(page(), ">Run one/run</h2>"), 1);
  const Ended twice = report({"one/run", "./one/../one/run"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_TRUE(is_message(twice, "is given twice"));
}

TEST_F(Report, AnUnfinishedRunIsSaidToBe) {
  train("a");
  const fs::path config = folder_.path / "a" / "config.toml";
  std::string text = read_file(config);
  text.replace(text.find("epochs = 3"), 10, "epochs = 7");
  write_file(config, text);
  ASSERT_EQ(report({"a"}).code, 0);
  EXPECT_EQ(occurrences(page(), "a is not finished: 3 of 7 epochs are done."), 1);
}

TEST_F(Report, ARunWithoutItsDataKeepsItsCurves) {
  // Fashion-MNIST's file names, of synthetic content, are more than needed here: a name will do.
  train("a");
  const fs::path config = folder_.path / "a" / "config.toml";
  std::string text = read_file(config);
  const std::string name = "name = \"synthetic\"";
  text.replace(text.find(name), name.size(), "name = \"/nowhere/at-all\"");
  write_file(config, text);
  const Ended ended = run({"report", "a"}, folder_);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_NE(ended.err.find("warning: the report shows only curves of a"), std::string::npos)
      << ended.err;
  EXPECT_NE(page().find("a could not be tested"), std::string::npos);
  EXPECT_EQ(occurrences(page(), "<svg "), 4);
  EXPECT_EQ(page().find("Confusion matrix"), std::string::npos);
  // With the folder of the data the report has test results.
  ASSERT_EQ(report({"a", "--data", "synthetic"}).code, 0);
  EXPECT_NE(page().find("Confusion matrix"), std::string::npos);
  const Ended nowhere = report({"a", "--data", "/nowhere/at-all"});
  EXPECT_EQ(nowhere.code, 66);
  EXPECT_TRUE(is_message(nowhere, "/nowhere/at-all"));
}

TEST_F(Report, EpochsThatAreLostAreSaid) {
  train("a");
  write_file(folder_.path / "a" / "metrics.jsonl", "damaged\n");
  const Ended ended = run({"report", "a"}, folder_);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_NE(ended.err.find("warning: the curves show 0 of 3 epochs (a/metrics.jsonl was damaged)"),
            std::string::npos)
      << ended.err;
}

TEST_F(Report, NamesThatAreNoNamesOfFiles) {
  train("a <b> & 'c'_{d}");
  ASSERT_EQ(report({"a <b> & 'c'_{d}", "--out", "./-x y.html"}).code, 0);
  const auto words = texts(page("-x y.html"));
  EXPECT_TRUE(std::count(words.begin(), words.end(), "Run a <b> & 'c'_{d}") > 0);
}

TEST_F(Report, RefusesWhatIsNoRun) {
  write_file(folder_ / "file", "");
  fs::create_directory(folder_.path / "empty");
  write_file(folder_ / "report.html", "old");
  const Ended nothing = report({"nowhere"}), file = report({"file"}), empty = report({"empty"});
  EXPECT_EQ(nothing.code, 66);
  EXPECT_TRUE(is_message(nothing, "nowhere"));
  EXPECT_EQ(file.code, 66);
  EXPECT_TRUE(is_message(file, "file"));
  EXPECT_EQ(empty.code, run({"eval", "empty"}, folder_).code);
  EXPECT_TRUE(is_message(empty, "empty is neither a run nor a study"));
  EXPECT_EQ(report({}).code, 2);
  EXPECT_EQ(page(), "old") << "a refusal leaves it as it was";
}

TEST_F(Report, WhatCannotBeWrittenIsSaid) {
  train("a");
  for (const char* file : {"nowhere/report.html", "."}) {
    const Ended ended = report({"a", "--out", file});
    EXPECT_EQ(ended.code, 74);
    EXPECT_TRUE(is_message(ended, file));
  }
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(report({"a", "--out", "/dev/full"}).code, 74);
}

TEST_F(Report, WithoutGnuplotTheRemedyIsNamed) {
  const Ended ended = report({"nowhere"}, {"PATH=/nowhere"});
  EXPECT_EQ(ended.code, 69) << "before anything is looked for";
  EXPECT_TRUE(is_message(ended, "apt-get install gnuplot-nox"));
  EXPECT_FALSE(fs::exists(folder_.path / "report.html"));
}

}  // namespace
}  // namespace convoy::test
