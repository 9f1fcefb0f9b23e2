// SPDX-License-Identifier: Apache-2.0
#include "optim/average.hpp"

namespace convoy {
namespace {

std::string_view name_of(const NoAverage& /*average*/) {
  return "none";
}
std::string_view name_of(const Ema& /*average*/) {
  return "ema";
}
std::string_view name_of(const Lookahead& /*average*/) {
  return "lookahead";
}

}  // namespace

std::string_view type_name(const Average& average) {
  return std::visit([](const auto& a) { return name_of(a); }, average);
}

std::string_view to_string(WeightsCopy copy) {
  return name_of(kWeightsCopies, copy);
}

}  // namespace convoy
