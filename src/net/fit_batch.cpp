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

void check_batch_fits(const Net& net, Index samples) {
  for_each_norm(net, [&](int layer, const std::string& title, const BatchNorm2d& norm) {
    const Index rest = norm.group == 0 ? samples : samples % norm.group;
    const Index smallest = rest == 0 ? norm.group : rest;
    if (smallest * norm.in.height * norm.in.width > 1) return;
    const bool is_grouped = norm.group != 0 && samples > norm.group;
    throw LayerError(
        layer, norm.group == 0 ? "" : "group",
        fmt::format("{}: a batch of {} sample{} has {}one value per channel", title, samples,
                    samples == 1 ? "" : "s", is_grouped ? "a group with " : ""),
        "one value has no variance",
        smallest == norm.group ? "use a larger group, or normalise an image of more than one pixel"
                               : "use a larger train.batch, train.drop_last=true if only the last "
                                 "batch of an epoch is "
                                 "so short, or normalise an image of more than one pixel");
  });
}

}  // namespace convoy
