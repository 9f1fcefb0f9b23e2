// SPDX-License-Identifier: Apache-2.0
// OpenMP's variables that bind threads to places change neither the number of cores that the
// program counts, nor the cores of its ranks and threads.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>

#include "internal.hpp"
#include "runtime/cpu/workers.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Arguments kBinding{"OMP_PLACES=cores",    "OMP_PLACES={0}",      "OMP_PROC_BIND=true",
                         "OMP_PROC_BIND=close", "GOMP_CPU_AFFINITY=0", "KMP_AFFINITY=compact"};
const Arguments kBrief{"train", "--data", "synthetic", "--limit", "64", "--epochs", "1", "--json"};

Arguments brief(const Arguments& more) {
  Arguments words = kBrief;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Places, TheProgramSeesAllCoresOfItsProcess) {
  const ScratchFolder folder;
  const int cores = document(run({"info", "--json"}, folder))["machine"]["usable_cores"];
  const nlohmann::json usual = document(run(brief({"--out", "usual"}), folder));
  int number = 0;
  for (const std::string& variable : kBinding) {
    const nlohmann::json info = document(run({"info", "--json"}, folder, {variable}));
    EXPECT_EQ(info["machine"]["usable_cores"], cores) << variable;
    const Ended ended = run(brief({"--out", "run" + std::to_string(number++)}), folder, {variable});
    EXPECT_EQ(document(ended)["threads"], usual["threads"]) << variable;
    EXPECT_EQ(document(ended)["state_sha256"], usual["state_sha256"]) << variable;
  }
}

TEST(Places, RanksOfAMachineDoNotShareTheFirstCore) {
  if (mpi_library().empty()) GTEST_SKIP() << "built without MPI";
  if (usable_cores() < 2) GTEST_SKIP() << "one core is all there is";
  const ScratchFolder folder;
  int number = 0;
  for (const char* variable : {"OMP_PLACES=cores", "OMP_PROC_BIND=true", "GOMP_CPU_AFFINITY=0"}) {
    const Ended ended =
        run(brief({"--ranks", "2", "--out", "run" + std::to_string(number++)}), folder, {variable});
    ASSERT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(document(ended)["ranks"], 2);
    EXPECT_EQ(document(ended)["machine"]["usable_cores"], usable_cores()) << variable;
    EXPECT_THAT(ended.err, Not(HasSubstr("warning"))) << variable;
  }
}

// In a program that uses the library, OpenMP's runtime may bind the main thread before main()
// begins. This test runs itself with such an environment.
constexpr const char* kInside = "CONVOY_TEST_BOUND";

void check_workers() {
  const CoreSet before = CoreSet::of_this_thread();
  const CoreSet cores = worker_cores();
  EXPECT_EQ(CoreSet::of_this_thread(), before) << "asking moves the caller";
  EXPECT_GE(cores.count(), 2);
  std::atomic<int> free{0};
  for (const int workers : {1, 2, 3, 2}) {
    run_workers(workers, [&](int) { free += CoreSet::of_this_thread() == cores; });
    EXPECT_EQ(CoreSet::of_this_thread(), before) << "a region moves the caller";
  }
  EXPECT_EQ(free, 8) << "a worker is bound";

  const ModelFile model = load_model_file("tiny-relu");
  const std::unique_ptr<Communicator> one = alone();
  EngineOptions options;
  options.batch = 32;
  const auto engine = make_engine(model.net, optimizer_of(model.net, model.train), options, *one);
  EXPECT_EQ(engine->threads(), std::min(usable_cores(cores), 8));
}

TEST(Places, WorkersOfTheLibraryRunOnAllPlaces) {
  if (std::getenv(kInside) != nullptr) return check_workers();
  if (most_workers() < 2) GTEST_SKIP() << "built without threads";
  if (affinity().size() < 2) GTEST_SKIP() << "one core is all there is";
  const ScratchFolder folder;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  for (const char* variable :
       {"OMP_PLACES=cores", "OMP_PROC_BIND=true", "OMP_PROC_BIND=spread", "UNBOUND=yes"}) {
    const Ended ended = Child({self, "--gtest_filter=Places.WorkersOfTheLibraryRunOnAllPlaces"},
                              folder.path, {variable, std::string(kInside) + "=yes"})
                            .wait();
    EXPECT_EQ(ended.code, 0) << variable << "\n" << ended.out << ended.err;
  }
}

}  // namespace
}  // namespace convoy::test
