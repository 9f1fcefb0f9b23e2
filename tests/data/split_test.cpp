// SPDX-License-Identifier: Apache-2.0
// The parts of pictures depend on the seed and on the path of each picture alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "data/pictures/listing.hpp"
#include "tests/data/files.hpp"

namespace convoy::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Listing make_listing(int pictures) {
  Listing listing;
  listing.root = "pets";
  listing.classes = {"cat", "dog"};
  for (int i = 0; i < pictures; ++i)
    listing.pictures.push_back({.path = (i % 2 ? "dog/" : "cat/") + std::to_string(i) + ".png",
                                .label = static_cast<Label>(i % 2)});
  return listing;
}

std::map<std::string, PicturePart> parts(const Listing& listing) {
  std::map<std::string, PicturePart> result;
  for (const ListedPicture& picture : listing.pictures) result[picture.path] = picture.part;
  return result;
}

std::map<std::string, PicturePart> parts_of(Listing listing, double test, double validation,
                                            std::uint64_t seed) {
  split(listing, test, validation, seed);
  return parts(listing);
}

TEST(Split, FollowsTheFormula) {
  // python3: int.from_bytes(hashlib.sha256(b"7 cat/0.png").digest()[:8], "big") / 2**64, and so on
  Listing listing = make_listing(4);
  split(listing, 0.5, 0.5, 7);
  const auto of = parts(listing);
  EXPECT_EQ(of.at("cat/0.png"), PicturePart::train);
  EXPECT_EQ(of.at("dog/1.png"), PicturePart::validation);
  EXPECT_EQ(of.at("cat/2.png"), PicturePart::test);
  EXPECT_EQ(of.at("dog/3.png"), PicturePart::test);
}

TEST(Split, TakesTheFractions) {
  const auto of = parts_of(make_listing(20'000), 0.2, 0.1, 3);
  std::map<PicturePart, int> counts;
  for (const auto& [path, part] : of) ++counts[part];
  EXPECT_NEAR(counts[PicturePart::test], 4000, 200);
  EXPECT_NEAR(counts[PicturePart::validation], 1600, 150);  // of the other 16,000
}

TEST(Split, NeitherOrderNorOtherPicturesMoveAPicture) {
  const auto small = parts_of(make_listing(200), 0.3, 0.2, 5);
  Listing shuffled = make_listing(1000);
  std::mt19937 random(1);
  std::ranges::shuffle(shuffled.pictures, random);
  const auto large = parts_of(std::move(shuffled), 0.3, 0.2, 5);
  for (const auto& [path, part] : small) EXPECT_EQ(large.at(path), part) << path;
  EXPECT_NE(parts_of(make_listing(200), 0.3, 0.2, 6), small);
}

TEST(Split, AnotherTestFractionMovesNoPictureIntoValidation) {
  const auto few = parts_of(make_listing(2000), 0.1, 0.2, 5);
  const auto many = parts_of(make_listing(2000), 0.3, 0.2, 5);
  for (const auto& [path, part] : few)
    EXPECT_TRUE(many.at(path) == part || many.at(path) == PicturePart::test) << path;
}

TEST(Split, PartsOfTheLayoutStay) {
  Listing listing = make_listing(100);
  for (std::size_t i = 0; i < 50; ++i) listing.pictures[i].part = PicturePart::test;
  listing.has_test = true;
  const auto [fault, message] = error_of([&] { split(listing, 0.2, 0, 1); });
  EXPECT_EQ(fault, Fault::usage);
  EXPECT_THAT(message, HasSubstr("pets has test pictures of its own"));
  const auto before = parts(listing);
  split(listing, 0, 0, 1);
  EXPECT_EQ(parts(listing), before);
  EXPECT_THAT(listing.notes, IsEmpty());
  split(listing, 0, 0.5, 1);
  for (const auto& [path, part] : before) {
    if (part == PicturePart::test) {
      EXPECT_EQ(parts(listing).at(path), PicturePart::test);
    }
  }
  Listing held = make_listing(100);
  held.pictures[0].part = PicturePart::validation;
  held.has_validation = true;
  split(held, 0, 0.5, 1);
  EXPECT_EQ(std::ranges::count(held.pictures, PicturePart::validation, &ListedPicture::part), 1);
}

TEST(Split, EmptyPartsAreNotedOrRefused) {
  Listing none = make_listing(10);
  split(none, 0, 0, 1);
  EXPECT_THAT(none.notes, ::testing::ElementsAre(HasSubstr("there are no test pictures")));
  Listing few = make_listing(2);
  split(few, 1e-9, 0, 1);
  EXPECT_EQ(few.notes.size(), 1u);
  const auto [no_fault, no_message] = error_of([&] { split(few, 0, 1e-9, 1); });
  EXPECT_EQ(no_fault, Fault::bad_data);
  EXPECT_THAT(no_message, HasSubstr("the validation 1e-09 holds out no picture of pets"));
  Listing most = make_listing(2);
  const auto [fault, message] = error_of([&] { split(most, 1 - 1e-9, 0, 1); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_THAT(message, HasSubstr("has no training pictures left"));
}

TEST(Split, FractionsAreChecked) {
  for (const double bad : {-0.1, 1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    Listing listing = make_listing(10);
    EXPECT_EQ(error_of([&] { split(listing, bad, 0, 1); }).first, Fault::usage) << bad;
    EXPECT_EQ(error_of([&] { split(listing, 0, bad, 1); }).first, Fault::usage) << bad;
  }
}

}  // namespace
}  // namespace convoy::testing
