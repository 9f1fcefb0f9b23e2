// SPDX-License-Identifier: Apache-2.0
// Trains for an epoch on data that this program owns, alone or as a rank, and prints the digest of
// the weights.
#include <convoy/convoy.hpp>
#include <cstdio>
#include <vector>

int main() {
  try {
    const convoy::TrainAndTest data = convoy::load_data("synthetic");
    const std::vector<convoy::Override> one_epoch{"train.epochs=1"};
    const convoy::Model model = convoy::load_model("tiny-relu", one_epoch);
    const auto communicator = convoy::announced_ranks() > 1 ? convoy::mpi() : convoy::alone();
    const auto engine = convoy::make_cpu_engine(model.net, {}, {}, *communicator);
    convoy::Trainer trainer(model, data, {.name = "synthetic"}, *engine, *communicator, {});
    convoy::Observer nobody;
    const auto result = trainer.train(nobody);
    if (communicator->rank() == 0) std::printf("%s\n", result.weights_sha256.c_str());
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
}
