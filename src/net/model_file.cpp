// SPDX-License-Identifier: Apache-2.0
#include "net/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/float_environment.hpp"
#include "net/fit_batch.hpp"
#include "net/fit_layer.hpp"
#include "net/model_reader.hpp"
#include "net/table_reader.hpp"

namespace convoy {
namespace {

constexpr NameTable<LossFunction, 3> kLosses = {
    {{"softmax_cross_entropy", LossFunction::softmax_cross_entropy},
     {"sigmoid_binary_cross_entropy", LossFunction::sigmoid_binary_cross_entropy},
     {"mean_squared_error", LossFunction::mean_squared_error}}};

constexpr NameTable<Arithmetic, 1> kArithmetics = {{{"fp32", Arithmetic::fp32}}};

constexpr NameTable<Resize, 3> kResizes = {
    {{"stretch", Resize::stretch}, {"fit", Resize::fit}, {"crop", Resize::crop}}};

struct Input {
  Shape shape;
  Normalization normalization;
  InputFiles files;
};

// Reads a number for all channels, or an array with one number per channel.
std::vector<double> read_channels(const TableReader& input, std::string_view key, Index channels,
                                  const Interval& interval) {
  const ConfigValue* value = input.find(key);
  if (value == nullptr) return {};
  const auto count = static_cast<std::size_t>(channels);
  const auto* array = std::get_if<ConfigArray>(&value->data);
  if (array == nullptr) {
    return std::vector<double>(count, input.number_of(key, *value, interval));
  }
  if (array->size() != count) {
    input.fail(value->location, fmt::format("'{}' has {} values", key, array->size()),
               fmt::format("the input has {} channels", channels),
               "write one number, or an array with one number per channel");
  }
  std::vector<double> numbers;
  for (const ConfigValue& element : *array) {
    numbers.push_back(input.number_of(key, element, interval));
  }
  return numbers;
}

// The number that a byte becomes, in the arithmetic of ops/normalize.hpp.
float normalized(const Normalization& n, std::size_t channel, int byte) {
  const double mean = n.mean.empty() ? 0 : n.mean[channel];
  const double stddev = n.stddev.empty() ? 1 : n.stddev[channel];
  return static_cast<float>((byte * n.scale - mean) / stddev);
}

// The location that sets the normalisation: an override or the table.
const ConfigLocation& location_of_normalization(const TableReader& input) {
  for (const std::string_view key : {"scale", "mean", "std"}) {
    const ConfigValue* value = input.find(key);
    if (value != nullptr && value->location.from_override) return value->location;
  }
  return input.location();
}

// Checks that the numbers that the net reads are finite, and that dark and bright pixels give
// different ones.
void check_normalization(const TableReader& input, const Normalization& n, Index channels) {
  constexpr int kBrightest = 255;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const float dark = normalized(n, c, 0), bright = normalized(n, c, kBrightest);
    const bool is_finite = std::isfinite(dark) && std::isfinite(bright);
    if (is_finite && dark != bright) continue;
    input.fail(location_of_normalization(input), "no pixel can be told from another",
               is_finite
                   ? fmt::format("by scale, mean and std both byte 0 and byte {} of channel {} "
                                 "become {}",
                                 kBrightest, c, dark)
                   : fmt::format("by scale, mean and std byte 0 of channel {} becomes {}, and "
                                 "byte {} becomes {}: beyond single precision",
                                 c, dark, kBrightest, bright),
               "choose them so that (byte * scale - mean) / std lies between about -3 and 3; scale "
               "is 1/255 where it is left out");
  }
}

InputFiles read_files(const TableReader& input) {
  InputFiles files;
  if (input.has("resize")) files.resize = input.choice("resize", Resize::stretch, kResizes);
  if (input.has("transpose")) files.transpose = input.flag("transpose", false);
  if (input.has("first_label"))
    files.first_label = input.integer("first_label", 0, 0, kMostClasses - 1);
  return files;
}

Input read_input(const ConfigValue& value) {
  constexpr Index kMost = 1 << 16;
  const TableReader reader(value, "[input]", kInputKeys);
  for (const std::string_view key : {"height", "width", "channels"}) {
    reader.require(key, fmt::format("{} = {}", key, key == "channels" ? 1 : 28));
  }
  Input input;
  input.shape = {reader.integer("height", 1, 1, kMost), reader.integer("width", 1, 1, kMost),
                 reader.integer("channels", 1, 1, 4096)};
  Normalization& n = input.normalization;
  n.scale = reader.number("scale", n.scale, {0, HUGE_VAL, true});
  n.mean = read_channels(reader, "mean", input.shape.channels, {-HUGE_VAL, HUGE_VAL});
  n.stddev = read_channels(reader, "std", input.shape.channels, {0, HUGE_VAL, true});
  check_normalization(reader, n, input.shape.channels);
  input.files = read_files(reader);
  return input;
}

std::string read_name(const TableReader& model) {
  model.require("name", "name = \"my-net\"");
  std::string name = model.string("name", "");
  if (!is_model_name(name)) {
    model.fail(
        model.find("name")->location, fmt::format("'{}' can't be a model's name", name),
        "run folders are named after it, and commands are given it",
        "use up to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' in front");
  }
  return name;
}

Loss read_loss(const ConfigValue& value) {
  const TableReader reader(value, "[loss]", kLossKeys);
  reader.require("type", "type = \"softmax_cross_entropy\"");
  Loss loss;
  loss.function = reader.choice("type", loss.function, kLosses);
  loss.label_smoothing = reader.number("label_smoothing", 0, kBelowOne);
  if (loss.label_smoothing > 0 && loss.function != LossFunction::softmax_cross_entropy) {
    reader.fail(reader.find("label_smoothing")->location,
                fmt::format("'label_smoothing' with the loss {}", to_string(loss.function)),
                "it belongs to softmax_cross_entropy",
                "remove it, or set it to 0 (--set loss.label_smoothing=0)");
  }
  return loss;
}

const ConfigArray& layer_tables(const TableReader& model) {
  const ConfigValue& value = model.require("layer", "a [[layer]] table for each layer");
  const auto* tables = std::get_if<ConfigArray>(&value.data);
  if (tables == nullptr || tables->empty()) {
    model.fail(value.location, "'layer' must be an array of tables, not " + describe(value), "",
               "write [[layer]], with two brackets, above each layer");
  }
  return *tables;
}

// The location of what does not fit in a layer's table: the line of the key, or of the table.
const ConfigLocation& location_of(const LayerError& error, const ConfigValue& table) {
  const ConfigValue* value = find(std::get<ConfigTable>(table.data), error.key());
  return value == nullptr ? table.location : value->location;
}

std::string section_text(const ConfigValue& value) {
  std::string text;
  for (const ConfigEntry& entry : std::get<ConfigTable>(value.data)) {
    text += fmt::format("{} = {}\n", entry.key, to_toml(entry.value));
  }
  return text;
}

std::string model_text(const TableReader& model, Arithmetic arithmetic,
                       const TrainSettings& train) {
  std::string text =
      fmt::format("name = {}\narithmetic = \"{}\"\n\n[input]\n{}", to_toml(*model.find("name")),
                  to_string(arithmetic), section_text(*model.find("input")));
  for (const ConfigValue& layer : layer_tables(model)) {
    text += "\n[[layer]]\n" + section_text(layer);
  }
  return text + "\n[loss]\n" + section_text(*model.find("loss")) + "\n[train]\n" +
         train_text(train) + "\n[optimizer]\n" + optimizer_text(train) + average_text(train);
}

}  // namespace

std::string_view to_string(LossFunction function) {
  return name_of(kLosses, function);
}

std::string_view to_string(Arithmetic arithmetic) {
  return name_of(kArithmetics, arithmetic);
}

bool is_model_name(std::string_view name) {
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  return !name.empty() && name.size() <= 64 && name[0] != '.' && name[0] != '-' && is_plain;
}

ModelFile parse_model_file(std::string_view text, std::string_view source,
                           std::span<const Override> overrides) {
  const FloatEnvironment environment;  // the caller's rounding mode may differ
  ConfigValue root = parse_config(text, source);
  for (const Override& override : overrides) apply_override(root, override);

  const TableReader model(root, "", kModelKeys);
  std::string name = read_name(model);
  const Arithmetic arithmetic = model.choice("arithmetic", Arithmetic::fp32, kArithmetics);
  Input input =
      read_input(model.require("input", "an [input] table with height, width and channels"));
  ReadLayers read = read_layers(layer_tables(model));
  const Loss loss =
      read_loss(model.require("loss", "a [loss] table with type = \"softmax_cross_entropy\""));
  TrainSettings train = model.has("train") ? read_train(*model.find("train")) : TrainSettings{};
  if (model.has("optimizer")) read_optimizer(*model.find("optimizer"), train);
  if (model.has("average")) read_average(*model.find("average"), train);
  std::optional<Net> net;
  try {
    net.emplace(std::move(name), input.shape, std::move(input.normalization),
                std::move(read.layers), loss);
    check_groups_fit(*net, train.grain);
  } catch (const LayerError& error) {
    const auto layer = static_cast<std::size_t>(error.layer());
    const ConfigLocation& location = location_of(error, *read.tables[layer]);
    throw UserError(location.from_override ? Fault::usage : Fault::bad_data, location.text, "",
                    error.what());
  } catch (const UserError& error) {
    throw UserError(error.fault(), source, "", error.what());
  }
  if (model.has("optimizer")) check_groups(*net, *model.find("optimizer"), train);
  return {*std::move(net), train, arithmetic, model_text(model, arithmetic, train), input.files};
}

}  // namespace convoy
