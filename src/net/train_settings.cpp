// SPDX-License-Identifier: Apache-2.0
#include "net/train_settings.hpp"

#include <string_view>

#include "base/check.hpp"
#include "base/float_environment.hpp"

namespace convoy {
namespace {

// Whether the name matches the pattern, in which '*' stands for any text, also for none.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = pattern.npos, after_star = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != pattern.npos) {  // the last star takes one character more
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

}  // namespace

std::vector<int> groups_of_tensors(const Net& net, const TrainSettings& settings) {
  std::vector<int> groups;
  for (const ParameterTensor& tensor : net.parameter_tensors()) {
    int group = -1;
    for (std::size_t g = 0; g < settings.optimizer_groups.size() && group < 0; ++g) {
      if (matches(settings.optimizer_groups[g].match, tensor.name)) group = static_cast<int>(g);
    }
    groups.push_back(group);
  }
  return groups;
}

NetOptimizer optimizer_of(const Net& net, const TrainSettings& settings) {
  const FloatEnvironment environment;  // the caller's rounding mode may differ
  NetOptimizer result{
      settings.optimizer, {}, settings.clip_norm, settings.average, settings.evaluate};
  CONVOY_ASSERT(result.slots().size() <= std::size_t{kMostSlots});
  const std::vector<int> groups = groups_of_tensors(net, settings);
  std::size_t t = 0;
  for (const ParameterBlock& block : net.parameter_blocks()) {
    BlockUpdate& update = result.blocks.emplace_back();
    for (TensorUpdate* tensor : {&update.weight, &update.bias}) {
      const bool exists = tensor == &update.bias ? block.shape.bias : block.shape.weights() > 0;
      if (!exists) continue;
      *tensor = {net.parameter_tensors()[t].learning_rate_factor, weight_decay(settings.optimizer),
                 false};
      if (groups[t] >= 0) {
        const OptimizerGroup& group =
            settings.optimizer_groups[static_cast<std::size_t>(groups[t])];
        tensor->rate_factor *= group.learning_rate_factor;
        tensor->weight_decay = group.weight_decay.value_or(tensor->weight_decay);
        tensor->frozen = group.frozen;
      }
      ++t;
    }
  }
  return result;
}

}  // namespace convoy
