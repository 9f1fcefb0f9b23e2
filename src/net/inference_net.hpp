// SPDX-License-Identifier: Apache-2.0
// The net that evaluates. A batch normalisation uses its running statistics then, which do not
// depend on the batch. One that alone reads a convolution or a dense layer is folded into it:
//
//   scale[c]         = gamma[c] * (1 / sqrt(running_var[c] + epsilon))
//   weight' [tap][c] = weight[tap][c] * scale[c]
//   bias' [c]        = (bias[c] - running_mean[c]) * scale[c] + beta[c]
//
// where a bias that does not exist is 0,
//
// computed in double, each operation rounded, and the results rounded to float once. Any other
// batch normalisation stays, as y = fma(x, scale, shift) with scale and shift rounded once. This is
// the arithmetic of every evaluation, on every engine.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "net/net.hpp"

namespace convoy {

class InferenceNet {
 public:
  // `net` must outlive this object.
  explicit InferenceNet(const Net& net);

  // Whether it differs from the net itself: whether that has a batch normalisation.
  static bool differs(const Net& net);

  const Net& net() const { return *folded_; }

  // Writes the arena of net() for arenas of the net that was given, which may be one: the first has
  // the trained parameters (or their average), the second the buffers.
  void fold(const float* parameters, const float* buffers, float* folded) const;

 private:
  struct Source {
    int layer = 0;            // in the net that was given
    std::optional<int> norm;  // the batch normalisation that is folded into it
  };

  bool is_folded(int norm, std::span<const int> readers) const;
  void fold_layer(const float* parameters, const float* buffers, const ParameterBlock& block,
                  const Source& source, float* folded) const;

  const Net& net_;
  std::vector<Source> sources_;  // by layer of net()
  std::optional<Net> folded_;
};

}  // namespace convoy
