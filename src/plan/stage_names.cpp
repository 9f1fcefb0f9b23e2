// SPDX-License-Identifier: Apache-2.0
#include "plan/stage_names.hpp"

namespace convoy {

std::string_view to_string(StageKind kind) {
  switch (kind) {
    case StageKind::statistics:
      return "statistics";
    case StageKind::gradient_statistics:
      return "gradient statistics";
    case StageKind::forward:
      return "forward";
    case StageKind::loss:
      return "loss";
    case StageKind::weight_gradient:
      return "weight gradient";
    case StageKind::input_gradient:
      return "input gradient";
    case StageKind::add_readers_gradients:
      return "add gradients";
  }
  return "";
}

Index stage_count(const Plan& plan) {
  return static_cast<Index>(plan.stages().size());
}

Index stage_number(const Plan& plan, const Stage& stage) {
  return &stage - plan.stages().data();
}

const Stage& stage_of_number(const Plan& plan, Index number) {
  return plan.stages()[static_cast<std::size_t>(number)];
}

std::vector<std::string> stage_layers(const Plan& plan, const Stage& stage) {
  std::vector<std::string> names;
  for (int i = 0; i <= stage.fused; ++i) {
    names.push_back(plan.net().layers()[static_cast<std::size_t>(stage.layer + i)].name);
  }
  return names;
}

std::string joined_name(std::span<const std::string> layers) {
  if (layers.empty()) return {};
  std::string name = layers.front();
  std::string_view base = layers.front();  // the names of its activations begin with it
  for (const std::string& layer : layers.subspan(1)) {
    const bool belongs = layer.starts_with(base) && layer.substr(base.size()).starts_with('.');
    name += "+" + (belongs ? layer.substr(base.size() + 1) : layer);
    if (!belongs) base = layer;
  }
  return name;
}

}  // namespace convoy
