// SPDX-License-Identifier: Apache-2.0
#include "data/labels.hpp"

#include <fmt/format.h>

#include <bitset>
#include <vector>

#include "base/check.hpp"

namespace convoy {
namespace {

constexpr std::size_t kMostLabels = 256;
constexpr std::size_t kMostRanges = 4;  // the most ranges that a message lists

using Occurring = std::bitset<kMostLabels>;

// The labels below `highest` that do not occur: "3", "5 to 7".
std::vector<std::string> gaps_below(std::size_t highest, const Occurring& occurring) {
  std::vector<std::string> gaps;
  for (std::size_t first = 0; first < highest; ++first) {
    if (occurring[first]) continue;
    std::size_t last = first;
    while (!occurring[last + 1]) ++last;
    gaps.push_back(first == last ? fmt::format("{}", first) : fmt::format("{} to {}", first, last));
    first = last;
  }
  return gaps;
}

}  // namespace

std::string doubts_about_labels(std::span<const Label> labels) {
  CONVOY_ASSERT(!labels.empty());
  Occurring occurring;
  for (const Label label : labels) occurring.set(label);
  if (occurring.count() == 1) return fmt::format("all labels are {}", labels.front());
  std::size_t highest = kMostLabels - 1;
  while (!occurring[highest]) --highest;

  const std::vector<std::string> gaps = gaps_below(highest, occurring);
  if (gaps.empty()) return "";
  if (gaps.size() == 1 && gaps[0] == "0")
    return "label 0 never occurs: do the labels begin with 1?";
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
