// SPDX-License-Identifier: Apache-2.0
// A JSON number that is out of range, or not whole where a whole one is needed, is refused with its
// name, and never cast.
#include "train/strict_json.hpp"  // before nlohmann's header, because it sets a macro for it

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "study/record.hpp"
#include "tests/apps/program.hpp"
#include "tests/net/failure.hpp"
#include "tests/study/made_study.hpp"
#include "tests/train/support.hpp"
#include "train/run_config.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string refusal(const std::function<void()>& read) {
  try {
    read();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

study::Study some_study() {
  return test::made_gpu_study({{1, 1}, {2, 1}}, 2);
}

json study_with(const std::string& pointer, const json& value) {
  json document = json::parse(study::to_json(some_study()));
  document[json::json_pointer(pointer)] = value;
  return document;
}

TEST(JsonNumbers, WholeNumbersOfAStudyAreChecked) {
  for (const std::string pointer : {"/runs/0/batch",
                                    "/runs/0/experiment",
                                    "/runs/0/layout",
                                    "/runs/0/round",
                                    "/runs/0/samples",
                                    "/runs/0/steps",
                                    "/runs/0/ranks",
                                    "/runs/0/threads",
                                    "/runs/0/working",
                                    "/runs/0/bytes_sent",
                                    "/runs/0/peak_memory_bytes",
                                    "/runs/0/layers/0/blocks",
                                    "/runs/0/layers/0/flops",
                                    "/plan/repeats",
                                    "/plan/seed",
                                    "/plan/experiments/0/batch",
                                    "/plan/experiments/0/limit",
                                    "/machine/cores",
                                    "/machine/usable_cores",
                                    "/machine/memory_bytes",
                                    "/peaks/0/threads",
                                    "/flops_per_sample",
                                    "/parameters"}) {
    const std::string name = pointer.substr(pointer.rfind('/') + 1);
    for (const char* value : {"1e300", "1e38", "-5", "2.5", "-9223372036854775808",
                              "18446744073709551615", "true", "\"1\"", "[1]"}) {
      const json document = study_with(pointer, json::parse(value));
      const std::string said = refusal([&] { study::parse_study(document.dump()); });
      EXPECT_THAT(said, HasSubstr("\"" + name + "\"")) << pointer << " = " << value;
    }
  }
}

TEST(JsonNumbers, OtherNumbersOfAStudyAreNumbers) {
  for (const std::string pointer :
       {"/runs/0/load", "/runs/0/train_seconds", "/runs/0/shares/waiting",
        "/runs/0/epochs/0/test_loss", "/runs/0/layers/0/seconds", "/runs/0/launches_per_step",
        "/peaks/0/flops_per_second", "/plan/target_accuracy", "/machine/cpu_quota"}) {
    const std::string name = pointer.substr(pointer.rfind('/') + 1);
    for (const json& value : {json(true), json("1"), json::array({1})}) {
      const json document = study_with(pointer, value);
      const std::string said = refusal([&] { study::parse_study(document.dump()); });
      EXPECT_THAT(said, HasSubstr("\"" + name + "\"")) << pointer << " = " << value;
    }
  }
}

TEST(JsonNumbers, WhatWasWrittenIsRead) {
  study::Study written = some_study();
  written.runs[0].bytes_sent = kMostOfJson;
  written.runs[0].epochs[0].test_loss = std::nan("");
  written.plan.seed = 9223372036854775807U;
  const study::Study read = study::parse_study(study::to_json(written));
  EXPECT_EQ(study::to_json(read), study::to_json(written));
}

TEST(JsonNumbers, EpochsOfMetricsAreWhole) {
  const std::string line = metrics_line({});
  const auto with = [&](const std::string& epoch) {
    return "{\"epoch\": " + epoch + line.substr(line.find(','));
  };
  EXPECT_EQ(parse_metrics_line(with("3")).epoch, 3);
  for (const char* epoch : {"1e38", "1e300", "1e400", "2.5", "-1", "0", "true", "\"3\"", "null",
                            "9223372036854775807", "18446744073709551615"}) {
    EXPECT_NE(refusal([&] { parse_metrics_line(with(epoch)); }), "") << epoch;
  }
  for (const std::string key : {"train_loss", "test_loss", "test_accuracy", "seconds"}) {
    json other = json::parse(with("3"));
    other[key] = true;
    EXPECT_THAT(refusal([&] { parse_metrics_line(other.dump()); }), HasSubstr(key));
  }
}

TEST(JsonNumbers, ADocumentOfTrainIsChecked) {
  const json epoch{{"train_loss", 1}, {"test_loss", 1}, {"test_accuracy", 0.5}, {"seconds", 1}};
  const json document{{"schema", "convoy.train/2"},
                      {"status", "done"},
                      {"train_seconds", 1.5},
                      {"samples", 100},
                      {"batch", 10},
                      {"ranks", 1},
                      {"threads", 1},
                      {"contract", true},
                      {"isa", "avx2"},
                      {"weights_sha256", "a"},
                      {"machine", {{"cpu", "a processor"}}},
                      {"epochs", json::array({epoch})},
                      {"device", "cuda"},
                      {"launches_per_step", 1},
                      {"peak_memory_bytes", 1000}};
  EXPECT_EQ(study::run_record(document.dump()).steps, 10);
  for (const char* key : {"samples", "batch", "ranks", "threads", "peak_memory_bytes"}) {
    for (const json& value : {json(1e300), json(-5), json(2.5), json(true)}) {
      json other = document;
      other[key] = value;
      EXPECT_THAT(refusal([&] { study::run_record(other.dump()); }), HasSubstr(key)) << value;
    }
  }
  json other = document;
  other["batch"] = 0;
  EXPECT_THAT(refusal([&] { study::run_record(other.dump()); }), HasSubstr("batch"));
}

TEST(JsonNumbers, TheReportOfAStudyNamesTheNumber) {
  const test::ScratchFolder folder;
  std::filesystem::create_directory(folder / "s");
  for (const auto& [pointer, value] :
       {std::pair("/runs/0/batch", "1e300"), std::pair("/runs/0/ranks", "-5"),
        std::pair("/plan/repeats", "2.5")}) {
    test::write_file(folder / "s/study.json", study_with(pointer, json::parse(value)).dump());
    const test::Ended ended = test::run({"report", "s"}, folder);
    EXPECT_EQ(ended.code, 65) << pointer << ended.err;
    EXPECT_TRUE(
        test::is_message(ended, std::string(pointer).substr(std::string(pointer).rfind('/') + 1)));
  }
}

// The files of a run that hold numbers as TOML and as text.
TEST(RunNumbers, LimitAndValidationHaveTheRangesOfTheCommandLine) {
  const DataSettings usual{"data", 5, 0.25};
  const RunIdentity good{train_tests::tiny_model(), usual, "a", "b", ""};
  EXPECT_EQ(parse_run_config(run_config_text(good), "config.toml").data.limit, 5);
  for (const DataSettings& data :
       {DataSettings{"data", -5, 0}, DataSettings{"data", 0, -0.5}, DataSettings{"data", 0, 1},
        DataSettings{"data", 0, 1e300}, DataSettings{"data", 0, std::nan("")}}) {
    const RunIdentity identity{good.model, data, "a", "b", ""};
    const Failure failure =
        failure_of([&] { parse_run_config(run_config_text(identity), "config.toml"); });
    EXPECT_EQ(failure.fault, Fault::bad_data) << data.limit << " " << data.validation;
    EXPECT_THAT(failure.message, HasSubstr("config.toml"));
  }
}

TEST(RunNumbers, CountsOfACheckpointAreInRange) {
  const test::ScratchFolder folder;
  const auto load_with = [&](const RunPosition& position) {
    Checkpoint checkpoint{train_tests::tiny_model(), {}, position, {}, "", "", ""};
    const Index size = checkpoint.model.net.arena_size();
    checkpoint.state.parameters = Buffer<float>(size);
    checkpoint.state.slots.emplace_back(size);
    save_checkpoint(folder / "c.safetensors", checkpoint);
    return failure_of([&] { load_checkpoint(folder / "c.safetensors"); });
  };
  constexpr Index kMost = std::numeric_limits<Index>::max();
  EXPECT_EQ(load_with({1, 2, 3, {}, 0}).message, "");
  EXPECT_THAT(load_with({kMost, 2, 3, {}, 0}).message, HasSubstr("epoch"));
  EXPECT_THAT(load_with({1, 2, kMost, {}, 0}).message, HasSubstr("step"));
  EXPECT_THAT(load_with({1, 2, 3, {0, 0, kMost, 0}, 0}).message, HasSubstr("epoch_samples"));
}

}  // namespace
}  // namespace convoy
