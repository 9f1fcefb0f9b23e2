// SPDX-License-Identifier: Apache-2.0
// Trains for an epoch on data that this program owns, and prints the digest of the weights.
#include <convoy/convoy.hpp>
#include <cstdio>

int main() {
  try {
    const convoy::TrainAndTest data = convoy::load_data("synthetic");
    const convoy::Model model = convoy::load_model("tiny-relu");
    const auto communicator = convoy::alone();
    const auto engine = convoy::make_cpu_engine(model.net, {}, {}, *communicator);
    convoy::Trainer trainer(model, data, {.name = "synthetic"}, *engine, *communicator, {});
    convoy::Observer nobody;
    std::printf("%s\n", trainer.train(nobody).weights_sha256.c_str());
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
  }
}
