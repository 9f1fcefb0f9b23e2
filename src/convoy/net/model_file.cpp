// SPDX-License-Identifier: Apache-2.0
#include "convoy/net/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "convoy/base/float_environment.hpp"
#include "convoy/net/layer_error.hpp"
#include "convoy/net/model_reader.hpp"
#include "convoy/net/table_reader.hpp"

namespace convoy {
namespace {

constexpr std::array<std::pair<std::string_view, LossFunction>, 2> kLosses = {
    {{"softmax_cross_entropy", LossFunction::softmax_cross_entropy},
     {"sigmoid_binary_cross_entropy", LossFunction::sigmoid_binary_cross_entropy}}};

struct Input {
  Shape shape;
  Normalization normalization;
};

// A number for all channels, or an array of one a channel.
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
    input.fail(value->place, fmt::format("'{}' has {} values", key, array->size()),
               fmt::format("the input has {} channels", channels),
               "write one number, or an array of one a channel");
  }
  std::vector<double> numbers;
  for (const ConfigValue& element : *array) {
    numbers.push_back(input.number_of(key, element, interval));
  }
  return numbers;
}

Input read_input(const ConfigValue& value) {
  constexpr Index kMaxSide = 1 << 16;
  const TableReader reader(value, "[input]", kInputKeys);
  for (const std::string_view key : {"height", "width", "channels"}) {
    reader.require(key, fmt::format("{} = {}", key, key == "channels" ? 1 : 28));
  }
  Input input;
  input.shape = {reader.integer("height", 1, 1, kMaxSide), reader.integer("width", 1, 1, kMaxSide),
                 reader.integer("channels", 1, 1, 4096)};
  Normalization& n = input.normalization;
  n.scale = reader.number("scale", n.scale, {0, HUGE_VAL, true});
  n.mean = read_channels(reader, "mean", input.shape.channels, {-HUGE_VAL, HUGE_VAL});
  n.stddev = read_channels(reader, "std", input.shape.channels, {0, HUGE_VAL, true});
  return input;
}

std::string read_name(const TableReader& model) {
  model.require("name", "name = \"my-net\"");
  const std::string name = model.string("name", "");
  if (!is_model_name(name)) {
    model.fail(
        model.find("name")->place, fmt::format("'{}' can't be a model's name", name),
        "run folders are named after it, and commands are given it",
        "use up to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' in front");
  }
  return name;
}

LossFunction read_loss(const ConfigValue& value) {
  const TableReader reader(value, "[loss]", kLossKeys);
  reader.require("type", "type = \"softmax_cross_entropy\"");
  return reader.choice("type", LossFunction::softmax_cross_entropy, kLosses);
}

const ConfigArray& layer_tables(const TableReader& model) {
  const ConfigValue& value = model.require("layer", "a [[layer]] table for each layer");
  const auto* tables = std::get_if<ConfigArray>(&value.data);
  if (tables == nullptr || tables->empty()) {
    model.fail(value.place, "'layer' must be an array of tables, not " + describe(value), "",
               "write [[layer]], with two brackets, above each layer");
  }
  return *tables;
}

// Where the table of a layer says what does not fit: the line of the key, or of the table.
const ConfigPlace& place_of(const LayerError& error, const ConfigValue& table) {
  const ConfigValue* value = find(std::get<ConfigTable>(table.data), error.key());
  return value == nullptr ? table.place : value->place;
}

std::string section_text(const ConfigValue& value) {
  std::string text;
  for (const ConfigEntry& entry : std::get<ConfigTable>(value.data)) {
    text += fmt::format("{} = {}\n", entry.key, to_toml(entry.value));
  }
  return text;
}

std::string model_text(const TableReader& model, const TrainSettings& train) {
  std::string text = fmt::format("name = {}\n\n[input]\n{}", to_toml(*model.find("name")),
                                 section_text(*model.find("input")));
  for (const ConfigValue& layer : layer_tables(model)) {
    text += "\n[[layer]]\n" + section_text(layer);
  }
  return text + "\n[loss]\n" + section_text(*model.find("loss")) + "\n[train]\n" +
         train_text(train);
}

}  // namespace

bool is_model_name(std::string_view name) {
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  return !name.empty() && name.size() <= 64 && name[0] != '.' && name[0] != '-' && is_plain;
}

Model parse_model(std::string_view text, std::string_view source,
                  std::span<const Override> overrides) {
  const FloatEnvironment environment;  // numbers are read alike in every caller's rounding mode
  ConfigValue root = parse_config(text, source);
  for (const Override& override : overrides) apply_override(root, override);

  const TableReader model(root, "", kModelKeys);
  std::string name = read_name(model);
  Input input =
      read_input(model.require("input", "an [input] table with height, width and channels"));
  ReadLayers read = read_layers(layer_tables(model));
  const LossFunction loss =
      read_loss(model.require("loss", "a [loss] table with type = \"softmax_cross_entropy\""));
  const TrainSettings train =
      model.has("train") ? read_train(*model.find("train")) : TrainSettings{};
  try {
    Net net(std::move(name), input.shape, std::move(input.normalization), std::move(read.layers),
            loss);
    return {std::move(net), train, model_text(model, train)};
  } catch (const LayerError& error) {
    const auto layer = static_cast<std::size_t>(error.layer());
    const ConfigPlace& place = place_of(error, *read.tables[layer]);
    throw UserError(place.from_override ? Fault::usage : Fault::bad_data, place.text, "",
                    error.what());
  } catch (const UserError& error) {
    throw UserError(error.fault(), source, "", error.what());
  }
}

}  // namespace convoy
