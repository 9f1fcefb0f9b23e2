// SPDX-License-Identifier: Apache-2.0
// The output of convoy predict: a line for each image, CSV, or one JSON document. It is printed as
// the images come, so that its length does not matter.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "images/image_reader.hpp"

namespace convoy::app {

struct ImagePrediction {
  const Image& image;
  Index label = 0;
  std::span<const float> probabilities;  // [classes]
};

// How many of the images whose class is known were predicted right.
struct Hits {
  Index right = 0;
  Index images = 0;
};

class PredictionPrinter {
 public:
  virtual ~PredictionPrinter() = default;
  virtual void add(const ImagePrediction& prediction) = 0;
  // Call it once, after the last image.
  virtual void end(const std::vector<UnusedFile>& unused, const Hits& hits) = 0;
  // Prints what was added.
  void flush();

 protected:
  std::string text_;
};

// `class_names` may be empty. `top`: the number of classes that are named, all of them at most.
std::unique_ptr<PredictionPrinter> print_lines(std::vector<std::string> class_names, Index top);
std::unique_ptr<PredictionPrinter> print_csv(std::vector<std::string> class_names, Index top);
// `head`: the document's first keys.
std::unique_ptr<PredictionPrinter> print_json(std::vector<std::string> class_names, Index top,
                                              const Json& head);

}  // namespace convoy::app
