// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "base/version.hpp"
#include "train/find_checkpoint.hpp"
#include "train/other_version.hpp"
#include "train/safetensors.hpp"
#include "train/strict_json.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using safetensors::Metadata;

constexpr std::string_view kSchema = "convoy.checkpoint/2";
// What precedes a tensor's name in the names of its slots, in the order of ModelState::slots.
std::vector<std::string> slot_prefixes(const TrainSettings& settings) {
  std::vector<std::string> prefixes;
  for (const std::string_view slot : slots_of(settings.optimizer)) {
    prefixes.push_back(fmt::format("optimizer.{}.", slot));
  }
  if (exists(settings.average)) prefixes.emplace_back("average.");
  return prefixes;
}

std::span<const float> part_of(const Buffer<float>& arena, const ParameterTensor& tensor) {
  return arena.span().subspan(static_cast<std::size_t>(tensor.offset),
                              static_cast<std::size_t>(tensor.size));
}

void update_with(Sha256& digest, std::span<const ParameterTensor> tensors,
                 const Buffer<float>& arena) {
  for (const ParameterTensor& tensor : tensors) digest.update(part_of(arena, tensor));
}

// The digest of all entries except itself. The tensors' digests are among them, so it covers the
// whole file.
std::string metadata_sha256(const Metadata& metadata) {
  Sha256 digest;
  const auto update_text = [&](const std::string& text) {
    digest.update_number(std::uint64_t{text.size()});
    digest.update(std::span(text));
  };
  for (const auto& [key, value] : metadata) {
    if (key == "metadata_sha256") continue;
    update_text(key);
    update_text(value);
  }
  return digest.hex();
}

// A folder may have any name, but a text in JSON must be UTF-8: other bytes are replaced.
std::string utf8(const std::string& name) {
  return text_of(parse_strict_json(to_text(json(name))), "data_name");
}

Metadata metadata_of(const Checkpoint& checkpoint) {
  const RunPosition& position = checkpoint.position;
  const Net& net = checkpoint.model.net;
  const Normalization& normalization = net.normalization();
  Metadata metadata{
      {"schema", std::string(kSchema)},
      {"version", std::string(kVersion)},
      {"order_version", std::to_string(kOrderVersion)},
      {"model", checkpoint.model.text},
      {"arithmetic", std::string(to_string(checkpoint.model.arithmetic))},
      {"class_names", to_text(json(checkpoint.class_names))},
      {"normalization", to_text(json{{"scale", normalization.scale},
                                     {"mean", normalization.mean},
                                     {"stddev", normalization.stddev}})},
      {"seed", std::to_string(checkpoint.model.train.seed)},
      {"epoch", std::to_string(position.epoch)},
      {"epoch_step", std::to_string(position.epoch_step)},
      {"step", std::to_string(position.step)},
      {"epoch_loss", fmt::format("{:a}", position.epoch_sums.loss)},
      {"epoch_correct", std::to_string(position.epoch_sums.correct)},
      {"epoch_samples", std::to_string(position.epoch_sums.samples)},
      {"epoch_seconds", fmt::format("{}", position.epoch_seconds)},
      {"data_sha256", checkpoint.data_sha256},
      {"weights_sha256", weights_sha256(net, checkpoint.state)},
      {"state_sha256", state_sha256(net, checkpoint.state, position.step)},
  };
  if (exists(checkpoint.model.train.average)) {
    metadata["average_sha256"] = average_sha256(checkpoint.model, checkpoint.state);
  }
  if (!checkpoint.data.name.empty()) {
    metadata["data_name"] = utf8(checkpoint.data.name);
    metadata["data_limit"] = std::to_string(checkpoint.data.limit);
    metadata["data_validation"] = fmt::format("{}", checkpoint.data.validation);
    metadata["test_sha256"] = checkpoint.test_sha256;
    if (!checkpoint.data.validation_sha256.empty())
      metadata["validation_sha256"] = checkpoint.data.validation_sha256;
  }
  if (!checkpoint.initial_weights_sha256.empty()) {
    metadata["initial_weights_sha256"] = checkpoint.initial_weights_sha256;
  }
  metadata["metadata_sha256"] = metadata_sha256(metadata);
  return metadata;
}

// Reads a number without a sign, decimal or hexadecimal, in C notation, whatever the program's
// locale is; returns NaN if the text is no number. (clang's library has std::from_chars for whole
// numbers only.)
double read_real(const std::string& digits) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  char* stop = nullptr;
  const double value = ::strtod_l(digits.c_str(), &stop, c_locale);
  const bool is_whole = stop == digits.c_str() + digits.size();
  const bool begins_well = !digits.empty() && digits.front() >= '0' && digits.front() <= '9';
  return is_whole && begins_well ? value : std::numeric_limits<double>::quiet_NaN();
}

// Reads a checkpoint from its file, or throws the reason why it is damaged.
class Loader {
 public:
  explicit Loader(const fs::path& file) : file_(file), reader_(file) {}
  Loader(std::span<const std::byte> bytes, std::string_view name)
      : file_(name), reader_(bytes, name) {}

  Checkpoint load() const {
    // A file with another digest is damaged, and one without may be of another program.
    const bool is_intact =
        has("metadata_sha256") && text("metadata_sha256") == metadata_sha256(reader_.metadata());
    check_schema(text("schema"), is_intact);
    if (!is_intact) {
      text("metadata_sha256");
      fail("metadata", "its digest does not match");
    }
    Checkpoint checkpoint{parse_model_file(text("model"), fmt::format("{}: model", file_.string())),
                          {},
                          position(),
                          {},
                          text("data_sha256"),
                          text("weights_sha256"),
                          text("state_sha256")};
    if (text("arithmetic") != to_string(checkpoint.model.arithmetic)) {
      fail("metadata, key arithmetic",
           fmt::format("it is {}, but the model's is {}", text("arithmetic"),
                       to_string(checkpoint.model.arithmetic)));
    }
    checkpoint.class_names = class_names(checkpoint.model.net.loss().classes);
    read_origin(checkpoint);
    read_state(checkpoint);
    return checkpoint;
  }

 private:
  [[noreturn]] void fail(std::string_view location, std::string_view why) const {
    throw UserError(Fault::bad_data, fmt::format("the checkpoint {} is damaged", file_.string()),
                    fmt::format("{}: {}", location, why), "use another checkpoint");
  }

  void check_schema(const std::string& schema, bool is_intact) const {
    if (schema == kSchema) return;
    const std::string problem =
        fmt::format("{} is not a checkpoint that this version can read", file_.string());
    const std::string why = fmt::format("its schema is {}, not {}", schema, kSchema);
    if (is_intact && schema.starts_with("convoy.checkpoint/")) {
      throw OtherVersion(Fault::bad_data, problem, why,
                         fmt::format("use the build of Convoy {} that wrote it", text("version")));
    }
    throw UserError(Fault::bad_data, problem, why, "use another checkpoint");
  }

  const std::string& text(const std::string& key) const {
    const auto found = reader_.metadata().find(key);
    if (found == reader_.metadata().end()) fail("metadata", fmt::format("{} is missing", key));
    return found->second;
  }

  [[noreturn]] void fail_number(const std::string& key) const {
    fail(fmt::format("metadata, key {}", key), fmt::format("{} is not a valid number", text(key)));
  }

  // Limits counts to the largest number that Convoy writes, so that sums do not overflow.
  Index count(const std::string& key) const {
    const std::string& digits = text(key);
    Index value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end || value < 0) fail_number(key);
    if (value > kMostOfJson) {
      fail(fmt::format("metadata, key {}", key), fmt::format("{} is out of range", value));
    }
    return value;
  }

  double real(const std::string& key) const {
    const double value = read_real(text(key));
    if (!std::isfinite(value) || value < 0) fail_number(key);
    return value;
  }

  double loss() const {
    if (!text("epoch_loss").starts_with("0x")) {
      fail("metadata, key epoch_loss", "it is not a hexadecimal number");
    }
    return real("epoch_loss");
  }

  RunPosition position() const {
    RunPosition position;
    position.epoch = count("epoch");
    position.epoch_step = count("epoch_step");
    position.step = count("step");
    position.epoch_sums.loss = loss();
    position.epoch_sums.correct = count("epoch_correct");
    position.epoch_sums.samples = count("epoch_samples");
    position.epoch_seconds = real("epoch_seconds");
    if (position.epoch < 1 || position.epoch_step > position.step)
      fail("metadata", "the position is not valid");
    return position;
  }

  // A data set may have fewer classes than the model has outputs, but not more.
  std::vector<std::string> class_names(Index outputs) const {
    std::vector<std::string> names;
    try {
      names = texts_of(parse_strict_json(text("class_names")), "class_names");
    } catch (const std::invalid_argument& error) {
      fail("metadata, key class_names", error.what());
    }
    if (static_cast<Index>(names.size()) > outputs) {
      fail("metadata, key class_names",
           fmt::format("it has {} names, but the model has {} outputs", names.size(), outputs));
    }
    return names;
  }

  bool has(const std::string& key) const { return reader_.metadata().contains(key); }

  void read_origin(Checkpoint& checkpoint) const {
    if (has("data_name")) {
      checkpoint.data = {text("data_name"), count("data_limit"), real("data_validation"),
                         has("validation_sha256") ? text("validation_sha256") : std::string()};
      checkpoint.test_sha256 = text("test_sha256");
      if (checkpoint.data.validation >= 1)
        fail("metadata, key data_validation", "it is not from 0 to less than 1");
    }
    if (has("initial_weights_sha256")) {
      checkpoint.initial_weights_sha256 = text("initial_weights_sha256");
    }
    checkpoint.order_version = count("order_version");
    checkpoint.version = text("version");
  }

  // Checks the names and shapes of all tensors before it allocates memory for them.
  void read_state(Checkpoint& checkpoint) const {
    const Net& net = checkpoint.model.net;
    const std::vector<std::string> prefixes = slot_prefixes(checkpoint.model.train);
    check_tensors(net, prefixes);
    checkpoint.state.parameters =
        read_arena(net, net.tensors(), [](const ParameterTensor& t) { return t.name; });
    for (const std::string& prefix : prefixes) {
      checkpoint.state.slots.push_back(read_arena(
          net, net.parameter_tensors(), [&](const ParameterTensor& t) { return prefix + t.name; }));
    }
    const Average& average = checkpoint.model.train.average;
    set_buffers_of_average(net, average, checkpoint.state);
    if (exists(average)) checkpoint.average_sha256 = text("average_sha256");
    if (weights_sha256(net, checkpoint.state) != checkpoint.weights_sha256 ||
        average_sha256(checkpoint.model, checkpoint.state) != checkpoint.average_sha256 ||
        state_sha256(net, checkpoint.state, checkpoint.position.step) != checkpoint.state_sha256) {
      fail("data", "the digest of the tensors does not match");
    }
    check_finite(net.tensors(), checkpoint.state.parameters, "");
    for (std::size_t s = 0; s < prefixes.size(); ++s) {
      check_finite(net.parameter_tensors(), checkpoint.state.slots[s], prefixes[s]);
    }
  }

  // A step whose result is not finite is not kept, so no run writes such a number.
  void check_finite(std::span<const ParameterTensor> tensors, const Buffer<float>& arena,
                    const std::string& prefix) const {
    for (const ParameterTensor& tensor : tensors) {
      if (std::ranges::all_of(part_of(arena, tensor), [](float v) { return std::isfinite(v); }))
        continue;
      fail(fmt::format("tensor {}{}", prefix, tensor.name), "a number is not finite");
    }
  }

  void check_tensors(const Net& net, std::span<const std::string> prefixes) const {
    for (const ParameterTensor& tensor : net.tensors()) check_tensor(tensor.name, tensor.shape);
    for (const ParameterTensor& tensor : net.parameter_tensors()) {
      for (const std::string& prefix : prefixes) check_tensor(prefix + tensor.name, tensor.shape);
    }
    const std::size_t wanted =
        net.tensors().size() + net.parameter_tensors().size() * prefixes.size();
    if (reader_.tensors().size() != wanted) {
      fail("list of tensors", fmt::format("it has {} tensors, but its model has {}",
                                          reader_.tensors().size(), wanted));
    }
  }

  void check_tensor(const std::string& name, const std::vector<Index>& shape) const {
    const auto found = reader_.tensors().find(name);
    if (found == reader_.tensors().end()) fail(fmt::format("tensor {}", name), "it is missing");
    if (found->second.shape != shape) {
      fail(fmt::format("tensor {}", name), "its shape differs from the model's");
    }
  }

  // `name_of` returns the name of a tensor's value in the file.
  template <class NameOf>
  Buffer<float> read_arena(const Net& net, std::span<const ParameterTensor> tensors,
                           const NameOf& name_of) const {
    Buffer<float> arena(net.arena_size());
    for (const ParameterTensor& tensor : tensors) {
      const auto& entry = reader_.tensors().at(name_of(tensor));
      reader_.read(entry, arena.span().subspan(static_cast<std::size_t>(tensor.offset),
                                               static_cast<std::size_t>(tensor.size)));
    }
    return arena;
  }

  fs::path file_;
  safetensors::Reader reader_;
};

}  // namespace

std::string weights_sha256(const Net& net, const ModelState& state) {
  Sha256 digest;
  update_with(digest, net.tensors(), state.parameters);
  return digest.hex();
}

std::string average_sha256(const ModelFile& model, const ModelState& state) {
  if (!exists(model.train.average)) return {};
  Sha256 digest;
  update_with(digest, model.net.tensors(), state.slots.back());
  return digest.hex();
}

std::string state_sha256(const Net& net, const ModelState& state, Index step) {
  Sha256 digest;
  update_with(digest, net.tensors(), state.parameters);
  for (const Buffer<float>& slot : state.slots) {
    update_with(digest, net.parameter_tensors(), slot);
  }
  digest.update_number(step);
  return digest.hex();
}

WeightsCopy evaluated_copy(const Checkpoint& checkpoint) {
  const TrainSettings& settings = checkpoint.model.train;
  return exists(settings.average) ? settings.evaluate : WeightsCopy::trained;
}

const Buffer<float>& evaluated_weights(const Checkpoint& checkpoint) {
  return evaluated_copy(checkpoint) == WeightsCopy::average ? checkpoint.state.slots.back()
                                                            : checkpoint.state.parameters;
}

const std::string& evaluated_sha256(const Checkpoint& checkpoint) {
  return evaluated_copy(checkpoint) == WeightsCopy::average ? checkpoint.average_sha256
                                                            : checkpoint.weights_sha256;
}

void choose_weights(Checkpoint& checkpoint, std::optional<WeightsCopy> copy,
                    std::string_view name) {
  if (!copy) return;
  TrainSettings& settings = checkpoint.model.train;
  if (*copy == WeightsCopy::average && !exists(settings.average)) {
    throw UserError(Fault::usage, fmt::format("{} has no average of the weights", name),
                    "its model has no [average] section", "use the trained weights");
  }
  settings.evaluate = *copy;
}

void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint) {
  const ModelState& state = checkpoint.state;
  std::vector<safetensors::Tensor> tensors;
  for (const ParameterTensor& tensor : checkpoint.model.net.tensors()) {
    tensors.push_back({tensor.name, tensor.shape, part_of(state.parameters, tensor)});
  }
  const std::vector<std::string> prefixes = slot_prefixes(checkpoint.model.train);
  for (std::size_t s = 0; s < state.slots.size(); ++s) {
    for (const ParameterTensor& tensor : checkpoint.model.net.parameter_tensors()) {
      tensors.push_back({prefixes[s] + tensor.name, tensor.shape, part_of(state.slots[s], tensor)});
    }
  }
  safetensors::write(file, metadata_of(checkpoint), tensors);
}

Checkpoint load_checkpoint(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return newest_checkpoint(path).checkpoint;
  return Loader(path).load();
}

Checkpoint load_checkpoint(std::span<const std::byte> bytes, std::string_view name) {
  return Loader(bytes, name).load();
}

}  // namespace convoy
