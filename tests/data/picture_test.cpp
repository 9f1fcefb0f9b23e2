// SPDX-License-Identifier: Apache-2.0
// Pictures decode and resize to what Pillow gives (make_picture_goldens.py), with the rules of
// picture.hpp where it differs; whatever is not intact is refused with one message.
#include "data/picture/picture.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/check.hpp"
#include "data/picture/exif.hpp"
#include "data/picture/resize.hpp"

namespace convoy::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;
using nlohmann::json;

const json& goldens() {
  static const json all = [] {
    std::ifstream file(CONVOY_SOURCE_DIR "/tests/data/picture_goldens.json");
    return json::parse(file);
  }();
  return all;
}

Bytes bytes_of(const json& hex) {
  const auto& text = hex.get_ref<const std::string&>();
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

const std::string kName = "shoe.any";

Picture decoded(const Bytes& bytes, Index channels = 3, const PictureLimits& limits = {}) {
  return decode_picture({bytes, kName}, channels, limits);
}

// The message of the refusal; empty where the picture is read.
std::string refusal(const Bytes& bytes, const PictureLimits& limits = {}) {
  try {
    decoded(bytes, 3, limits);
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::bad_data) << error.what();
    EXPECT_NE(error.problem().find(kName), std::string::npos);
    EXPECT_FALSE(error.remedy().empty());
    return error.what();
  }
  return "";
}

// The goldens whose library this build has, and the bytes of their files.
std::vector<std::pair<json, Bytes>> goldens_of(const char* list) {
  std::vector<std::pair<json, Bytes>> result;
  for (const json& golden : goldens()[list]) {
    Bytes bytes = bytes_of(golden["file"]);
    const auto format = picture_format(bytes);
    if (!format || can_decode(*format)) result.emplace_back(golden, std::move(bytes));
  }
  return result;
}

bool begins_with(const json& golden, const std::string& words) {
  return golden["name"].get<std::string>().starts_with(words);
}

Bytes text(const std::string& characters) {
  return {characters.begin(), characters.end()};
}

TEST(Picture, EveryFormatDecodesToTheGoldens) {
  for (const auto& [golden, bytes] : goldens_of("files")) {
    SCOPED_TRACE(golden["name"]);
    const Shape shape{golden["height"], golden["width"], 3};
    const Picture picture = decoded(bytes);
    EXPECT_EQ(picture.shape, shape);
    EXPECT_EQ(picture.pixels, bytes_of(golden["pixels"]));
    EXPECT_EQ(picture_size({bytes, kName}), (Extent{shape.height, shape.width}));
  }
}

TEST(Picture, GreyIsTheLumaOfTheDecodedColours) {
  for (const auto& [golden, bytes] : goldens_of("files")) {
    SCOPED_TRACE(golden["name"]);
    const Bytes rgb = bytes_of(golden["pixels"]);
    Bytes grey;
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
      const int luma = (299 * rgb[i] + 587 * rgb[i + 1] + 114 * rgb[i + 2] + 500) / 1000;
      grey.push_back(static_cast<std::uint8_t>(luma));
    }
    const Picture picture = decoded(bytes, 1);
    EXPECT_EQ(picture.shape, (Shape{golden["height"], golden["width"], 1}));
    EXPECT_EQ(picture.pixels, grey);
  }
}

TEST(Picture, TheNameOfTheFileSaysNothing) {
  EXPECT_EQ(picture_format(text("\x89PNG\r\n\x1a\n")), PictureFormat::png);
  EXPECT_EQ(picture_format(text("\xff\xd8\xff")), PictureFormat::jpeg);
  EXPECT_EQ(picture_format(text("RIFF....WEBPVP8 ")), PictureFormat::webp);
  EXPECT_EQ(picture_format(text("P6")), PictureFormat::pnm);
  for (const char* other : {"", "P", "P4 1 1", "P7", "\x89PNG", "RIFF....WAVE", "RIFF", "GIF89a"}) {
    EXPECT_EQ(picture_format(text(other)), std::nullopt) << other;
    const char* why = *other == 0 ? " is empty (0 bytes)" : "unsupported image format";
    EXPECT_NE(refusal(text(other)).find(why), std::string::npos) << other;
  }
}

TEST(Picture, FilesThatAreNotOneIntactPictureAreRefused) {
  for (const auto& [golden, bytes] : goldens_of("refused")) {
    const std::string words = refusal(bytes);
    EXPECT_NE(words.find(golden["why"]), std::string::npos) << golden["name"] << ": " << words;
    EXPECT_EQ(words.find('\n'), std::string::npos);
  }
}

TEST(Picture, EveryTruncationIsRefused) {
  for (const auto& [golden, bytes] : goldens_of("files")) {
    if (begins_with(golden, "jpeg, bytes behind")) continue;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_NE(refusal(part), "") << golden["name"] << " cut after " << size;
    }
  }
}

TEST(Picture, DamageGivesAPictureOrAMessage) {
  std::mt19937 dice(1);
  const PictureLimits limits{.most_pixels = 1 << 20};
  for (const auto& [golden, bytes] : goldens_of("files")) {
    for (int round = 0; round < 50; ++round) {
      Bytes damaged = bytes;
      for (int n = 0; n <= round % 3; ++n) {
        damaged[dice() % damaged.size()] = static_cast<std::uint8_t>(dice());
      }
      refusal(damaged, limits);
    }
  }
}

TEST(Picture, TheLimitsAreCheckedBeforeAnythingIsDecoded) {
  for (const auto& [golden, bytes] : goldens_of("files")) {
    const Index area = golden["height"].get<Index>() * golden["width"].get<Index>();
    EXPECT_EQ(refusal(bytes, {.most_pixels = area}), "") << golden["name"];
    EXPECT_NE(refusal(bytes, {.most_pixels = area - 1}).find("at most"), std::string::npos);
    EXPECT_NE(refusal(bytes, {.most_side = 9}).find("at most 9 on a side"), std::string::npos);
    EXPECT_THROW(picture_size({bytes, kName}, {.most_pixels = area - 1}), UserError);
  }
  // A header alone suffices.
  EXPECT_NE(refusal(text("P5\n65535 65535\n255\n")).find("65535 x 65535"), std::string::npos);
  EXPECT_NE(refusal(text("P5\n99999 1\n255\n")).find("1 x 99999"), std::string::npos);
  EXPECT_NE(refusal(text("P5\n10000 10000\n255\n")).find("ends too early"), std::string::npos);
  EXPECT_NE(refusal(text("P5\n0 7\n255\n")).find("7 x 0"), std::string::npos);
}

// A maximum of 1000 is read in three ways by three libraries.
TEST(Picture, ValuesOfAPgmAreScaledByItsMaximum) {
  EXPECT_EQ(decoded(text("P2 4 1 1000 0 2 500 1000"), 1).pixels, (Bytes{0, 1, 128, 255}));
  const std::string binary("P5 2 1 1000 \1\364\3\350", 16);
  EXPECT_EQ(decoded(text(binary), 1).pixels, (Bytes{128, 255}));
  EXPECT_NE(refusal(text("P2 1 1 9 10")).find("above its maximum value"), std::string::npos);
}

TEST(Picture, BytesBehindTheRasterOfAPgmAreRefused) {
  EXPECT_EQ(decoded(text("P5 2 1 255\nab"), 1).pixels, (Bytes{'a', 'b'}));
  EXPECT_NE(refusal(text("P5 2 1 255\r\nab")).find("CR LF"), std::string::npos);
  EXPECT_NE(refusal(text("P5 2 1 255\n# x\nab")).find("a comment"), std::string::npos);
  EXPECT_NE(refusal(text("P5 2 1 255\nab ")).find("1 byte follows"), std::string::npos);
  EXPECT_NE(refusal(text("P2 2 1 9 1 2 3")).find("after its last number"), std::string::npos);
  EXPECT_EQ(decoded(text("P2 2 1 9 # x\n0 9 # y"), 1).pixels, (Bytes{0, 255}));
}

TEST(Picture, ABuildWithoutALibrarySaysSo) {
  bool has_all = true;
  for (const json& golden : goldens()["files"]) {
    const Bytes bytes = bytes_of(golden["file"]);
    if (can_decode(*picture_format(bytes))) continue;
    has_all = false;
    try {
      decoded(bytes);
      ADD_FAILURE() << golden["name"];
    } catch (const UserError& error) {
      EXPECT_EQ(error.fault(), Fault::unavailable);
      EXPECT_NE(std::string(error.what()).find("this build of Convoy has no lib"),
                std::string::npos);
    }
  }
  if (has_all) GTEST_SKIP() << "this build has all of them";
}

TEST(Exif, DamagedDataAreUpright) {
  Bytes data = text(std::string("II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", 26));
  EXPECT_EQ(exif_orientation(data), 6);
  for (std::size_t size = 0; size < data.size() - 4; ++size) {
    EXPECT_EQ(exif_orientation(std::span(data).first(size)), 1) << size;
  }
  struct Change {
    std::size_t at;
    std::uint8_t value;
  };
  // The order of bytes, the mark, the directory's place, the tag, the type, the count, the value.
  for (const auto [at, value] : {Change{0, 'M'},
                                 {2, 43},
                                 {4, 250},
                                 {7, 255},
                                 {10, 0x13},
                                 {12, 4},
                                 {14, 2},
                                 {18, 0},
                                 {18, 9}}) {
    Bytes changed = data;
    changed[at] = value;
    EXPECT_EQ(exif_orientation(changed), 1) << at;
  }
  data[8] = data[9] = 255;  // more entries than there are
  data[10] = 0;
  EXPECT_EQ(exif_orientation(data), 1);
}

// As in make_picture_goldens.py.
Picture pattern(const Shape& shape) {
  Picture picture{shape, Bytes(static_cast<std::size_t>(shape.size()))};
  for (Index i = 0; i < shape.size(); ++i) {
    picture.pixels[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>((i * i * 7 + i * 89 + i / 5 * 31) % 256);
  }
  return picture;
}

void expect_resized_goldens() {
  for (const json& golden : goldens()["resized"]) {
    const Shape from{golden["height"], golden["width"], golden["channels"]};
    const Extent to{golden["to_height"], golden["to_width"]};
    const auto how = resize_from(golden["how"].get<std::string>());
    const Picture result = resized(pattern(from), to, how.value());
    EXPECT_EQ(result.shape, (Shape{to.height, to.width, from.channels}));
    EXPECT_EQ(result.pixels, bytes_of(golden["pixels"]))
        << to_string(from) << " to " << to_string(to) << " by " << golden["how"];
  }
}

TEST(ResizedPicture, HasTheBitsOfTheGoldensWithEveryInstructionSet) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    expect_resized_goldens();
  }
  hwy::SetSupportedTargetsForTest(0);
}

Picture channel_of(const Picture& rgb, std::size_t channel) {
  Picture grey{{rgb.shape.height, rgb.shape.width, 1}, {}};
  for (std::size_t i = channel; i < rgb.pixels.size(); i += 3) grey.pixels.push_back(rgb.pixels[i]);
  return grey;
}

// The two have other inner loops. AddressSanitizer sees whether they read behind the last row.
void expect_channels_are_resized_as_grey(const Shape& from, Extent to) {
  const Picture rgb = pattern(from);
  const Picture result = resized(rgb, to, Resize::stretch);
  for (const std::size_t channel : {0, 1, 2}) {
    EXPECT_EQ(channel_of(result, channel).pixels,
              resized(channel_of(rgb, channel), to, Resize::stretch).pixels)
        << to_string(from) << " to " << to_string(to) << ", channel " << channel;
  }
}

TEST(ResizedPicture, ResizesEachChannelAsGreyAtEverySize) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    for (const Index height : {1, 2, 5, 9}) {
      for (const Index width : {1, 2, 3, 4, 5, 7, 16, 33, 200}) {
        for (const Index to : {1, 2, 6, 13}) {
          expect_channels_are_resized_as_grey({height, width, 3}, {4, to});
        }
      }
    }
    // Ten thousands of coefficients that consist of lower bits alone.
    expect_channels_are_resized_as_grey({1, 65535, 3}, {1, 3});
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(ResizedPicture, OfTheSameSizeIsTheSame) {
  const Picture picture = pattern({9, 14, 3});
  for (const Resize how : {Resize::stretch, Resize::fit, Resize::crop}) {
    EXPECT_EQ(resized(picture, {9, 14}, how).pixels, picture.pixels);
    EXPECT_EQ(resize_from(to_string(how)), how);
  }
  EXPECT_EQ(resize_from("Crop"), std::nullopt);
}

TEST(ResizedPicture, KeepsOneColourAtEverySize) {
  for (const int value : {0, 1, 127, 255}) {
    for (const Index side : {1, 2, 31, 32, 500, 65535}) {
      const Picture picture{
          {1, side, 1}, Bytes(static_cast<std::size_t>(side), static_cast<std::uint8_t>(value))};
      for (const Index to : {1, 3, 64}) {
        for (const std::uint8_t byte : resized(picture, {1, to}, Resize::stretch).pixels) {
          // The coefficients' roundings add up where a window has ten thousands of pixels.
          EXPECT_NEAR(byte, value, side > 500 ? 1 : 0) << side << " to " << to;
        }
      }
    }
  }
}

// What is cut off is not computed, which would take gigabytes.
TEST(ResizedPicture, ExtremeRatiosTakeNoMemory) {
  const Picture wide{{1, 65535, 1}, Bytes(65535, 77)};
  EXPECT_EQ(resized(wide, {28, 28}, Resize::crop).pixels, Bytes(784, 77));
  const Bytes fitted = resized(wide, {28, 28}, Resize::fit).pixels;
  EXPECT_EQ(std::count(fitted.begin(), fitted.end(), 0), 27 * 28);
}

}  // namespace
}  // namespace convoy::testing
