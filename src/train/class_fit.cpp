// SPDX-License-Identifier: Apache-2.0
#include "train/class_fit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "base/check.hpp"

namespace convoy {
namespace {

using Names = std::vector<std::string>;

// Such names say nothing about a class: readers give them to classes that have none.
bool are_numbers(const Names& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i)) return false;
  }
  return true;
}

// ", only the model has cat, dog and 3 more"; empty where `others` has all of `names`.
std::string only(std::string_view side, const Names& names, const Names& others) {
  constexpr std::size_t kMost = 8;
  const std::set<std::string> known(others.begin(), others.end());
  Names missing;
  std::ranges::copy_if(names, std::back_inserter(missing),
                       [&](const std::string& name) { return !known.contains(name); });
  if (missing.empty()) return "";
  const std::size_t more = missing.size() - std::min(missing.size(), kMost);
  missing.resize(missing.size() - more);
  return fmt::format(", only the {} has {}{}", side, fmt::join(missing, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

bool begins_with(const Names& names, const Names& first) {
  return first.size() <= names.size() && std::equal(first.begin(), first.end(), names.begin());
}

// The model's label of each class of the data; empty where the names don't say it.
std::vector<Label> labels_by_name(const Names& model, const Names& data) {
  std::map<std::string_view, Label> known;
  for (std::size_t i = 0; i < model.size(); ++i) {
    if (!known.emplace(model[i], static_cast<Label>(i)).second) return {};
  }
  std::vector<Label> labels;
  std::set<Label> taken;
  for (const std::string& name : data) {
    const auto found = known.find(name);
    if (found == known.end() || !taken.insert(found->second).second) return {};
    labels.push_back(found->second);
  }
  return labels;
}

Dataset relabelled(const Dataset& data, const std::vector<Label>& model_label,
                   const Names& classes) {
  std::vector<std::uint32_t> samples(data.samples().begin(), data.samples().end());
  if (samples.empty()) {
    samples.resize(static_cast<std::size_t>(data.size()));
    std::iota(samples.begin(), samples.end(), 0U);
  }
  std::vector<Label> labels;
  for (const Label label : data.labels()) labels.push_back(model_label[label]);
  Dataset result(data.source(), std::move(samples), std::move(labels),
                 static_cast<Index>(classes.size()));
  result.set_class_names(classes);
  result.set_label_file(data.label_file());
  return result;
}

}  // namespace

std::string difference_of_classes(const Names& model, const Names& data) {
  if (model.empty() || data.empty() || model == data) return "";
  std::string sides = only("model", model, data) + only("data", data, model);
  sides = sides.empty() ? "they have another order" : sides.substr(2);
  return "the classes differ: " + sides;
}

Dataset in_classes_of(const Names& model, const Dataset& data, std::string_view data_name) {
  const Names& names = data.class_names();
  if (data.empty() || model.empty() || names.empty() || begins_with(model, names)) return data;
  if (const std::vector<Label> labels = labels_by_name(model, names); !labels.empty())
    return relabelled(data, labels, model);
  if (are_numbers(model) || are_numbers(names)) return data;
  throw UserError(Fault::bad_data,
                  fmt::format("the images of {} do not fit the trained model", data_name),
                  difference_of_classes(model, names),
                  "give data whose classes the model has, under the same names, or train a model "
                  "on these classes");
}

}  // namespace convoy
