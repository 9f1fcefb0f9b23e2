// SPDX-License-Identifier: Apache-2.0
// convoy bench, with short measurements: the tests check its output, never its speed.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <sstream>

#include "tests/apps/program.hpp"
#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

class Bench : public ::testing::Test {
 protected:
  Ended bench(const Arguments& more) {
    Arguments line{"bench", "--seconds", "0.05"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line, folder_);
  }
  ScratchFolder folder_;
};

// The rate, its share of the peak and its FLOP/byte are those of the figures beside them. (No test
// checks a speed. Other programs may have used the cores while the peak was measured, so a share
// may be more than 1.)
void expect_consistent(const nlohmann::json& work, const nlohmann::json& limits) {
  const double flops = work["flops"], rate = flops / work["seconds"]["median"].get<double>();
  EXPECT_DOUBLE_EQ(work["flops_per_second"], rate);
  EXPECT_DOUBLE_EQ(work["share_of_peak"], rate / limits["flops_per_second"].get<double>());
  EXPECT_DOUBLE_EQ(work["flops_per_byte"], flops / work["bytes"].get<double>());
}

TEST_F(Bench, TheDocumentHasEveryStageAndTheSteps) {
  const Ended ended = bench({"lenet5", "--batch", "8", "--threads", "2", "--json", "--quiet"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const nlohmann::json json = document(ended);
  EXPECT_EQ(json["schema"], "convoy.bench/2");
  EXPECT_EQ(json["model"], "lenet5");
  EXPECT_EQ(json["data"], "synthetic");
  EXPECT_EQ(json["batch"], 8);
  EXPECT_FALSE(json["machine"]["cpu"].empty());

  std::map<std::string, std::set<std::string>> layers_of;  // [pass]
  std::int64_t flops = 0;                                  // of a step
  for (const auto& stage : json["stages"]) {
    for (const auto& layer : stage["layers"]) {
      EXPECT_TRUE(layers_of[stage["pass"]].insert(layer).second) << layer << " twice";
    }
    EXPECT_GT(stage["bytes"], 0);
    EXPECT_LE(stage["seconds"]["lowest"], stage["seconds"]["median"]);
    EXPECT_LE(stage["seconds"]["median"], stage["seconds"]["highest"]);
    expect_consistent(stage, json["limits"][0]);
    const double of_step = json["steps"][0]["seconds"]["median"];
    EXPECT_DOUBLE_EQ(stage["share_of_step"], stage["seconds"]["median"].get<double>() / of_step);
    flops += stage["flops"].get<std::int64_t>();
  }
  const nlohmann::json model = document(run({"info", "lenet5", "--json"}, folder_))["model"];
  EXPECT_EQ(flops, 8 * model["flops_per_sample"].get<std::int64_t>());
  for (const auto& layer : model["layers"]) {
    EXPECT_TRUE(layers_of["forward"].contains(layer["name"])) << layer;
    const bool learns = layer["parameters"] > 0;
    EXPECT_TRUE(!learns || layers_of["weight gradient"].contains(layer["name"])) << layer;
  }

  ASSERT_EQ(json["limits"].size(), json["steps"].size());
  for (const auto& limits : json["limits"]) {
    EXPECT_GT(limits["flops_per_second"], 0);
    EXPECT_EQ(limits["bandwidths"].size(), 3u);
    for (const auto& bandwidth : limits["bandwidths"]) EXPECT_GT(bandwidth["bytes_per_second"], 0);
  }
  for (std::size_t i = 0; i < json["steps"].size(); ++i) {
    const nlohmann::json& step = json["steps"][i];
    EXPECT_EQ(step["threads"], json["limits"][i]["threads"]);
    EXPECT_EQ(step["flops"], flops);
    EXPECT_DOUBLE_EQ(step["images_per_second"], 8 / step["seconds"]["median"].get<double>());
    expect_consistent(step, json["limits"][i]);
  }
}

TEST_F(Bench, TheTableAndThePicture) {
  const Ended ended = bench({"--svg", "roof.svg", "--threads", "1", "--isa", "reference"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  // Where other tests run at the same time, a warning about a busy machine may follow.
  EXPECT_TRUE(ended.err.starts_with("measuring tiny-relu for about 0.05 s\n")) << ended.err;
  const std::string rest = ended.err.substr(ended.err.find('\n') + 1);
  EXPECT_TRUE(rest.empty() || rest.starts_with("convoy: warning: other programs used")) << rest;
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  const nlohmann::json model = document(run({"info", "tiny-relu", "--json"}, folder_))["model"];
  for (const auto& layer : model["layers"]) {
    EXPECT_NE(ended.out.find(layer["name"].get<std::string>()), std::string::npos) << ended.out;
  }
  for (const char* word :
       {"FMA peak", "memory bandwidth", "weight gradient", "whole step", "images/s", "reference"}) {
    EXPECT_NE(ended.out.find(word), std::string::npos) << word;
  }
  const std::string svg = read_file(folder_ / "roof.svg");
  const auto texts = texts_of_xml(svg);
  ASSERT_TRUE(texts) << svg;
  EXPECT_TRUE(std::count(texts->begin(), texts->end(), "whole step, 1 thread") > 0);
  // One figure each for five passes with work (two layers have weights, the first needs no input
  // gradient), and one for the step.
  EXPECT_EQ(occurrences(svg, "class=\"point\""), 6);
}

TEST_F(Bench, WhatCannotBeWrittenIsSaid) {
  for (const char* file : {"nowhere/roof.svg", "."}) {
    const Ended ended = bench({"--svg", file});
    EXPECT_EQ(ended.code, 74);
    EXPECT_TRUE(is_message(ended, file));
  }
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const Ended full = bench({"--svg", "/dev/full", "--quiet"});
  EXPECT_EQ(full.code, 74);
  EXPECT_TRUE(is_message(full, "/dev/full"));
  EXPECT_EQ(access("/dev/full", W_OK), 0) << "a device is not removed";
}

TEST_F(Bench, ARefusalLeavesAnOldPictureAsItWas) {
  write_file(folder_ / "roof.svg", "old");
  EXPECT_EQ(bench({"--svg", "roof.svg", "--threads", "0"}).code, 2);
  EXPECT_EQ(bench({"--svg", "roof.svg", "--set", "train.momentun=1"}).code, 2);
  EXPECT_EQ(read_file(folder_ / "roof.svg"), "old");
}

TEST_F(Bench, InterruptEndsIt) {
  Child child(convoy({"bench", "--seconds", "1000", "--svg", "roof.svg"}), folder_.path);
  child.wait_for("measuring");
  const auto begin = std::chrono::steady_clock::now();
  child.signal(SIGINT);
  EXPECT_EQ(child.wait().code, 128 + SIGINT);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path));
}

}  // namespace
}  // namespace convoy::test
