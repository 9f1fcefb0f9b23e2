// SPDX-License-Identifier: Apache-2.0
#include "commands/missing_code.hpp"

#include <fmt/format.h>

namespace convoy::app {
namespace {

// "LINE: norm1 (batch_norm2d), norm2 (batch_norm2d)"
std::string layers_without(const Net& net, HasCode has_code, std::string_view line) {
  std::string text;
  for (const Layer& layer : net.layers()) {
    if (has_code(layer.op)) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", layer.name, type_name(layer.op));
  }
  return text.empty() ? "" : fmt::format("{}: {}\n", line, text);
}

}  // namespace

std::string missing_code(const Net& net, HasCode has_vector_code, HasCode has_gpu_code) {
  return layers_without(net, has_vector_code, "Without vector code, so slow") +
         layers_without(net, has_gpu_code, "Without code for a GPU, so for --device cpu alone");
}

}  // namespace convoy::app
