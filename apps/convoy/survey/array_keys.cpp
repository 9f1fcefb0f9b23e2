// SPDX-License-Identifier: Apache-2.0
#include "survey/array_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace convoy::app {

InputFiles array_keys(std::span<const Override> overrides) {
  for (const Override& text : overrides) {
    const bool is_known =
        text.starts_with("input.transpose=") || text.starts_with("input.first_label=");
    if (is_known) continue;
    throw UserError(Fault::usage, fmt::format("--set {} with --data", text),
                    "without a model, --set says only how arrays are stored",
                    "set input.transpose or input.first_label");
  }
  // Any model will do: the overrides concern none of its other keys.
  constexpr const char* kModel =
      "name = \"any\"\n[input]\nheight = 1\nwidth = 1\nchannels = 1\n"
      "[[layer]]\ntype = \"dense\"\nunits = 2\n[loss]\ntype = \"softmax_cross_entropy\"\n";
  return parse_model_file(kModel, "the options", overrides).files;
}

}  // namespace convoy::app
