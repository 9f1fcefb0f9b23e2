// SPDX-License-Identifier: Apache-2.0
/// @file
/// A trained model inside a program: it takes images, and returns classes and probabilities.
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
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/optimizer.hpp"
#include "convoy/shape.hpp"

namespace convoy {

namespace detail {
struct Access;
}

/// The prediction for one image.
struct Prediction {
  Index label = 0;   ///< the class with the highest probability
  std::string name;  ///< the name of that class, or its number if no names are known
  std::vector<float> probabilities;  ///< [outputs]
};

/// The weights of one checkpoint, ready to compute. It needs neither the data set nor the model
/// file.
///
/// Not thread-safe: use one Predictor for each thread that predicts. The result for an image
/// depends, to the bit, on the checkpoint and that image alone, and not on the number of threads or
/// on other images.
class Predictor {
 public:
  /// Reads a checkpoint file, or a run folder: its best checkpoint by validation if it has one,
  /// else its newest. `threads` has the meaning of ComputeOptions::threads. `weights`: the copy of
  /// the weights that computes, if not the one that the model names (TrainSettings::evaluate).
  /// Throws UserError (`not_found`, `bad_data`; `usage` where an average is asked for and there is
  /// none), SystemError(io).
  explicit Predictor(const std::filesystem::path& checkpoint, int threads = 1,
                     std::optional<WeightsCopy> weights = {});

  /// Reads the bytes of a checkpoint file; they are not needed after the call. `name` stands for
  /// them in messages. Throws UserError (`bad_data`, `usage`).
  static Predictor from_memory(std::span<const std::byte> checkpoint, int threads = 1,
                               std::string_view name = "checkpoint in memory",
                               std::optional<WeightsCopy> weights = {});

  ~Predictor();
  Predictor(Predictor&&) noexcept;             ///< Moves; the other may only be destroyed.
  Predictor& operator=(Predictor&&) noexcept;  ///< Moves; the other may only be destroyed.

  /// The name that the model file gives.
  const std::string& model_name() const;
  /// The shape of the images that the network reads.
  Shape image_shape() const;
  /// The number of classes.
  Index outputs() const;
  /// The number of threads that compute.
  int threads() const;
  /// The names of the classes, by label, as in the training data; empty if they were not known.
  const std::vector<std::string>& class_names() const;

  /// Predicts one image of [height][width][channels] bytes, as in the training data. Throws
  /// UserError(bad_data) if its size differs from image_shape().
  Prediction predict(std::span<const std::uint8_t> image);

  /// Predicts many images at once: `images` is [n][height][width][channels]. Writes `labels`, [n],
  /// and `probabilities`, [n][outputs]; either may be empty, and is then not written. The label is
  /// that of the highest score, and of the lowest one of several that are equal. Allocates memory
  /// for at most a few hundred images. Throws UserError, and writes nothing: `bad_data` if `images`
  /// does not hold a whole number of images, `usage` if another span has the wrong size.
  void predict(std::span<const std::uint8_t> images, std::span<Index> labels,
               std::span<float> probabilities = {});

  /// Does the same with images of floating-point numbers, [n][height][width][channels], to which
  /// the model applies what it applies to bytes. They must be finite.
  void predict_f32(std::span<const float> images, std::span<Index> labels,
                   std::span<float> probabilities = {});

 private:
  friend struct detail::Access;
  struct State;
  explicit Predictor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace convoy
