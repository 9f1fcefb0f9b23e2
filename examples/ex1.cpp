// SPDX-License-Identifier: Apache-2.0
//                                Convoy example 1
//
// Sample runs:  ex1                  train on all of Fashion-MNIST, with all cores
//               ex1 2000             on its first 2000 images: a second
//               ex1 0 runs/ex1       on all of it, kept in a folder for examples/predict.cpp
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
//               It shows what a Convoy program puts together: a data set, a model, and options.
//
// Output:       One line for each epoch: the test accuracy ends at about 88 % (78 % with 2000
//               images). The last line is the same on every machine and with any number of threads;
//               for `ex1 2000` it is
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
  // 1. The data: found by name, or read from a folder. Images stay bytes; they become numbers as
  //    they are needed.
  const convoy::TrainAndTest data = convoy::load_data("fashion-mnist");

  // 2. The model: a network, and the settings of its training.
  const convoy::Model model = convoy::parse_model(kModel, "ex1.cpp");
  std::printf("%s: %d parameters\n", model.name().c_str(),
              static_cast<int>(model.parameter_count()));

  // 3. The training: epochs, evaluation on the test set, and (if there is a folder) checkpoints,
  //    from which a run that was killed continues with the same bits. By default it uses all
  //    the cores that this process may use; their number changes the time, never the result.
  Printer printer;
  const convoy::TrainResult result =
      convoy::train(model, data, {.folder = folder, .limit = limit}, printer);

  // 4. The weights, in one number.
  std::printf("weights %s\n", result.weights_sha256.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? std::atoi(argv[1]) : 0, argc > 2 ? argv[2] : "");
    return 0;
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "ex1: %s\n", convoy::printable_message(error.what()).c_str());
    return error.exit_code();
  }
}
