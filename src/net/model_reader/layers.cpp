// SPDX-License-Identifier: Apache-2.0
// Reads the [[layer]] tables of a model file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/suggest.hpp"
#include "net/model_reader.hpp"
#include "net/table_reader.hpp"

namespace convoy {
namespace {

constexpr Index kMaxSide = Index{1} << 24;

using Keys = std::vector<std::string_view>;

// The default name of a layer of this type, and the keys that it has besides those of every layer.
struct LayerType {
  std::string_view type;
  std::string_view short_name;
  Keys keys;
  bool has_parameters = false;
};

const std::array<LayerType, 9>& layer_types() {
  static const std::array<LayerType, 9> types = {{
      {"conv2d", "conv", {"filters", "kernel", "stride", "padding"}, true},
      {"subsample", "subsample", {"size", "kernel", "stride", "shared"}, true},
      {"max_pool2d", "pool", {"size", "stride", "padding"}},
      {"average_pool2d", "pool", {"size", "stride", "padding"}},
      {"dense", "dense", {"units"}, true},
      {"relu", "relu", {}},
      {"sigmoid", "sigmoid", {}},
      {"tanh", "tanh", {}},
      {"add", "add", {}},
  }};
  return types;
}

const LayerType* find_type(std::string_view name) {
  for (const LayerType& type : layer_types()) {
    if (type.type == name) return &type;
  }
  return nullptr;
}

Keys keys_of(const LayerType& type) {
  Keys keys = {"type", "name", "inputs"};
  keys.insert(keys.end(), type.keys.begin(), type.keys.end());
  if (type.has_parameters) {
    for (const std::string_view key :
         {"bias", "activation", "weight_init", "bias_init", "weight_learning_rate_factor",
          "bias_learning_rate_factor"}) {
      keys.push_back(key);
    }
  }
  return keys;
}

constexpr std::array<std::pair<std::string_view, ActivationFunction>, 3> kActivations = {
    {{"relu", ActivationFunction::relu},
     {"sigmoid", ActivationFunction::sigmoid},
     {"tanh", ActivationFunction::tanh}}};

constexpr std::array<std::pair<std::string_view, InitializerKind>, 4> kInitializers = {
    {{"zeros", InitializerKind::zeros},
     {"uniform", InitializerKind::uniform},
     {"xavier_uniform", InitializerKind::xavier_uniform},
     {"he_normal", InitializerKind::he_normal}}};

std::optional<std::string> string_at(const ConfigValue& table, std::string_view key) {
  const auto* entries = std::get_if<ConfigTable>(&table.data);
  const ConfigValue* value = entries == nullptr ? nullptr : find(*entries, key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(&value->data);
  return text == nullptr ? std::nullopt : std::optional(*text);
}

InitializerKind read_kind(const TableReader& layer, std::string_view key,
                          const ConfigValue& value) {
  std::array<std::string_view, kInitializers.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kInitializers[i].first;
  return kInitializers[layer.choose(key, value, names)].second;
}

// Reads "he_normal", or { type = "uniform", range = 0.5 }.
Initializer read_initializer(const TableReader& layer, std::string_view key, Initializer fallback) {
  const ConfigValue* value = layer.find(key);
  if (value == nullptr) return fallback;
  Initializer initializer;
  const ConfigValue* range = nullptr;
  if (std::holds_alternative<ConfigTable>(value->data)) {
    constexpr std::array<std::string_view, 2> kKeys = {"type", "range"};
    const TableReader table(*value, fmt::format("{}: {}", layer.title(), key), kKeys);
    initializer.kind = read_kind(layer, key, table.require("type", "type = \"uniform\""));
    range = table.find("range");
    if (range != nullptr) initializer.range = table.number("range", 0, {0, 1e9});
  } else {
    initializer.kind = read_kind(layer, key, *value);
  }
  const bool is_uniform = initializer.kind == InitializerKind::uniform;
  if (is_uniform && range == nullptr) {
    layer.fail(value->location, fmt::format("{} 'uniform' needs a range", key), "",
               fmt::format("write {} = {{ type = \"uniform\", range = 0.5 }}", key));
  }
  if (!is_uniform && range != nullptr) {
    layer.fail(range->location, fmt::format("{} has a range", key), "it belongs to 'uniform' alone",
               "remove it, or use type = \"uniform\"");
  }
  return initializer;
}

// Reads the tables one after the other, and knows the names of the earlier ones.
class LayersReader {
 public:
  explicit LayersReader(const ConfigArray& tables) : tables_(tables), names_(layer_names(tables)) {}

  ReadLayers read() && {
    for (std::size_t i = 0; i < tables_.size(); ++i) read_table(i);
    return std::move(result_);
  }

 private:
  void read_table(std::size_t i) {
    const ConfigValue& table = tables_[i];
    const LayerType& type = read_type(i);
    const TableReader reader(table, fmt::format("layer '{}' ({})", names_[i], type.type),
                             keys_of(type));
    check_name(reader);
    Layer layer;
    layer.name = names_[i];
    layer.op = read_op(reader, type);
    layer.inputs = read_inputs(reader, type, i);
    if (type.has_parameters) read_learning(reader, layer);
    add(std::move(layer), table);
    if (reader.has("activation")) {
      const auto function = reader.choice("activation", ActivationFunction::relu, kActivations);
      Layer activation;
      activation.op = Activation{{}, function};
      activation.name = fmt::format("{}.{}", names_[i], type_name(activation.op));
      activation.inputs = {last()};
      add(std::move(activation), table);
    }
    places_[names_[i]] = last();  // the layer's name stands for the output of its activation
  }

  int last() const { return static_cast<int>(result_.layers.size()) - 1; }

  void add(Layer layer, const ConfigValue& table) {
    result_.layers.push_back(std::move(layer));
    result_.tables.push_back(&table);
    places_[result_.layers.back().name] = last();
  }

  const LayerType& read_type(std::size_t i) const {
    const std::string given = string_at(tables_[i], "name").value_or(std::to_string(i));
    const auto* entries = std::get_if<ConfigTable>(&tables_[i].data);
    Keys keys;  // without a type, every key is accepted
    if (entries != nullptr) {
      for (const ConfigEntry& entry : *entries) keys.push_back(entry.key);
    }
    const TableReader reader(tables_[i], fmt::format("layer '{}'", given), keys);
    Keys types;
    for (const LayerType& type : layer_types()) types.push_back(type.type);
    const ConfigValue& type =
        reader.require("type", "type = \"conv2d\" (one of " + joined(types) + ")");
    return layer_types()[reader.choose("type", type, types)];
  }

  static void check_name(const TableReader& reader) {
    if (!reader.has("name")) return;
    const std::string name = reader.string("name", "");
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (name.empty() || name.size() > 64 || name == "input" ||
        !std::all_of(name.begin(), name.end(), allowed) ||
        std::all_of(name.begin(), name.end(), is_digit)) {
      reader.fail(reader.find("name")->location, fmt::format("'{}' can't be a layer's name", name),
                  "'input' and numbers are reserved", "use up to 64 letters, digits, '_' and '-'");
    }
  }

  static Op read_op(const TableReader& layer, const LayerType& type) {
    if (type.type == "conv2d") return read_conv(layer);
    if (type.type == "subsample") return read_subsample(layer);
    if (type.type == "max_pool2d") return read_pool(layer, Pooling::max);
    if (type.type == "average_pool2d") return read_pool(layer, Pooling::average);
    if (type.type == "dense") {
      Dense op;
      layer.require("units", "units = 10");
      op.units = layer.integer("units", 1, 1, kMaxSide);
      op.bias = layer.flag("bias", op.bias);
      return op;
    }
    for (const auto& [name, function] : kActivations) {
      if (type.type == name) return Activation{{}, function};
    }
    return Add{};
  }

  static Conv2d read_conv(const TableReader& layer) {
    Conv2d op;
    layer.require("filters", "filters = 8");
    layer.require("kernel", "kernel = 3, or kernel = [3, 5] for height and width");
    op.filters = layer.integer("filters", 1, 1, kMaxSide);
    op.kernel = layer.extent("kernel", op.kernel, 1, kMaxSide);
    op.stride = layer.extent("stride", op.stride, 1, kMaxSide);
    op.padding = layer.extent("padding", op.padding, 0, kMaxSide);
    op.bias = layer.flag("bias", op.bias);
    return op;
  }

  static Subsample read_subsample(const TableReader& layer) {
    Subsample op;
    if (layer.has("kernel") && layer.has("size")) {
      layer.fail(layer.find("kernel")->location, "both 'size' and 'kernel'", "they mean the same",
                 "remove one");
    }
    const std::string_view key = layer.has("kernel") ? "kernel" : "size";
    layer.require(key, "size = 2");
    op.kernel = layer.extent(key, op.kernel, 1, kMaxSide);
    op.stride = layer.extent("stride", op.kernel, 1, kMaxSide);
    op.shared = layer.flag("shared", op.shared);
    op.bias = layer.flag("bias", op.bias);
    return op;
  }

  static Pool2d read_pool(const TableReader& layer, Pooling pooling) {
    Pool2d op;
    op.pooling = pooling;
    layer.require("size", "size = 2");
    op.kernel = layer.extent("size", op.kernel, 1, kMaxSide);
    op.stride = layer.extent("stride", op.kernel, 1, kMaxSide);
    op.padding = layer.extent("padding", op.padding, 0, kMaxSide);
    return op;
  }

  static void read_learning(const TableReader& reader, Layer& layer) {
    constexpr Interval kFactor{0, 1e9};
    layer.weight_initializer = read_initializer(reader, "weight_init", layer.weight_initializer);
    layer.bias_initializer = read_initializer(reader, "bias_init", layer.bias_initializer);
    layer.weight_learning_rate_factor =
        reader.number("weight_learning_rate_factor", layer.weight_learning_rate_factor, kFactor);
    layer.bias_learning_rate_factor =
        reader.number("bias_learning_rate_factor", layer.bias_learning_rate_factor, kFactor);
    if (reader.flag("bias", true)) return;
    for (const std::string_view key : {"bias_init", "bias_learning_rate_factor"}) {
      if (!reader.has(key)) continue;
      reader.fail(reader.find(key)->location, fmt::format("'{}' in a layer without a bias", key),
                  "bias = false", "remove one of the two");
    }
  }

  // The layers that the table names, or the layer before it.
  std::vector<int> read_inputs(const TableReader& reader, const LayerType& type,
                               std::size_t i) const {
    const std::size_t wanted = type.type == "add" ? 2 : 1;
    const std::string_view example = "inputs = [\"conv1\", \"conv2\"]";
    if (wanted == 2) reader.require("inputs", example);
    const ConfigValue* value = reader.find("inputs");
    if (value == nullptr) return {last()};
    const auto* names = std::get_if<ConfigArray>(&value->data);
    if (names == nullptr || names->size() != wanted) {
      reader.fail(value->location,
                  "'inputs' must be an array of " + std::to_string(wanted) +
                      (wanted == 1 ? " name" : " names"),
                  "", fmt::format("write {}", wanted == 2 ? example : "inputs = [\"conv1\"]"));
    }
    std::vector<int> inputs;
    for (const ConfigValue& name : *names) inputs.push_back(read_input(reader, name, i));
    return inputs;
  }

  int read_input(const TableReader& reader, const ConfigValue& value, std::size_t i) const {
    const std::string name = reader.string_of("inputs", value);
    if (name == "input") return kNetInput;
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second;
    if (std::find(names_.begin() + static_cast<std::ptrdiff_t>(i), names_.end(), name) !=
        names_.end()) {
      reader.fail(value.location, fmt::format("its input '{}' does not come before it", name),
                  "layers are computed in the order of the file", "move that layer up");
    }
    Keys known = {"input"};
    for (const auto& [known_name, layer] : places_) known.push_back(known_name);
    reader.fail(value.location, fmt::format("unknown input '{}'", name), "",
                did_you_mean(name, known));
  }

  const ConfigArray& tables_;
  std::vector<std::string> names_;
  std::map<std::string, int> places_;  // of every layer so far, by name
  ReadLayers result_;
};

}  // namespace

ReadLayers read_layers(const ConfigArray& tables) {
  return LayersReader(tables).read();
}

std::vector<std::string> layer_names(const ConfigArray& tables) {
  std::map<std::string_view, int> counts;
  std::vector<std::string> names;
  for (const ConfigValue& table : tables) {
    const LayerType* type = find_type(string_at(table, "type").value_or(""));
    const std::string_view short_name = type == nullptr ? "layer" : type->short_name;
    const std::string counted = fmt::format("{}{}", short_name, ++counts[short_name]);
    names.push_back(string_at(table, "name").value_or(counted));
  }
  return names;
}

}  // namespace convoy
