// SPDX-License-Identifier: Apache-2.0
//                        Convoy example: predict inside a program
//
// Sample run:   predict runs/ex1
//
// Description:  Loads a trained network from one checkpoint (or the newest of a run's folder; run
//               ex1 first) and classifies an image that is in memory. Nothing else is needed: no
//               data set, no model file.
//
// Output:       The classes, each with its probability. A network that was trained on clothes
//               classifies the picture that is drawn below as a "Trouser".

#include <cstdint>
#include <cstdio>
#include <vector>

#include "convoy/convoy.hpp"

namespace {

// A pair of trousers, drawn by hand: a waist and two legs, bright on black, as in Fashion-MNIST.
std::vector<std::uint8_t> trousers(convoy::Shape shape) {
  std::vector<std::uint8_t> image(static_cast<std::size_t>(shape.size()), 0);
  for (convoy::Index row = 1; row < shape.height - 1; ++row) {
    for (convoy::Index column = 8; column < shape.width - 8; ++column) {
      const bool between_the_legs = row > 8 && column > 11 && column < 16;
      const convoy::Index pixel = (row * shape.width + column) * shape.channels;
      if (!between_the_legs) image[static_cast<std::size_t>(pixel)] = 200;
    }
  }
  return image;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: predict CHECKPOINT\n");
    return 2;
  }
  try {
    convoy::Predictor predictor(argv[1]);
    const auto prediction = predictor.predict(trousers(predictor.image_shape()));
    const auto& names = predictor.class_names();
    for (std::size_t label = 0; label < names.size(); ++label) {
      // A checkpoint may come from anywhere, so control characters in a name must not reach the
      // terminal.
      std::printf("%-12s %.4f\n", convoy::printable(names[label]).c_str(),
                  static_cast<double>(prediction.probabilities[label]));
    }
    std::printf("prediction: %s\n", convoy::printable(prediction.name).c_str());
    return 0;
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "predict: %s\n", convoy::printable_message(error.what()).c_str());
    return error.exit_code();
  }
}
