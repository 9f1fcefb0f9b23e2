// SPDX-License-Identifier: Apache-2.0
// Control groups limit memory: a run compares its need with the limit before it begins, and the
// supervisor recognises a rank that the kernel killed for lack of memory.
#include <gtest/gtest.h>

#include <fstream>

#include "internal.hpp"
#include "runtime/cpu/memory_need.hpp"
#include "runtime/cpu_engine.hpp"
#include "tests/apps/program.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

// A made-up /proc and /sys.
class MemoryGroups : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    fs::create_directories((folder_.path / file).parent_path());
    std::ofstream(folder_.path / file) << text;
  }
  auto limit() const { return cgroup_memory_limit(folder_.path); }
  auto kills() const { return out_of_memory_kills(folder_.path); }
  ScratchFolder folder_;
};

TEST_F(MemoryGroups, Version2TakesTheSmallestOnTheWayUp) {
  write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("proc/self/cgroup", "0::/slice/job\n");
  EXPECT_FALSE(limit());
  write("sys/fs/cgroup/slice/job/memory.max", "max\n");
  EXPECT_FALSE(limit());
  write("sys/fs/cgroup/slice/memory.max", "2000000000\n");
  EXPECT_EQ(limit(), 2'000'000'000U);
  write("sys/fs/cgroup/slice/job/memory.max", "500000000\n");
  EXPECT_EQ(limit(), 500'000'000U);
  write("sys/fs/cgroup/slice/job/memory.events", "low 0\nhigh 3\nmax 7\noom 2\noom_kill 1\n");
  EXPECT_EQ(kills(), 1U);
}

TEST_F(MemoryGroups, Version1HasANumberForNoLimit) {
  write("proc/self/mountinfo",
        "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("proc/self/cgroup", "4:memory:/job\n3:cpu:/other\n0::/\n");
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(limit());
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
  EXPECT_EQ(limit(), 1'073'741'824U);
  write("sys/fs/cgroup/memory/job/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  EXPECT_EQ(kills(), 5U);
}

TEST_F(MemoryGroups, WithoutGroupsTheMachineCounts) {
  EXPECT_FALSE(limit());
  EXPECT_FALSE(kills());
  write("proc/vmstat", "nr_free_pages 17\noom_kill 3\n");
  EXPECT_EQ(kills(), 3U);
}

TEST(MemoryNeed, IsComparedWithTheLimit) {
  const auto alone = convoy::alone();
  const MemoryNeed need{600'000'000, 300'000'000};
  const MemoryHeld held{50'000'000, 40'000'000};
  EXPECT_NO_THROW(check_memory(need, held, *alone, std::nullopt));
  EXPECT_NO_THROW(check_memory(need, held, *alone, 990'000'000));
  try {
    check_memory(need, held, *alone, 989'000'000);
    FAIL() << "990 MB do not fit into 989 MB";
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::unavailable);
    EXPECT_STREQ(error.what(),
                 "this run needs 990 MB of memory, and the control group may use 989 MB (weights "
                 "and gradients 600 MB, activations 300 MB, data and program 90 MB): use fewer "
                 "threads or ranks, a smaller grain or model, or ask for more memory");
  }
}

constexpr const char* kWide = R"(
name = "wide"
[input]
height = 28
width = 28
channels = 1
[[layer]]
type = "conv2d"
filters = 8
kernel = 5
[[layer]]
type = "dense"
units = 2000
[[layer]]
type = "dense"
units = 10
[loss]
type = "softmax_cross_entropy"
[train]

[optimizer]
momentum = 0.9
)";

// The counted parts are those that an engine allocates: no more, and not much less.
void expect_need_of(const std::vector<Override>& overrides) {
  const ModelFile model = parse_model_file(kWide, "wide.toml", overrides);
  const auto alone = convoy::alone();
  EngineOptions options;
  options.cpu.threads = 2;
  options.cpu.oversubscribe = true;
  options.batch = model.train.batch;
  const NetOptimizer optimizer = optimizer_of(model.net, model.train);
  const Plan plan(model.net, Fusion::layers);
  const MemoryNeed need =
      memory_need(plan, optimizer, choose_layout(options, plan, *alone), *alone);
  const MemoryHeld before = memory_held();
  const auto engine = make_cpu_engine(model.net, optimizer, options, *alone);
  const MemoryHeld after = memory_held();
  if (after.own == 0) GTEST_SKIP() << "/proc does not tell";
  const auto taken = static_cast<double>(after.own - before.own);
  const auto counted = static_cast<double>(need.domain + need.rank);
  EXPECT_GT(counted, 100e6);
  EXPECT_LT(counted, 1.02 * taken + 1e6);
  EXPECT_GT(counted, 0.7 * taken);
}

TEST(MemoryNeed, IsWhatAnEngineTakes) {
  expect_need_of({});
}

// With an arena for the whole gradient, and the scratch of the workers that own a matrix.
TEST(MemoryNeed, IsWhatAnEngineWithMuonTakes) {
  expect_need_of({"optimizer.type=muon"});
}

class WithMemoryLimit : public ::testing::Test {
 protected:
  // Skips the test where a limit can't be set here.
  Ended limited(const std::string& bytes, const Arguments& command) {
    Arguments words{CONVOY_SOURCE_DIR "/tests/field/user/with_memory_limit", bytes};
    words.insert(words.end(), command.begin(), command.end());
    return Child(words, folder_.path).wait();
  }
  ScratchFolder folder_;
};

TEST_F(WithMemoryLimit, ARunThatCanNotFitIsRefused) {
  // A net of 64 million weights needs 512 MB for two generations of them, as much for the momentum
  // buffers, and memory for sums.
  const std::string model = R"(
name = "large"
[input]
height = 28
width = 28
channels = 1
[[layer]]
type = "dense"
units = 20000
[[layer]]
type = "dense"
units = 2400
[[layer]]
type = "dense"
units = 10
[loss]
type = "softmax_cross_entropy"
[train]

[optimizer]
momentum = 0.9
)";
  write_file(folder_ / "large.toml", model);
  const Ended ended = limited("400000000", convoy({"train", "large.toml", "--data", "synthetic",
                                                   "--limit", "32", "--threads", "1"}));
  if (ended.code == 78) GTEST_SKIP() << ended.err;
  EXPECT_EQ(ended.code, 69) << ended.err;
  EXPECT_TRUE(is_message(ended, "and the control group may use 400 MB ("));
}

TEST_F(WithMemoryLimit, DataThatCanNotFitAreRefusedBeforeTheyAreRead) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  const auto header = [](const char* kind, bool many) {
    return std::string(kind, 4) + std::string(many ? "\0\x01\x86\xa0" : "\0\0\0\x0a", 4);
  };
  fs::create_directories(folder_ / "data");
  for (const std::string part : {"train", "t10k"}) {
    const bool many = part == "train";
    const std::size_t count = many ? 100'000 : 10;
    std::string images = header("\0\0\x08\x03", many) + std::string("\0\0\0\x1c\0\0\0\x1c", 8);
    std::string labels = header("\0\0\x08\x01", many);
    images.resize(images.size() + count * 28 * 28);
    for (std::size_t i = 0; i < count; ++i) labels.push_back(static_cast<char>(i % 10));
    write_file(folder_ / ("data/" + part + "-images-idx3-ubyte"), images);
    write_file(folder_ / ("data/" + part + "-labels-idx1-ubyte"), labels);
  }
  const Ended ended =
      limited("60000000", convoy({"train", "tiny-relu", "--data", "data", "--threads", "1"}));
  if (ended.code == 78) GTEST_SKIP() << ended.err;
  EXPECT_EQ(ended.code, 69) << ended.err;
  EXPECT_TRUE(is_message(ended, "need 78 MB of memory, and the control group may use 60 MB"));
}

TEST_F(WithMemoryLimit, ARankThatTheKernelKilledIsRecognised) {
  const Ended ended =
      limited("300000000", {CONVOY_FAKE_JOB, "supervise", "30", "30", "well", "waits", "eats"});
  if (ended.code == 78) GTEST_SKIP() << ended.err;
  EXPECT_TRUE(ended.out.starts_with("77|rank 1 died in step 7, training (killed by the kernel"))
      << ended.out << ended.err;
  EXPECT_NE(ended.out.find("memory limit of 300 MB"), std::string::npos) << ended.out;
}

}  // namespace
}  // namespace convoy::test
