// SPDX-License-Identifier: Apache-2.0
/// @file
/// A trained model inside a program: images in, classes and probabilities out.
///
/// @code
/// convoy::Predictor predictor("runs/a");                      // a run folder or a checkpoint file
/// const auto count = static_cast<std::size_t>(data.test.size());
/// std::vector<convoy::Index> labels(count);
/// std::vector<float> probabilities(count * static_cast<std::size_t>(predictor.outputs()));
/// predictor.predict(data.test.pixels(), labels, probabilities);
/// @endcode
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/shape.hpp"

namespace convoy {

namespace detail {
struct Access;
}

/// Of one image.
struct Prediction {
  Index label = 0;                   ///< the class of the highest probability
  std::string name;                  ///< of that class; its number where no names are known
  std::vector<float> probabilities;  ///< [outputs]
};

/// The weights of one checkpoint, ready to compute. Needs neither the data set nor the model file.
///
/// Not thread-safe: one for each thread that predicts. What it computes for an image depends on
/// the checkpoint and that image alone, to the bit: not on threads, nor on the other images.
class Predictor {
 public:
  /// From a checkpoint file, or a run folder: its best checkpoint by validation where there is one,
  /// else its newest. `threads`: as in ComputeOptions. Throws UserError (`not_found`, `bad_data`),
  /// SystemError(io).
  explicit Predictor(const std::filesystem::path& checkpoint, int threads = 1);

  /// From the bytes of a checkpoint file; they are not needed after the call. `name` names them in
  /// messages. Throws UserError(bad_data).
  static Predictor from_memory(std::span<const std::byte> checkpoint, int threads = 1,
                               std::string_view name = "checkpoint in memory");

  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  const std::string& model_name() const;
  /// The image that it reads.
  Shape image_shape() const;
  /// Classes.
  Index outputs() const;
  /// Names of the classes, by label, as in the training data; empty where none were known.
  const std::vector<std::string>& class_names() const;

  /// One image, [height][width][channels] bytes as in the training data. Throws UserError(bad_data)
  /// where its size is another.
  Prediction predict(std::span<const std::uint8_t> image);

  /// Many images at once: `images` is [n][height][width][channels]. Writes `labels`, [n], and
  /// `probabilities`, [n][outputs]; either may be empty, and is left out then. Of equal
  /// probabilities the lowest label counts. Allocates memory for at most some hundred images.
  /// Throws UserError: `bad_data` where `images` holds no whole number of images, `usage` where
  /// another span has the wrong size; nothing is written then.
  void predict(std::span<const std::uint8_t> images, std::span<Index> labels,
               std::span<float> probabilities = {});

 private:
  friend struct detail::Access;
  struct State;
  explicit Predictor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace convoy
