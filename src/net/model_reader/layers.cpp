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

using Keys = std::vector<std::string_view>;

// A `type` of a layer: the operation with its usual settings, and the keys of the operation.
struct LayerType {
  std::string_view name;
  std::string_view short_name;
  Op op;
  Keys keys;
  bool is_trainable = false;
  bool has_initializers = false;
};

template <class OpType>
Keys keys_of(const OpType& op) {
  Keys keys;
  OpTraits<OpType>::visit_keys(op, [&](std::string_view key, const auto& /*field*/,
                                       const auto& usual, const auto&... /*limits*/) {
    keys.push_back(key);
    if constexpr (std::is_same_v<decltype(usual), const Required&>) {
      if (!usual.other_name.empty()) keys.push_back(usual.other_name);
    }
  });
  return keys;
}

const std::vector<LayerType>& layer_types() {
  static const std::vector<LayerType> types = [] {
    std::vector<LayerType> all;
    for_each_op([&]<class OpType>() {
      for (const ModelFileType<OpType>& type : OpTraits<OpType>::types) {
        all.push_back({type.name, type.short_name, type.settings, keys_of(type.settings),
                       is_trainable_v<OpType>,
                       is_trainable_v<OpType> && OpTraits<OpType>::has_initializers});
      }
    });
    return all;
  }();
  return types;
}

const LayerType* find_type(std::string_view name) {
  for (const LayerType& type : layer_types()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// With the keys of every layer, and of every layer that learns.
Keys all_keys_of(const LayerType& type) {
  Keys keys = {"type", "name", "inputs"};
  keys.insert(keys.end(), type.keys.begin(), type.keys.end());
  if (type.is_trainable) {
    keys.insert(keys.end(),
                {"activation", "weight_learning_rate_factor", "bias_learning_rate_factor"});
  }
  if (type.has_initializers) keys.insert(keys.end(), {"weight_init", "bias_init"});
  return keys;
}

// Reads the keys of an operation, one after the other.
class KeyReader {
 public:
  explicit KeyReader(const TableReader& layer) : layer_(layer) {}

  template <class Field, class... Limits>
  void operator()(std::string_view key, Field& field, const Required& required,
                  const Limits&... limits) const {
    key = given_name(key, required.other_name);
    layer_.require(key, required.example);
    field = read(key, field, limits...);
  }
  template <class Field, class... Limits>
  void operator()(std::string_view key, Field& field, const std::type_identity_t<Field>& usual,
                  const Limits&... limits) const {
    field = read(key, usual, limits...);
  }

 private:
  std::string_view given_name(std::string_view key, std::string_view other) const {
    if (other.empty() || !layer_.has(other)) return key;
    if (layer_.has(key)) {
      layer_.fail(layer_.find(other)->location, fmt::format("both '{}' and '{}'", key, other),
                  "they mean the same", "remove one");
    }
    return other;
  }

  Index read(std::string_view key, Index usual, const IndexRange& range) const {
    return layer_.integer(key, usual, range.low, range.high);
  }
  Extent read(std::string_view key, const Extent& usual, const IndexRange& range) const {
    return layer_.extent(key, usual, range.low, range.high);
  }
  double read(std::string_view key, double usual, const Interval& interval) const {
    return layer_.number(key, usual, interval);
  }
  bool read(std::string_view key, bool usual) const { return layer_.flag(key, usual); }

  const TableReader& layer_;
};

Op read_op(const TableReader& layer, Op op) {
  std::visit([&]<class OpType>(OpType& o) { OpTraits<OpType>::visit_keys(o, KeyReader(layer)); },
             op);
  return op;
}

Activation read_activation(const TableReader& layer) {
  constexpr auto& kTypes = OpTraits<Activation>::types;
  std::array<std::string_view, kTypes.size()> names;
  std::ranges::transform(kTypes, names.begin(), &ModelFileType<Activation>::name);
  return kTypes[layer.choose("activation", *layer.find("activation"), names)].settings;
}

constexpr std::array<std::pair<std::string_view, InitializerKind>, 6> kInitializers = {
    {{"zeros", InitializerKind::zeros},
     {"uniform", InitializerKind::uniform},
     {"xavier_uniform", InitializerKind::xavier_uniform},
     {"he_normal", InitializerKind::he_normal},
     {"kaiming_uniform", InitializerKind::kaiming_uniform},
     {"dirac", InitializerKind::dirac}}};

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
    const TableReader reader(table, fmt::format("layer '{}' ({})", names_[i], type.name),
                             all_keys_of(type));
    check_name(reader);
    Layer layer;
    layer.name = names_[i];
    layer.op = read_op(reader, type.op);
    layer.inputs = read_inputs(reader, input_count(layer.op), i);
    if (type.is_trainable) read_learning(reader, layer);
    add(std::move(layer), table);
    if (reader.has("activation")) {
      Layer activation;
      activation.op = read_activation(reader);
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
    for (const LayerType& type : layer_types()) types.push_back(type.name);
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
  std::vector<int> read_inputs(const TableReader& reader, std::size_t wanted, std::size_t i) const {
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
