// SPDX-License-Identifier: Apache-2.0
// Jobs of three ranks, one of which fails (user/faulty_rank.cpp). After any fault at any moment the
// job ends, says once which rank it was and leaves no process, and the next start continues to the
// bits of an undisturbed run.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

struct Case {
  std::string fault;    // of user/faulty_communicator.hpp
  std::string layout;   // words of user/faulty_rank.cpp, as all below
  std::string message;  // a regular expression; no other rank is named before the culprit
  int code = 77;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  return std::regex_replace(info.param.fault + "_" + info.param.layout, std::regex("[^a-z0-9]+"),
                            "_");
}

// The form of a case in gtest's messages.
void PrintTo(const Case& fault, std::ostream* out) {
  *out << fault.fault << ' ' << fault.layout;
}

Arguments words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

int culprit(const Case& fault) {
  return fault.fault.at(fault.fault.find('@') + 1) - '0';
}

// A reason for people, of one rank, where the message names several.
testing::AssertionResult names(const std::string& message, const Case& fault) {
  std::smatch first;
  const std::string name = std::to_string(culprit(fault));
  if (!std::regex_search(message, first, std::regex("rank ([0-9]+)")) || first[1] != name) {
    return testing::AssertionFailure() << "rank " << name << " did it, not: " << message;
  }
  if (!std::regex_search(message, std::regex(fault.message))) {
    return testing::AssertionFailure() << fault.message << " is not in: " << message;
  }
  return testing::AssertionSuccess();
}

class Faults : public ::testing::TestWithParam<Case> {
 protected:
  Ended faulty_rank(Arguments words, const std::string& more = "") {
    words.insert(words.begin(), CONVOY_FAULTY_RANK);
    return run_it(words, more);
  }
  // A launcher or supervisor that hangs is killed, with its ranks, by `timeout`.
  Ended run_it(const Arguments& command, const std::string& more) {
    Arguments words{"/usr/bin/env", "timeout", "-k", "1", "60"};
    words.insert(words.end(), command.begin(), command.end());
    for (const std::string& word : words_of(more)) words.push_back(word);
    const Ended ended = Child(words, folder_.path, {tag()}).wait();
    EXPECT_NE(ended.code, 124) << "it hung: " << ended.err;
    return ended;
  }

  // The digest of an undisturbed run on one rank.
  std::string undisturbed() { return faulty_rank({"rank", folder_ / "undisturbed"}).out; }

  // A variable that marks all processes of this test.
  std::string tag() const { return "CONVOY_TEST_TAG=" + folder_.path.string(); }
  int processes() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const bool ours = read_file(entry.path() / "environ").find(tag()) != std::string::npos;
      count += ours && read_file(entry.path() / "stat").find(") Z") == std::string::npos;
    }
    return count;
  }

  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
};

TEST_P(Faults, EndTheJobNameTheRankAndLoseNothing) {
  const Case& fault = GetParam();
  const std::string more = fault.layout + " stall=1.5 start=3 fault=" + fault.fault;
  const Ended ended = faulty_rank({"supervise", run_}, more);
  EXPECT_EQ(ended.code, fault.code);
  EXPECT_TRUE(names(ended.out, fault));
  EXPECT_EQ(ended.err, "") << "beside the one message";
  EXPECT_EQ(processes(), 0) << "are left";
  // The next start has the same number of ranks, or one: the layout is no part of the run's
  // identity.
  const bool together = culprit(fault) != 1;
  const Ended resumed = faulty_rank({together ? "supervise" : "rank", run_}, fault.layout);
  EXPECT_EQ(resumed.out, (together ? "0||" : "") + undisturbed()) << resumed.err;
}

const std::string kWindow = "memory=window", kMessages = "memory=messages";
const std::string kThreads = "memory=window threads=2", kTensor = "memory=messages ranks-by=tensor";
const std::string kKilled = "(died|has ended).*", kHangs = "no response";

INSTANTIATE_TEST_SUITE_P(AtTheStart, Faults,
                         ::testing::Values(Case{"kill@0:init", kMessages, "died at the start"},
                                           Case{"stop@1:init", kWindow, "did not start"},
                                           Case{"kill@2:start", kWindow, kKilled},
                                           Case{"exit@0:start", kWindow, "start"},
                                           Case{"throw@1:start", kWindow, "thrown by a test"},
                                           Case{"stop@1:start", kWindow, kHangs},
                                           Case{"leave@2:start", kMessages, ""},
                                           Case{"mismatch@0:start", kMessages, "step 0"}),
                         name_of_case);

INSTANTIATE_TEST_SUITE_P(
    InAStep, Faults,
    ::testing::Values(
        Case{"kill@0:step=7", kWindow, "step 7"}, Case{"kill@1:update=7", kThreads, "step 7"},
        Case{"kill@2:step=11", kMessages, "step 11"}, Case{"kill@1:step=12", kTensor, "step 12"},
        Case{"exit@1:step=7", kMessages, "step 7"},
        Case{"throw@2:step=7", kThreads, "step 7.*thrown by a test"},
        Case{"throw@0:step=7", kMessages, "step 7.*thrown by a test"},
        Case{"stop@0:step=7", kMessages, kHangs + ".*step 7"},
        Case{"stop@2:update=12", kWindow, kHangs + ".*step 12"},
        Case{"stop@1:step=7", kTensor, kHangs + ".*step 7"},
        Case{"leave@1:step=7", kWindow, "step 7"}, Case{"leave@0:step=13", kMessages, "step 13"},
        Case{"skip@1:step=7", kWindow, "the others in the gradients of step 7"},
        Case{"skip@2:update=7", kWindow, "the others in the update of step 7"},
        Case{"mismatch@0:step=7", kWindow, "the others in the gradients of step 7"},
        Case{"mismatch@1:step=7", kMessages, "the others in the exchange of step 7"}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    InASave, Faults,
    ::testing::Values(Case{"kill@0:save=10", kWindow, "step 10, saving"},
                      Case{"stop@0:save=10", kMessages, kHangs + ".*step 10, saving"},
                      Case{"full@0:save=10", kWindow, "step-0000000010.safetensors", 74},
                      Case{"kill@2:save=10", kMessages, "step 9"},
                      Case{"exit@1:save=10", kWindow, "step 9"},
                      Case{"skip@2:save=10", kWindow, "comparing weights.*after step 10"},
                      Case{"mismatch@1:save=10", kWindow, "the others in the verification"}),
    name_of_case);

// The next verification or checkpoint finds the flipped bit, and no checkpoint holds it.
INSTANTIATE_TEST_SUITE_P(
    OfMemory, Faults,
    ::testing::Values(Case{"flip@0:flip=8", kMessages, "comparing weights.*after step 10"},
                      Case{"flip@2:flip=8", kMessages, "comparing weights.*after step 10"},
                      Case{"flip@1:flip=8", kMessages + " verify-every=2",
                           "comparing weights.*after step 8"}),
    name_of_case);

// Here ranks and launcher have no supervisor.
class BareFaults : public Faults {};

TEST_P(BareFaults, EndTheJobAndAreOnRecord) {
  const Case& fault = GetParam();
  Arguments command;
  std::istringstream launcher(faulty_rank({"launcher", run_}).out);
  for (std::string word; std::getline(launcher, word);) command.push_back(word);
  command.insert(command.end(), {CONVOY_FAULTY_RANK, "rank", run_});
  const Ended ended = run_it(command, fault.layout + " stall=1.5 fault=" + fault.fault);
  EXPECT_NE(ended.code, 0);
  EXPECT_EQ(processes(), 0) << "are left";
  const std::string status = read_file(std::filesystem::path(run_) / "status.json");
  const auto record = nlohmann::json::parse(status, nullptr, false);
  ASSERT_TRUE(record.is_object()) << status;
  EXPECT_EQ(record.value("status", ""), "failed") << status;
  EXPECT_TRUE(names(record.value("message", ""), fault)) << ended.err;
  EXPECT_NE(ended.err.find(record.value("message", "nothing")), std::string::npos) << ended.err;
  EXPECT_EQ(faulty_rank({"rank", run_}).out, undisturbed());
}

INSTANTIATE_TEST_SUITE_P(WithoutASupervisor, BareFaults,
                         ::testing::Values(Case{"kill@1:step=7", kWindow, "step 7"},
                                           Case{"kill@0:step=7", kMessages, "step 7"},
                                           Case{"exit@0:save=10", kWindow, "step 10"},
                                           Case{"throw@1:step=7", kMessages, "thrown by a test"},
                                           Case{"stop@0:step=7", kWindow, kHangs + ".*step 7"},
                                           Case{"leave@2:step=7", kWindow, "step 7"}),
                         name_of_case);

}  // namespace
}  // namespace convoy::test
