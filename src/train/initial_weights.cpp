// SPDX-License-Identifier: Apache-2.0
#include "train/initial_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "parallel/collectives.hpp"

namespace convoy {
namespace {

[[noreturn]] void refuse(const FoundCheckpoint& source, const ModelFile& model,
                         std::string_view why) {
  throw UserError(
      Fault::bad_data,
      fmt::format("the weights of {} do not fit model {}", source.file.string(), model.net.name()),
      why, "give a model with the same layers, or a checkpoint of this one");
}

std::string to_string(const std::vector<Index>& shape) {
  return fmt::format("{}", fmt::join(shape, " x "));
}

const ParameterTensor* find_tensor(const Net& net, const std::string& name) {
  const auto& tensors = net.tensors();
  const auto found = std::ranges::find(tensors, name, &ParameterTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

}  // namespace

InitialWeights initial_weights(const FoundCheckpoint& source, const ModelFile& model) {
  const Net& old = source.checkpoint.model.net;
  for (const ParameterTensor& tensor : old.tensors()) {
    if (find_tensor(model.net, tensor.name) != nullptr) continue;
    refuse(source, model, fmt::format("its tensor {} is not in the model", tensor.name));
  }
  InitialWeights weights{Buffer<float>(model.net.arena_size()),
                         evaluated_sha256(source.checkpoint)};
  for (const ParameterTensor& tensor : model.net.tensors()) {
    const ParameterTensor* from = find_tensor(old, tensor.name);
    if (from == nullptr) refuse(source, model, fmt::format("it has no tensor {}", tensor.name));
    if (from->shape != tensor.shape) {
      refuse(source, model,
             fmt::format("its tensor {} has the shape {}, but the model's has {}", tensor.name,
                         to_string(from->shape), to_string(tensor.shape)));
    }
    std::copy_n(evaluated_weights(source.checkpoint).data() + from->offset, tensor.size,
                weights.parameters.data() + tensor.offset);
  }
  return weights;
}

InitialWeights load_initial_weights(Communicator& communicator, const std::filesystem::path& path,
                                    const ModelFile& model, std::filesystem::path& found) {
  const std::vector<std::string> told = unpack(on_first_rank(communicator, [&] {
    const FoundCheckpoint source = find_checkpoint(path);
    const InitialWeights weights = initial_weights(source, model);
    const auto numbers = std::as_bytes(weights.parameters.span());
    const std::vector<std::string> parts{
        weights.sha256,
        source.file.string(),
        {reinterpret_cast<const char*>(numbers.data()), numbers.size()}};
    return pack(parts);
  }));
  InitialWeights weights{Buffer<float>(model.net.arena_size()), told.at(0)};
  found = told.at(1);
  std::memcpy(weights.parameters.data(), told.at(2).data(), told.at(2).size());
  return weights;
}

void check_initial_weights(const std::filesystem::path& folder, std::string_view begun,
                           const std::filesystem::path& source, std::string_view setting) {
  std::string asked;
  if (!source.empty()) {
    try {
      asked = evaluated_sha256(find_checkpoint(source).checkpoint);
    } catch (const UserError& error) {
      if (error.fault() == Fault::not_found) return;
      throw;
    }
  }
  if (asked == begun) return;
  const auto in_words = [](std::string_view digest) {
    return digest.empty() ? std::string("random weights")
                          : fmt::format("the weights of SHA-256 {}", digest);
  };
  throw UserError(
      Fault::usage,
      fmt::format("the run {} can't continue with other initial weights", folder.string()),
      fmt::format("{}: it began with {}, not {}", setting, in_words(begun), in_words(asked)),
      "use the same initial weights (give the checkpoint file: the best checkpoint of a run folder "
      "may have changed), or start a new run in another folder");
}

}  // namespace convoy
