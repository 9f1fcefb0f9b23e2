// SPDX-License-Identifier: Apache-2.0
// Strict access to one table of a model file. An unknown key, a value of the wrong type or a value
// out of range throws a UserError with the location, the table's title and the remedy. (Internal to
// net/.)
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/interval.hpp"
#include "base/name_table.hpp"
#include "base/tensor.hpp"
#include "net/config_tree.hpp"

namespace convoy {

class TableReader {
 public:
  // `title` begins each message: "[train]", "layer 'conv1' (conv2d)". Throws where `value` is not a
  // table, or has a key that is not one of `keys`.
  TableReader(const ConfigValue& value, std::string title, std::span<const std::string_view> keys);

  const ConfigValue* find(std::string_view key) const { return convoy::find(*table_, key); }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Throws where the key is missing; `example` is the remedy.
  const ConfigValue& require(std::string_view key, std::string_view example) const;

  // Each of these returns `fallback` where the key is missing.
  Index integer(std::string_view key, Index fallback, Index low, Index high) const;
  double number(std::string_view key, double fallback, const Interval& interval) const;
  bool flag(std::string_view key, bool fallback) const;
  std::string string(std::string_view key, std::string_view fallback) const;
  Extent extent(std::string_view key, Extent fallback, Index low, Index high) const;

  // Replaces a setting where its key is there.
  void read(std::string_view key, double& field, const Interval& interval) const {
    field = number(key, field, interval);
  }
  void read(std::string_view key, Index& field, const IndexRange& range) const {
    field = integer(key, field, range.low, range.high);
  }
  void read(std::string_view key, bool& field) const { field = flag(key, field); }

  // Reads a value that must be one of a few names.
  template <class Enum, std::size_t Count>
  Enum choice(std::string_view key, Enum fallback, const NameTable<Enum, Count>& names) const {
    const ConfigValue* value = find(key);
    if (value == nullptr) return fallback;
    std::array<std::string_view, Count> known;
    for (std::size_t i = 0; i < Count; ++i) known[i] = names[i].first;
    return names[choose(key, *value, known)].second;
  }

  // The same for a value that is an element of an array, or that lies in another table.
  Index integer_of(std::string_view key, const ConfigValue& value, Index low, Index high) const;
  double number_of(std::string_view key, const ConfigValue& value, const Interval& interval) const;
  std::string string_of(std::string_view key, const ConfigValue& value) const;
  // Returns the index of the name in `names`.
  std::size_t choose(std::string_view key, const ConfigValue& value,
                     std::span<const std::string_view> names) const;

  [[noreturn]] void fail(const ConfigLocation& location, std::string_view problem,
                         std::string_view why, std::string_view remedy) const;

  const ConfigLocation& location() const { return *location_; }
  const std::string& title() const { return title_; }

 private:
  const ConfigTable* table_ = nullptr;
  const ConfigLocation* location_ = nullptr;
  std::string title_;
};

}  // namespace convoy
