// SPDX-License-Identifier: Apache-2.0
// A trained model for use inside another program: one file in, class probabilities out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "convoy/base/tensor.hpp"

namespace convoy {

struct Prediction {
  Index label = 0;
  std::string name;                  // of the class; its number where no names are known
  std::vector<float> probabilities;  // [classes]
};

// Not thread-safe: one per thread.
class Predictor {
 public:
  // A checkpoint file or a run folder. `threads` as in EngineOptions; they change the time, never a
  // bit. Throws UserError, SystemError(io).
  explicit Predictor(const std::filesystem::path& checkpoint, int threads = 1);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  Shape image_shape() const;
  const std::vector<std::string>& class_names() const;

  // `image` is [height][width][channels] bytes, as in the training data. Throws UserError(bad_data)
  // where its size is another.
  Prediction predict(std::span<const std::uint8_t> image);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace convoy
