// SPDX-License-Identifier: Apache-2.0
#include "net/fit_batch.hpp"

#include <fmt/format.h>

#include <bit>

#include "net/fit_layer.hpp"

namespace convoy {
namespace {

// Calls check(layer's number, its title, operation) for each batch normalisation.
template <class Check>
void for_each_norm(const Net& net, const Check& check) {
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    const Layer& layer = net.layers()[i];
    const auto* norm = std::get_if<BatchNorm2d>(&layer.op);
    if (norm == nullptr) continue;
    check(static_cast<int>(i), fmt::format("layer '{}' (batch_norm2d)", layer.name), *norm);
  }
}

// The samples of the smallest group of a batch.
Index smallest_group(const BatchNorm2d& norm, Index samples) {
  if (norm.group == 0) return samples;
  const Index rest = samples % norm.group;
  return rest == 0 ? norm.group : rest;
}

void check_batch_fits(const Net& net, Index samples, bool is_last) {
  if (samples == 0) return;
  for_each_norm(net, [&](int layer, const std::string& title, const BatchNorm2d& norm) {
    const Index smallest = smallest_group(norm, samples);
    if (smallest * norm.in.height * norm.in.width > 1) return;
    const std::string_view group = smallest == samples ? "" : "a group with ";
    const std::string_view remedy = is_last                  ? "use train.drop_last=true"
                                    : smallest == norm.group ? "use a larger group"
                                    : smallest == samples    ? "use a larger train.batch"
                                                             : "use a group that divides the batch";
    throw LayerError(layer, group.empty() ? "" : "group",
                     fmt::format("{}: {} of {} sample{} has {}one value per channel", title,
                                 is_last ? "the last batch of an epoch" : "a batch", samples,
                                 samples == 1 ? "" : "s", group),
                     "one value has no variance",
                     fmt::format("{}, or normalise an image of more than one pixel", remedy));
  });
}

}  // namespace

void check_groups_fit(const Net& net, Index grain) {
  for_each_norm(net, [&](int layer, const std::string& title, const BatchNorm2d& norm) {
    if (norm.group == 0) return;
    const bool fits = norm.group % grain == 0 &&
                      std::has_single_bit(static_cast<std::uint64_t>(norm.group / grain));
    if (fits) return;
    throw LayerError(
        layer, "group",
        fmt::format("{}: groups of {} samples with grains of {}", title, norm.group, grain),
        "a group is 1, 2, 4, 8 ... grains, so that it is a subtree of the batch",
        fmt::format("use a group of {}, or another grain",
                    grain * static_cast<Index>(std::bit_ceil(
                                static_cast<std::uint64_t>((norm.group + grain - 1) / grain)))));
  });
}

Net without_groups(const Net& net) {
  std::vector<Layer> layers = net.layers();
  for (Layer& layer : layers) {
    if (auto* const norm = std::get_if<BatchNorm2d>(&layer.op)) norm->group = 0;
  }
  return {net.name(), net.input(), net.normalization(), std::move(layers), net.loss()};
}

void check_batches_fit(const Net& net, Index batch, Index last) {
  check_batch_fits(net, batch, false);
  check_batch_fits(net, last, true);
}

}  // namespace convoy
