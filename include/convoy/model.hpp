// SPDX-License-Identifier: Apache-2.0
/// @file
/// A model: a network and the settings of its training, read from TOML.
///
/// @code
/// const convoy::Model lenet = convoy::load_model("lenet5", {"optimizer.learning_rate=0.05"});
/// const convoy::Model mine = convoy::parse_model(R"(
/// name = "mine"
/// input = { height = 28, width = 28, channels = 1 }
/// [[layer]]
/// type = "dense"
/// units = 10
/// [loss]
/// type = "softmax_cross_entropy"
/// )");
/// std::printf("%lld parameters\n", static_cast<long long>(mine.parameter_count()));
/// @endcode
///
/// docs/formats.md, "Model files", lists every key.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/settings.hpp"
#include "convoy/shape.hpp"

namespace convoy {

namespace detail {
struct Access;
}

/// One setting, "KEY=VALUE": "optimizer.momentum=0.9", "layer.0.filters=16" (a layer by its
/// number), "layer.conv1.filters=16" (a layer by its name), "input.scale=1". Values are TOML; a
/// bare word is a string.
using Override = std::string;

/// How the numbers of a network are computed, in training and afterwards. It decides the bits of
/// the weights, so it is never chosen silently.
enum class Arithmetic {
  fp32,  ///< products and sums in single precision, in the order of docs/determinism.md
};

/// A network whose layers fit each other, and the settings of its training. A Model is immutable
/// and cheap to copy; any number of threads may use one. It holds no weights: see Trainer and
/// Predictor.
class Model {
 public:
  /// The name that the model file gives.
  const std::string& name() const;
  /// The shape of the images that the network reads.
  Shape input_shape() const;
  /// The number of values that the network computes for an image, which is the number of classes.
  Index outputs() const;
  /// The number of trained values: the weights and biases of all layers.
  Index parameter_count() const;
  /// Floating-point operations for one training sample: the forward pass and both gradients. A
  /// multiply-add counts as two.
  Index flops_per_sample() const;
  /// The arithmetic that the model file states.
  Arithmetic arithmetic() const;
  /// The [train] section of the model file, with all overrides applied.
  const TrainSettings& settings() const;
  /// The model file with all overrides applied, in normal form; parse_model() makes the same model
  /// from it.
  const std::string& text() const;

  /// Returns the same model with other settings. Throws UserError(usage), as parse_model() does.
  Model with(const std::vector<Override>& overrides) const;

 private:
  friend struct detail::Access;
  struct State;
  explicit Model(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

/// Reads a model from text; `source` names the text in messages. Throws UserError with the
/// line, the layer and a remedy: `bad_data`, or `usage` if an override is wrong. Thread-safe.
Model parse_model(std::string_view text, std::string_view source = "model",
                  const std::vector<Override>& overrides = {});

/// Reads a model from a .toml file, or by name from $CONVOY_MODELS or PREFIX/share/convoy/models
/// of the installation. Throws UserError: `not_found` (the message lists the folders and the known
/// names), or the errors of parse_model(). Thread-safe.
Model load_model(std::string_view name_or_path, const std::vector<Override>& overrides = {});

/// A model that load_model() knows by name.
struct ModelEntry {
  std::string name;            ///< as load_model() takes it
  std::filesystem::path path;  ///< the model file
};

/// Lists the known models. Thread-safe.
std::vector<ModelEntry> known_models();

}  // namespace convoy
