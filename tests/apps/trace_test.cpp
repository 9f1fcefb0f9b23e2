// SPDX-License-Identifier: Apache-2.0
// convoy train --trace and --profile: the output is complete, its times fit into the wall clock's,
// and no weight changes.
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <set>

#include "internal.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Trace : public ::testing::Test {
 protected:
  json trained(const Arguments& more) {
    Arguments all{"train", "--data", "synthetic", "--limit", "300", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Ended ended =
        run(all, folder_, {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return document(ended);
  }
  json trace() const { return json::parse(read_file(folder_ / "t.json"))["traceEvents"]; }

  ScratchFolder folder_;
};

using Row = std::pair<int, int>;  // rank, thread

// The events of each row, in the order of the file, which is that of time: none overlaps another.
std::map<Row, std::vector<json>> rows_of(const json& events) {
  std::map<Row, std::vector<json>> rows;
  for (const json& event : events) {
    if (event["ph"] == "X") rows[{event["pid"], event["tid"]}].push_back(event);
  }
  for (const auto& [row, row_events] : rows) {
    double end = 0;
    for (const json& event : row_events) {
      EXPECT_GE(event["ts"].get<double>(), end - 1e-4)
          << event;  // of a microsecond: the sum is rounded
      EXPECT_GE(event["dur"].get<double>(), 0) << event;
      end = event["ts"].get<double>() + event["dur"].get<double>();
    }
  }
  return rows;
}

std::set<std::string> names_of(const std::vector<json>& events) {
  std::set<std::string> names;
  for (const json& event : events) names.insert(event["name"]);
  return names;
}

TEST_F(Trace, HasARowForEachWorkerAndEveryLayerInIt) {
  if (mpi_launcher().empty()) GTEST_SKIP() << "built without MPI";
  const json plain = trained({"--out", "plain"});
  int number = 0;
  for (const Arguments& layout :
       std::vector<Arguments>{{},
                              {"--exchange", "messages"},
                              {"--ranks-by", "tensor", "--threads-by", "tensor"},
                              {"--ranks-by", "tensor", "--exchange", "messages"}}) {
    Arguments more{"--ranks", "2",      "--threads",   "2",     "--oversubscribe",
                   "--trace", "t.json", "--no-fusion", "--out", "run" + std::to_string(number++)};
    more.insert(more.end(), layout.begin(), layout.end());
    EXPECT_EQ(trained(more)["state_sha256"], plain["state_sha256"]);
    const auto rows = rows_of(trace());
    ASSERT_EQ(rows.size(), 4u);
    for (const auto& [row, events] : rows) {
      const std::set<std::string> names = names_of(events);
      for (const char* name :
           {"input", "conv1 forward", "conv1.relu forward", "pool1 forward", "dense1 forward",
            "loss", "dense1 weight gradient", "dense1 input gradient", "pool1 input gradient",
            "conv1.relu input gradient", "conv1 weight gradient", "waiting", "update"}) {
        EXPECT_TRUE(names.contains(name)) << name << " of " << row.first << " " << row.second;
      }
    }
    EXPECT_TRUE(names_of(rows.at({0, 0})).contains("evaluation"));
    EXPECT_TRUE(names_of(rows.at({0, 0})).contains("checkpoint"));
    std::set<std::string> labels;
    for (const json& event : trace()) {
      if (event["ph"] == "M" && event["args"].contains("name"))
        labels.insert(event["args"]["name"]);
    }
    EXPECT_EQ(labels, (std::set<std::string>{"rank 0", "rank 1", "thread 0", "thread 1"}));
  }
}

TEST_F(Trace, ProfileCountsWhatThereIs) {
  const json plain = trained({"--threads", "1", "--out", "plain"});
  EXPECT_FALSE(plain.contains("profile"));
  std::vector<Arguments> layouts{{"--threads", "1"},
                                 {"--threads", "3", "--oversubscribe"},
                                 {"--threads", "2", "--threads-by", "tensor", "--oversubscribe"}};
  if (!mpi_launcher().empty()) {
    layouts.push_back({"--ranks", "2", "--threads", "1", "--exchange", "messages"});
  }
  int number = 0;
  for (Arguments layout : layouts) {
    layout.insert(layout.end(), {"--profile", "--out", "run" + std::to_string(number++)});
    const json result = trained(layout);
    EXPECT_EQ(result["state_sha256"], plain["state_sha256"]);
    const json& profile = result["profile"];
    EXPECT_EQ(profile["steps"], 5 * 10);
    EXPECT_NEAR(profile["seconds"].get<double>(), result["train_seconds"].get<double>(),
                result["train_seconds"].get<double>() / 2);
    EXPECT_EQ(profile["bytes_sent"] > 0, result["ranks"] > 1);
    EXPECT_EQ(profile["peak_memory_bytes"].size(), result["ranks"]);
    EXPECT_EQ(profile["workers"].size(),
              result["ranks"].get<std::size_t>() * result["threads"].get<std::size_t>());
    for (const json& worker : profile["workers"]) {
      double sum = 0;
      for (const char* kind :
           {"compute", "input", "waiting", "communication", "reduction", "update"}) {
        EXPECT_GE(worker[kind], 0) << worker;
        sum += worker[kind].get<double>();
      }
      EXPECT_LE(sum, 1.001 * profile["seconds"].get<double>()) << worker;
      EXPECT_GT(worker["compute"], 0);
      if (profile["workers"].size() == 1) {
        EXPECT_GT(sum, profile["seconds"].get<double>() / 2) << "little is left over";
      }
    }
    ASSERT_GE(profile["layers"].size(), 5u);
    EXPECT_EQ(profile["layers"][0]["pass"], "forward");
    EXPECT_EQ(profile["layers"][0]["layers"][0], "conv1");
    EXPECT_EQ(profile["layers"].back()["pass"], "weight gradient");
    EXPECT_EQ(profile["layers"].back()["layers"][0], "conv1");
    for (const json& layer : profile["layers"]) EXPECT_GT(layer["seconds"], 0) << layer;
  }
}

TEST_F(Trace, ForAPersonTheProfileIsATable) {
  const Ended ended =
      run({"train", "--data", "synthetic", "--limit", "64", "--profile", "--out", "a"}, folder_);
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "");
  for (const char* word : {"compute", "waiting", "update", "conv1", "%"}) {
    EXPECT_NE(ended.err.find(word), std::string::npos) << ended.err;
  }
}

TEST_F(Trace, OfARunThatWasStoppedAndOfTheRest) {
  const Arguments begin{"train",   "--data", "synthetic", "--epochs", "100000",
                        "--trace", "t.json", "--out",     "run"};
  Child child(convoy(begin), folder_.path);
  child.wait_for("epoch 2/");
  child.signal(SIGTERM);
  const Ended ended = child.wait();
  EXPECT_EQ(ended.code, 75) << ended.err;
  EXPECT_FALSE(rows_of(trace()).empty());
  fs::remove(folder_ / "t.json");
  Child rest(convoy({"train", "--resume", "run", "--trace", "t.json", "--profile", "--no-fusion",
                     "--json"}),
             folder_.path);
  rest.wait_for("continuing in");
  rest.signal(SIGTERM);
  const Ended stopped = rest.wait();
  EXPECT_EQ(stopped.code, 75) << stopped.err;
  EXPECT_TRUE(document(stopped).contains("profile"));
  EXPECT_FALSE(trace().empty());
}

TEST_F(Trace, AFileThatCannotBeWrittenIsSaidBeforeTheWork) {
  const Ended ended = run(
      {"train", "--data", "synthetic", "--limit", "64", "--out", "a", "--trace", "nowhere/t.json"},
      folder_);
  EXPECT_EQ(ended.code, 74);
  EXPECT_TRUE(is_message(ended, "nowhere/t.json"));
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

}  // namespace
}  // namespace convoy::test
