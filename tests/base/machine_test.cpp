// SPDX-License-Identifier: Apache-2.0
#include "base/machine.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/cgroup.hpp"
#include "base/clock.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

// A made-up /proc and /sys in a folder of its own.
class Cgroup : public ::testing::Test {
 protected:
  Cgroup() {
    std::string name = (fs::temp_directory_path() / "convoy-cgroup-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~Cgroup() override { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  fs::path root_;
};

TEST_F(Cgroup, WithoutFilesThereIsNoQuota) {
  EXPECT_FALSE(cgroup_cpu_quota(root_));
}

TEST_F(Cgroup, Version2TakesTheSmallestOnTheWayUp) {
  write("proc/self/mountinfo",
        "22 1 0:20 / /proc rw - proc proc rw\n"
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  write("proc/self/cgroup", "0::/user.slice/job.scope\n");
  EXPECT_FALSE(cgroup_cpu_quota(root_));
  write("sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000\n");
  EXPECT_FALSE(cgroup_cpu_quota(root_));
  write("sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 1.5);
  write("sys/fs/cgroup/user.slice/job.scope/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 1.5);
  write("sys/fs/cgroup/user.slice/job.scope/cpu.max", "25000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 0.25);
}

TEST_F(Cgroup, Version1ReadsTheCpuControllerOnly) {
  write("proc/self/mountinfo",
        "31 23 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  write("proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/jobs/1\n0::/\n");
  write("sys/fs/cgroup/cpu,cpuacct/jobs/1/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/jobs/1/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cgroup_cpu_quota(root_));
  write("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "50000\n");
  write("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "20000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 2.5);
}

TEST_F(Cgroup, AContainerSeesItsOwnSubtree) {
  write("proc/self/mountinfo",
        "32 23 0:28 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  write("proc/self/cgroup", "4:cpu:/docker/abc/inner\n");
  write("sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "300000\n");
  write("sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 3.0);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 2.0);
  write("proc/self/cgroup", "4:cpu:/docker/abcdef/inner\n");  // not below the mounted group
  EXPECT_EQ(cgroup_cpu_quota(root_), 2.0);
}

TEST_F(Cgroup, NonsenseIsNoQuota) {
  write("proc/self/mountinfo", "nonsense\n - \n32 23 0:28 / /c rw - cgroup2 c rw\n");
  write("proc/self/cgroup", "nonsense\n0::/\n");
  for (const char* text : {"", "x", "100000", "100000 0", "-5 100000", "0 0"}) {
    write("c/cpu.max", text);
    EXPECT_FALSE(cgroup_cpu_quota(root_)) << text;
  }
}

TEST(Machine, UsableCoresFollowTheAffinity) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), machine_facts().cores);
  std::thread([] {  // affinity is per thread: the rest of the program keeps its own
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    for (std::size_t core = 0, kept = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set) && kept++ > 0) CPU_CLR(core, &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
    EXPECT_EQ(usable_cores(), 1);
  })
      .join();
}

TEST(Machine, FactsAreFilled) {
  const MachineFacts facts = machine_facts();
  EXPECT_FALSE(facts.cpu.empty());
  EXPECT_FALSE(facts.system.empty());
  EXPECT_FALSE(facts.compiler.empty());
  EXPECT_GE(facts.usable_cores, 1);
  EXPECT_GT(facts.memory_bytes, std::uint64_t{1} << 20);
}

TEST(Machine, PeakMemoryKeepsWhatWasOnceHeld) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const std::uint64_t before = peak_memory_bytes();
  {
    std::vector<char> held(kBytes);
    volatile char* bytes = held.data();  // clang removes an allocation that is never read
    for (std::size_t i = 0; i < kBytes; i += 1024) bytes[i] = 1;
  }
  EXPECT_GT(before, 0U);
  EXPECT_GE(peak_memory_bytes(), kBytes);
  EXPECT_LE(peak_memory_bytes(), machine_facts().memory_bytes);
}

TEST(Stopwatch, NeverGoesBack) {
  Stopwatch watch;
  const double first = watch.seconds();
  EXPECT_GE(first, 0.0);
  EXPECT_GE(watch.seconds(), first);
}

TEST(SlurmCpusPerTask, IsAWholeNumberOrNothing) {
  unsetenv("SLURM_CPUS_PER_TASK");
  EXPECT_EQ(slurm_cpus_per_task(), 0);
  for (const char* none : {"", "0", "-2", "many", "4many", " 4", "99999999999999999999"}) {
    setenv("SLURM_CPUS_PER_TASK", none, 1);
    EXPECT_EQ(slurm_cpus_per_task(), 0) << none;
  }
  setenv("SLURM_CPUS_PER_TASK", "12", 1);
  EXPECT_EQ(slurm_cpus_per_task(), 12);
  unsetenv("SLURM_CPUS_PER_TASK");
}

}  // namespace
}  // namespace convoy
