// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.hpp"
#include "data/pictures/listing.hpp"
#include "data/pictures/listing/finish.hpp"
#include "data/pictures/path_hash.hpp"

namespace convoy {
namespace {

void check_fraction(double fraction, const char* what) {
  if (fraction >= 0 && fraction < 1) return;
  throw UserError(Fault::usage,
                  fmt::format("cannot take {} of the pictures for {}", fraction, what),
                  "a fraction is from 0 to below 1", "choose one such as 0.2");
}

double unit(std::uint64_t hash) {
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

std::size_t count(const Listing& listing, PicturePart part) {
  return static_cast<std::size_t>(std::ranges::count(listing.pictures, part, &ListedPicture::part));
}

// Notes what a user of the parts would not expect.
void check_parts(Listing& listing, double test_fraction, double validation) {
  const auto note = [&](std::string text) { listing.notes.push_back(std::move(text)); };
  if (count(listing, PicturePart::train) == 0)
    throw UserError(Fault::bad_data,
                    fmt::format("{} has no training pictures left", shown(listing.root)),
                    fmt::format("{} pictures, of which {} are for the test and {} for validation",
                                listing.pictures.size(), count(listing, PicturePart::test),
                                count(listing, PicturePart::validation)),
                    "take smaller fractions for test and validation");
  if (count(listing, PicturePart::test) == 0)
    note(test_fraction > 0
             ? fmt::format("no picture is in the {} of the pictures for the test", test_fraction)
             : "there are no test pictures; training with --test-fraction 0.2 takes some of the "
               "others");
  if (validation > 0 && count(listing, PicturePart::validation) == 0)
    throw UserError(Fault::bad_data,
                    fmt::format("the validation {} holds out no picture of {}", validation,
                                shown(listing.root)),
                    fmt::format("the seed and the paths decide, and choose none of {} pictures",
                                listing.pictures.size()),
                    "give a larger fraction or another train.seed");
  std::vector<bool> is_trained(listing.classes.size());
  for (const ListedPicture& picture : listing.pictures)
    if (picture.part == PicturePart::train) is_trained[picture.label] = true;
  const auto untrained = std::ranges::count(is_trained, false);
  if (untrained == 0) return;
  const auto first = std::ranges::find(is_trained, false) - is_trained.begin();
  note(fmt::format("{} of {} classes {} no training pictures, for example {}", untrained,
                   listing.classes.size(), untrained == 1 ? "has" : "have",
                   printable(listing.classes[static_cast<std::size_t>(first)])));
}

}  // namespace

void split(Listing& listing, double test_fraction, double validation, std::uint64_t seed) {
  check_fraction(test_fraction, "the test");
  check_fraction(validation, "validation");
  if (listing.has_test && test_fraction > 0)
    throw UserError(Fault::usage, "--test-fraction has nothing to divide",
                    fmt::format("{} has test pictures of its own", shown(listing.root)),
                    "leave the option out");
  if (listing.has_validation) validation = 0;
  PathHash hash;
  for (ListedPicture& picture : listing.pictures) {
    if (picture.part == PicturePart::test && listing.has_test) continue;
    if (picture.part == PicturePart::validation && listing.has_validation) continue;
    const auto [first, second] = hash(fmt::format("{} {}", seed, picture.path));
    picture.part = unit(first) < test_fraction ? PicturePart::test
                   : unit(second) < validation ? PicturePart::validation
                                               : PicturePart::train;
  }
  check_parts(listing, test_fraction, validation);
}

}  // namespace convoy
