// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace convoy {

// The values of an enumeration, each with the name by which a file calls it.
template <class Enum, std::size_t Count>
using NameTable = std::array<std::pair<std::string_view, Enum>, Count>;

template <class Enum, std::size_t Count>
constexpr std::string_view name_of(const NameTable<Enum, Count>& names, Enum value) {
  for (const auto& [name, known] : names) {
    if (known == value) return name;
  }
  return {};
}

}  // namespace convoy
