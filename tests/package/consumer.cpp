// SPDX-License-Identifier: Apache-2.0
// Trains for an epoch, as one process or as a rank, and prints the digest of the weights.
#include <convoy/convoy.hpp>
#include <cstdio>

int main() {
  try {
    convoy::Session session = convoy::Session::from_launcher();
    const convoy::TrainAndTest data = convoy::load_data("synthetic", session);
    const convoy::Model model = convoy::load_model("tiny-relu", {"train.epochs=1"});
    convoy::Observer silent;
    const convoy::TrainResult result = convoy::train(model, data, {}, silent, session);
    if (session.is_root()) std::printf("%s\n", result.weights_sha256.c_str());
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return error.exit_code();
  }
}
