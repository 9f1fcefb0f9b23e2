// SPDX-License-Identifier: Apache-2.0
// Measures the parts of a step that follow its gradients: the reduction over the ranks and the
// update, for the gradients of a model (tiny-relu unless named). It compares shared memory with
// MPI_Allreduce followed by an update of all weights on every rank.
//
//   mpirun -np 2 --bind-to none reduction_benchmark [MODEL]
//
// Before each reduction every rank writes its gradient, as the backward pass does. Rounds of both
// ways alternate; rank 0 prints the medians over the rounds of the mean microseconds.
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "internal.hpp"
#include "ops/backend.hpp"
#include "runtime/cpu/generations.hpp"
#include "runtime/gradient_sum.hpp"

namespace {

using namespace convoy;

constexpr int kRounds = 15, kSteps = 1000;
constexpr Index kGrainsOfRank = 4;
constexpr Index kFloats = 1024;  // floats that the engine updates at once

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(const ModelFile& model, Communicator& communicator)
      : communicator_(communicator),
        plan_(model.net),
        optimizer_(optimizer_of(model.net, model.train)),
        backend_(find_backend("auto")),
        gradient_sum_(communicator, options(), plan_, GroupMembers{}, backend_, 1, 1),
        shared_(plan_, optimizer_, backend_, communicator),
        own_(plan_, optimizer_, backend_, *alone_),
        gradient_(plan_.net().arena_size()),
        scratch_(GradientSum::scratch_rows() * kFloats) {
    const ModelState state{initial_parameters(model.net, 1), {}};
    shared_.set_state(state);
    own_.set_state(state);
  }

  // Microseconds of a step without the writing of the gradient.
  double in_place() {
    const auto size = plan_.net().arena_size();
    const Index rank = communicator_.rank();
    const tree::Subtree subtree{rank * kGrainsOfRank, (rank + 1) * kGrainsOfRank};
    const StepMetrics step_metrics{1, 1, 4 * kGrainsOfRank, 0};
    const GroupPieces mine{{&subtree, 1}, &step_metrics};
    double seconds = 0;
    for (int step = 0; step < kSteps; ++step) {
      write(gradient_sum_.slots(0));
      communicator_.publish(Activity::training, step);
      const Stopwatch watch;
      const StepMetrics all =
          gradient_sum_.publish_and_plan(communicator_.size() * kGrainsOfRank, {&mine, 1}, 0);
      const Range slice = split(size, communicator_.size(), rank, kFloatsPerLine);
      for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
        const Range rows = Generations::rows_in(block, slice);
        if (rows.empty()) continue;
        const Index most = std::max<Index>(1, kFloats / block.shape.columns);
        for (Index begin = rows.begin; begin < rows.end; begin += most) {
          const Range some{begin, std::min(begin + most, rows.end)};
          const float* sum = gradient_sum_.sum({block.offset + some.begin * block.shape.columns,
                                                block.offset + some.end * block.shape.columns},
                                               scratch_.data());
          shared_.update_rows(block, some, sum, {all.samples, 1e-9F, {}});
        }
      }
      communicator_.barrier(SyncPoint::update);
      shared_.flip();
      seconds += watch.seconds();
    }
    return seconds / kSteps * 1e6;
  }

  double library() {
    double seconds = 0;
    for (int step = 0; step < kSteps; ++step) {
      write(gradient_.data());
      const Stopwatch watch;
      MPI_Allreduce(MPI_IN_PLACE, gradient_.data(), static_cast<int>(gradient_.size()), MPI_FLOAT,
                    MPI_SUM, MPI_COMM_WORLD);
      for (const ParameterBlock& block : plan_.net().parameter_blocks()) {
        own_.update_rows(block, {0, block.shape.rows()}, gradient_.data() + block.offset,
                         {32, 1e-9F, {}});
      }
      own_.flip();
      seconds += watch.seconds();
    }
    return seconds / kSteps * 1e6;
  }

 private:
  static EngineOptions options() { return {}; }
  void write(float* gradient) {
    std::fill_n(gradient, plan_.net().arena_size(), static_cast<float>(++value_ % 7));
  }

  Communicator& communicator_;
  const std::unique_ptr<Communicator> alone_ = alone();
  const Plan plan_;
  const NetOptimizer optimizer_;
  const Backend& backend_;
  GradientSum gradient_sum_;
  Generations shared_, own_;
  Buffer<float> gradient_, scratch_;
  int value_ = 0;
};

void run(const std::string& name) {
  const ModelFile model = load_model_file(name, {});
  RanksOptions options;
  options.memory = RanksOptions::Memory::window;
  const auto communicator = mpi(options);
  Bench bench(model, *communicator);
  std::vector<double> in_place, library;
  for (int round = 0; round < kRounds + 1; ++round) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double ours = bench.in_place();
    MPI_Barrier(MPI_COMM_WORLD);
    const double theirs = bench.library();
    if (round == 0) continue;  // warm-up
    in_place.push_back(ours);
    library.push_back(theirs);
  }
  if (communicator->rank() != 0) return;
  const MachineFacts machine = machine_facts();
  std::printf("%s, %d cores; %s; %s, %td floats, %d ranks, %d rounds of %d steps\n",
              machine.cpu.c_str(), machine.usable_cores, mpi_library().c_str(), name.c_str(),
              model.net.arena_size(), communicator->size(), kRounds, kSteps);
  const auto print = [](const char* what, const std::vector<double>& values) {
    std::printf("%-28s median %8.2f us   (%.2f to %.2f)\n", what, median(values),
                *std::min_element(values.begin(), values.end()),
                *std::max_element(values.begin(), values.end()));
  };
  print("in place, and update", in_place);
  print("MPI_Allreduce, and update", library);
  std::printf("ratio of the medians %.2f\n", median(library) / median(in_place));
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  try {
    run(argc > 1 ? argv[1] : "tiny-relu");
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
}
