// SPDX-License-Identifier: Apache-2.0
// The contract on the ranks of MPI (ctest starts it on 1, 2, 3, 4, 5 and 8): in shared memory and
// by messages, data and tensor parallel on both axes, summed along the tree and at the root, the
// bits are those of one thread alone. It prints each difference, and fails.
#include <mpi.h>

#include <cstdio>
#include <exception>

#include "tests/runtime/runs.hpp"

namespace convoy::test {
namespace {

constexpr Sizes kOdd{83, 24, 3};
constexpr Sizes kAligned{64, 32, 4};  // equal subtrees on 2, 4 and 8 ranks

int faults = 0;
int checks = 0;

void check(Communicator& communicator, const Problem& problem, const Sizes& sizes,
           const RunLayout& layout, const std::string& wanted) {
  const std::string got = train_on(communicator, problem, sizes, layout);
  ++checks;
  if (got == wanted) return;
  ++faults;
  std::printf("rank %d of %d, %zu memory domains, %s: %s is not %s\n", communicator.rank(),
              communicator.size(), communicator.domains().size(), describe(layout).c_str(),
              got.c_str(), wanted.c_str());
}

void check_all(RanksOptions::Memory memory) {
  RanksOptions options;
  options.memory = memory;
  const auto communicator = mpi(options);
  for (const char* name : {"readers", "classic", "dense", "normalized"}) {
    for (const Sizes& sizes : {kOdd, kAligned}) {
      const std::string wanted = train(problem(name), sizes, RunLayout{});
      for (const int threads : {1, 2}) {
        for (const Parallelism ranks_by : {Parallelism::data, Parallelism::tensor}) {
          for (const Parallelism threads_by : {Parallelism::data, Parallelism::tensor}) {
            for (const Reduction reduction : {Reduction::tree, Reduction::root}) {
              if (ranks_by == Parallelism::tensor && reduction == Reduction::root) continue;
              const RunLayout layout{threads, threads_by, "auto", {}, ranks_by, reduction};
              check(*communicator, problem(name), sizes, layout, wanted);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace convoy::test

int main(int argc, char** argv) {
  using namespace convoy;
  // Two communicators, one after the other, so MPI is not left to the first one.
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  try {
    test::check_all(RanksOptions::Memory::window);
    test::check_all(RanksOptions::Memory::messages);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    std::fflush(stdout);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  std::printf("%d checks, %d faults\n", test::checks, test::faults);
  MPI_Finalize();
  return test::faults == 0 ? 0 : 1;
}
