// SPDX-License-Identifier: Apache-2.0
// Checks that a layer fits. The error names the layer and the key of the model file that is wrong,
// so that a reader of the file can add the line.
#pragma once

#include <string>
#include <string_view>

#include "base/check.hpp"
#include "net/layer.hpp"

namespace convoy {

class LayerError : public UserError {
 public:
  LayerError(int layer, std::string_view key, std::string_view problem, std::string_view why,
             std::string_view remedy)
      : UserError(Fault::bad_data, problem, why, remedy), layer_(layer), key_(key) {}

  int layer() const { return layer_; }
  const std::string& key() const { return key_; }  // empty: the whole layer is wrong

 private:
  int layer_;
  std::string key_;
};

// Checks a layer against the earlier ones (whose ops are complete), and sets its op's `in` to the
// shape that it reads. Throws LayerError.
void fit_layer(std::vector<Layer>& layers, int index, Shape net_input);

}  // namespace convoy
