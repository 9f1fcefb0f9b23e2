// SPDX-License-Identifier: Apache-2.0
//                       Convoy example 1, on many ranks
//
// Sample runs:  mpirun -np 4 ex1p         train on all of Fashion-MNIST, with four processes
//               mpirun -np 4 ex1p 2000    on its first 2000 images
//               ex1p 2000                 one process is a job, too
//
// Description:  This example trains a small convolutional network to tell ten kinds of clothes
//               apart in pictures of 28 x 28 pixels. Let p(l | x; w) be the probability that the
//               network of weights w gives to label l of image x. We look for the w that minimises
//
//                   L(w) = 1/N sum over all images i of f_i(w),   f_i(w) = -log p(l_i | x_i; w)
//
//               by stochastic gradient descent with momentum m and rate r, on batches of B images:
//
//                   v <- m v + 1/B sum over the batch of grad f_i(w)
//                   w <- w - r v
//
//               It is examples/ex1.cpp on the ranks of an MPI job: compare the two.
//
// Output:       One line for each epoch: the test accuracy ends at about 88 % (78 % with 2000
//               images). The last line is the same as that of ex1, with any number of ranks; for
//               `ex1p 2000` it is
//
//                   weights 4c69ba011dca540baf2deb4d9d754f42b9a82747c79c80e15fcd79674c0e3e81

#include <cstdio>
#include <cstdlib>
#include <string>

#include "convoy/convoy.hpp"

namespace {

// A model is text: a file (see models/), or a string. All its keys are in docs/formats.md.
constexpr const char* kModel = R"(
name = "ex1"
input = { height = 28, width = 28, channels = 1 }

[[layer]]
type = "conv2d"
filters = 8
kernel = 5
activation = "relu"

[[layer]]
type = "max_pool2d"
size = 2

[[layer]]
type = "dense"
units = 64
activation = "relu"

[[layer]]
type = "dense"
units = 10

[loss]
type = "softmax_cross_entropy"

[train]
batch = 32
epochs = 3

[optimizer]
learning_rate = 0.02
momentum = 0.9
)";

// The library never prints: a program that wants to show how a run goes gives it an observer.
class Printer : public convoy::Observer {
 public:
  void epoch(const convoy::EpochMetrics& metrics) override {
    std::printf("epoch %d: loss %.4f, test accuracy %.2f %%, %.0f images/s\n",
                static_cast<int>(metrics.epoch), metrics.train_loss, 100 * metrics.test_accuracy,
                metrics.images_per_second);
  }
  void warning(const std::string& text) override {
    std::printf("warning: %s\n", convoy::printable(text).c_str());
  }
};

void run(convoy::Index limit, const std::string& folder) {
  // 0. The session: the processes that take part. Rank 0 prints for all.
  convoy::Session session = convoy::Session::mpi();

  // 1. The data: found by name, or read from a folder. Images stay bytes; they become numbers as
  //    they are needed. One rank of each host reads them; its neighbours share the memory.
  const convoy::TrainAndTest data = convoy::load_data("fashion-mnist", session);

  // 2. The model: a network, and the settings of its training.
  const convoy::Model model = convoy::parse_model(kModel, "ex1p.cpp");
  if (session.is_root())
    std::printf("%s: %d parameters, %d ranks\n", model.name().c_str(),
                static_cast<int>(model.parameter_count()), session.size());

  // 3. The training: epochs, evaluation on the test set, and (if there is a folder) checkpoints,
  //    from which a run that was killed continues with the same bits. By default it uses all
  //    the cores that this process may use; their number changes the time, never the result.
  Printer printer;
  convoy::Observer silent;
  const convoy::TrainResult result = convoy::train(model, data, {.folder = folder, .limit = limit},
                                                   session.is_root() ? printer : silent, session);

  // 4. The weights, in one number.
  if (session.is_root()) std::printf("weights %s\n", result.weights_sha256.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? std::atoi(argv[1]) : 0, argc > 2 ? argv[2] : "");
    return 0;
  } catch (const convoy::Error& error) {
    if (convoy::should_print(error))
      std::fprintf(stderr, "ex1p: %s\n", convoy::printable_message(error.what()).c_str());
    return error.exit_code();
  }
}
