// SPDX-License-Identifier: Apache-2.0
#include "data/labels.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace convoy {
namespace {

constexpr std::size_t kMostRanges = 4;  // the most ranges that a message lists

// The labels below the highest one that do not occur: "3", "5 to 7".
std::vector<std::string> gaps_in(const std::vector<bool>& occurring) {
  std::vector<std::string> gaps;
  for (std::size_t first = 0; first < occurring.size(); ++first) {
    if (occurring[first]) continue;
    std::size_t last = first;
    while (!occurring[last + 1]) ++last;
    gaps.push_back(first == last ? fmt::format("{}", first) : fmt::format("{} to {}", first, last));
    first = last;
  }
  return gaps;
}

}  // namespace

std::vector<bool> occurring_labels(std::span<const Label> labels) {
  std::vector<bool> occurring;
  for (const Label label : labels) {
    if (label >= occurring.size()) occurring.resize(std::size_t{label} + 1);
    occurring[label] = true;
  }
  return occurring;
}

std::string doubts_about_labels(std::span<const Label> labels) {
  CONVOY_ASSERT(!labels.empty());
  const std::vector<bool> occurring = occurring_labels(labels);
  if (std::ranges::count(occurring, true) == 1)
    return fmt::format("all labels are {}", labels.front());

  const std::vector<std::string> gaps = gaps_in(occurring);
  if (gaps.empty()) return "";
  if (gaps.size() == 1 && gaps[0] == "0")
    return "label 0 never occurs: do the labels begin with 1? Then set input.first_label=1";
  const bool is_one = gaps.size() == 1 && gaps[0].find(' ') == std::string::npos;
  std::string text = is_one ? "label " : "labels ";
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    if (i == kMostRanges && gaps.size() > kMostRanges + 1) {
      text += fmt::format(" and {} more ranges", gaps.size() - i);
      break;
    }
    text += (i == 0 ? "" : i + 1 == gaps.size() ? " and " : ", ") + gaps[i];
  }
  return text + (is_one ? " never occurs" : " never occur");
}

}  // namespace convoy
