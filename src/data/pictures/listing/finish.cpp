// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/listing/finish.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "data/pictures/path_hash.hpp"

namespace convoy {
namespace {

// The number of pictures of each class, by part.
using Counts = std::array<std::vector<std::size_t>, 3>;

Counts counts_of(const Listing& listing) {
  Counts counts;
  for (auto& of_part : counts) of_part.resize(listing.classes.size());
  for (const ListedPicture& picture : listing.pictures)
    ++counts[static_cast<std::size_t>(picture.part)][picture.label];
  return counts;
}

std::size_t total(const Counts& counts, PicturePart part) {
  const auto& of_part = counts[static_cast<std::size_t>(part)];
  return std::accumulate(of_part.begin(), of_part.end(), std::size_t{0});
}

// The classes for which `chosen` is true.
template <class Chosen>
std::vector<std::string> classes_with(const Listing& listing, Chosen chosen) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < listing.classes.size(); ++i)
    if (chosen(i)) names.push_back(listing.classes[i]);
  return names;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why,
                         const std::string& remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", printable(name)), why, remedy);
}

void check_number_of_classes(const Listing& listing, const std::string& name) {
  if (listing.pictures.empty())
    refuse(name, "it has no pictures",
           "Convoy reads PNG, JPEG, WebP, PGM and PPM, by the endings .png, .jpg, .jpeg, .webp, "
           ".pgm and .ppm");
  if (listing.classes.size() < 2)
    refuse(name, fmt::format("its only class is {}", some_of(listing.classes)),
           "a net learns to tell at least two classes apart; where the class folders are one level "
           "deeper, give the folder that holds them");
  if (static_cast<Index>(listing.classes.size()) > kMostClasses)
    refuse(name, fmt::format("{} classes", listing.classes.size()),
           fmt::format("at most {} are possible", kMostClasses));
}

void note_similar_names(Listing& listing) {
  std::map<std::string, std::string> seen;  // by the name in lower case
  for (const std::string& name : listing.classes) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto [at, is_new] = seen.emplace(std::move(lower), name);
    if (!is_new)
      listing.notes.push_back(fmt::format("the classes {} and {} differ in case only",
                                          printable(at->second), printable(name)));
  }
}

// A class of train that another part lacks; the part has pictures.
void note_missing_classes(Listing& listing, const Counts& counts, PicturePart part) {
  const auto& of_part = counts[static_cast<std::size_t>(part)];
  const auto missing =
      classes_with(listing, [&](std::size_t i) { return counts[0][i] > 0 && of_part[i] == 0; });
  if (!missing.empty())
    listing.notes.push_back(fmt::format("the {} part has no pictures of {}: {}", name_of(part),
                                        missing.size() == 1 ? "a class" : "some classes",
                                        some_of(missing, 5)));
}

void check_classes(Listing& listing, const std::string& name, const Counts& counts,
                   bool classes_are_numbers) {
  const auto of = [&](PicturePart part, std::size_t i) {
    return counts[static_cast<std::size_t>(part)][i];
  };
  for (const PicturePart part : {PicturePart::validation, PicturePart::test}) {
    const auto alone = classes_with(
        listing, [&](std::size_t i) { return of(part, i) > 0 && of(PicturePart::train, i) == 0; });
    if (!alone.empty())
      refuse(name,
             fmt::format("no training picture has {} {}, which the {} part has",
                         alone.size() == 1 ? "the class" : "the classes", some_of(alone),
                         name_of(part)),
             "a net cannot learn a class without pictures: add some, or remove the class");
  }
  const auto empty =
      classes_with(listing, [&](std::size_t i) { return of(PicturePart::train, i) == 0; });
  if (empty.empty()) return;
  if (!classes_are_numbers)
    refuse(name,
           fmt::format("no pictures of {} {}", empty.size() == 1 ? "the class" : "the classes",
                       some_of(empty)),
           "add pictures, or remove the class");
  listing.notes.push_back(fmt::format("{} of {} classes {} no pictures: {}", empty.size(),
                                      listing.classes.size(), empty.size() == 1 ? "has" : "have",
                                      some_of(empty, 5)));
}

void sort_by_hash(std::vector<ListedPicture>& pictures) {
  PathHash hash;
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i)
    order.emplace_back(hash(pictures[i].path)[0], i);
  std::ranges::sort(order, [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first
                              : pictures[a.second].path < pictures[b.second].path;
  });
  std::vector<ListedPicture> sorted;
  sorted.reserve(pictures.size());
  for (const auto& [key, i] : order) sorted.push_back(std::move(pictures[i]));
  pictures = std::move(sorted);
}

}  // namespace

std::string shown(const std::filesystem::path& path) {
  return printable(path.string());
}

std::string some_of(std::span<const std::string> names, std::size_t most) {
  std::vector<std::string> first;
  for (const std::string& name : names.first(std::min(names.size(), most)))
    first.push_back(printable(name));
  std::string text = fmt::format("{}", fmt::join(first, ", "));
  if (first.size() < names.size()) text += fmt::format(" and {} more", names.size() - first.size());
  return text;
}

std::string_view name_of(PicturePart part) {
  constexpr std::string_view kNames[] = {"train", "validation", "test"};
  return kNames[static_cast<std::size_t>(part)];
}

void finish_listing(Listing& listing, const std::string& name, bool classes_are_numbers) {
  check_number_of_classes(listing, name);
  const Counts counts = counts_of(listing);
  if (total(counts, PicturePart::train) == 0)
    refuse(name, "it has no training pictures", "put some into the part train");
  check_classes(listing, name, counts, classes_are_numbers);
  listing.has_validation = total(counts, PicturePart::validation) > 0;
  listing.has_test = total(counts, PicturePart::test) > 0;
  for (const PicturePart part : {PicturePart::validation, PicturePart::test})
    if (total(counts, part) > 0) note_missing_classes(listing, counts, part);
  note_similar_names(listing);
  sort_by_hash(listing.pictures);
}

}  // namespace convoy
