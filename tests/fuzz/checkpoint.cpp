// SPDX-License-Identifier: Apache-2.0
// Checkpoints, as they are and with corrected digests; without the correction no input would pass
// the first check.
#include "train/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

#include "base/check.hpp"
#include "base/digest.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "train/strict_json.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace convoy::fuzz {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";

// A file of the safetensors format in its parts; the header may hold anything but __metadata__
// other than strings.
struct Parts {
  json header;
  std::string data;

  json& metadata() { return header[kMetadata]; }
  std::string text(const char* key) {
    return metadata().contains(key) ? convoy::text_of(metadata()[key], key) : "";
  }
};

std::optional<json> parsed(std::string_view text) {
  try {
    return parse_strict_json(text);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

std::optional<Parts> taken_apart(Input input) {
  std::uint64_t length = 0;
  if (input.size() < kLengthBytes) return std::nullopt;
  std::memcpy(&length, input.data(), kLengthBytes);
  input = input.subspan(kLengthBytes);
  if (length > input.size()) return std::nullopt;
  const auto size = static_cast<std::size_t>(length);
  std::optional<json> header = parsed(text_of(input.first(size)));
  if (!header) return std::nullopt;
  Parts parts{std::move(*header), std::string(text_of(input.subspan(size)))};
  if (!parts.header.is_object() || !parts.header.contains(kMetadata) ||
      !parts.metadata().is_object()) {
    return std::nullopt;
  }
  for (const json& value : parts.metadata()) {
    if (!value.is_string()) return std::nullopt;
  }
  return parts;
}

std::string put_together(const Parts& parts) {
  std::string header = to_text(parts.header);
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), kLengthBytes) + header + parts.data;
}

// The data of a model's tensors, under the prefix of their names. Buffers have no prefix.
std::string tensors_of(const Parts& parts, std::span<const ParameterTensor> tensors,
                       const std::string& prefix) {
  std::string all;
  for (const ParameterTensor& tensor : tensors) {
    const auto found = parts.header.find((tensor.is_buffer ? "" : prefix) + tensor.name);
    if (found == parts.header.end() || !found->is_object()) continue;
    const json offsets = found->value("data_offsets", json());
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      continue;
    }
    const auto begin = std::min(offsets[0].get<std::size_t>(), parts.data.size());
    const auto end = std::min(offsets[1].get<std::size_t>(), parts.data.size());
    if (begin < end) all += parts.data.substr(begin, end - begin);
  }
  return all;
}

std::string digest_of(std::string_view bytes) {
  return sha256(std::as_bytes(std::span(bytes)));
}

std::string with_length(const std::string& text) {
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

void put_right(Parts& parts) {
  json& metadata = parts.metadata();
  try {
    const ModelFile model = parse_model_file(parts.text("model"), "model");
    const std::span<const ParameterTensor> tensors = model.net.tensors();
    const std::span<const ParameterTensor> parameters = model.net.parameter_tensors();
    const std::string weights = tensors_of(parts, tensors, "");
    const auto step =
        static_cast<std::int64_t>(std::strtoll(parts.text("step").c_str(), nullptr, 10));
    metadata["weights_sha256"] = digest_of(weights);
    std::string state = weights;
    for (const std::string_view slot : slots_of(model.train.optimizer)) {
      state += tensors_of(parts, parameters, fmt::format("optimizer.{}.", slot));
    }
    if (exists(model.train.average)) {
      state += tensors_of(parts, parameters, "average.");
      metadata["average_sha256"] = digest_of(tensors_of(parts, tensors, "average."));
    }
    metadata["state_sha256"] =
        digest_of(state + std::string(reinterpret_cast<const char*>(&step), sizeof step));
  } catch (const UserError&) {  // there are no tensors then
  }
  std::string all;
  for (const auto& [key, value] : metadata.items()) {  // in ascending order
    if (key != "metadata_sha256") all += with_length(key) + with_length(value.get<std::string>());
  }
  metadata["metadata_sha256"] = digest_of(all);
}

std::string mutated(std::string text) {
  constexpr std::size_t kMore = 64;
  const std::size_t size = text.size();
  text.resize(size + kMore);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
  return text;
}

// A change of one value of the metadata, of one tensor's entry, or of the data.
void mutate(Parts& parts, unsigned choice) {
  json& object = choice % 2 == 0 ? parts.metadata() : parts.header;
  const std::size_t number = choice / 4 % object.size();
  const auto entry = std::next(object.begin(), static_cast<std::ptrdiff_t>(number));
  if (choice % 4 == 3) {
    parts.data = mutated(parts.data);
  } else if (entry->is_string()) {
    *entry = mutated(entry->get<std::string>());
  } else if (entry.key() != kMetadata) {
    if (auto changed = parsed(mutated(to_text(*entry)))) *entry = std::move(*changed);
  }
}

bool loads(Input input) {
  const MemoryFile file(input);
  return reads([&] {
    const Checkpoint checkpoint = load_checkpoint(file.path());
    if (weights_sha256(checkpoint.model.net, checkpoint.state) != checkpoint.weights_sha256) {
      report("other weights");
    }
  });
}

}  // namespace

bool takes(Input input) {
  const bool as_it_is = loads(input);
  std::optional<Parts> parts = taken_apart(input);
  if (!parts) return as_it_is;
  put_right(*parts);
  const std::string right = put_together(*parts);
  return loads({reinterpret_cast<const std::uint8_t*>(right.data()), right.size()}) || as_it_is;
}

}  // namespace convoy::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  using namespace convoy::fuzz;
  std::optional<Parts> parts = taken_apart({data, size});
  if (!parts || parts->metadata().empty() || seed % 8 == 0) {
    return LLVMFuzzerMutate(data, size, most);
  }
  mutate(*parts, seed / 8);
  const std::string bytes = put_together(*parts);
  if (bytes.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
