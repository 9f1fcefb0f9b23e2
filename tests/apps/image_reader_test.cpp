// SPDX-License-Identifier: Apache-2.0
// The reader gives the same pixels for an image in every kind of file, in the order of the command
// line, whatever the number of threads.
#include "images/image_reader.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <random>

#include "data/picture/picture.hpp"
#include "images/scale_check.hpp"
#include "tests/apps/program.hpp"
#include "tests/data/archives.hpp"

namespace convoy::test {
namespace {

using namespace convoy::testing;
using app::Image;
using app::UnusedFile;

constexpr Shape kGrey{6, 5, 1}, kRgb{6, 5, 3};

Bytes noise(Index count, unsigned seed = 1) {
  std::mt19937 dice(seed);
  Bytes bytes(static_cast<std::size_t>(count));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice());
  return bytes;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) append(all, part);
  return all;
}

Bytes idx(std::uint8_t dimensions, std::initializer_list<std::uint8_t> sizes, const Bytes& body) {
  Bytes bytes{0, 0, 8, dimensions};
  for (const std::uint8_t size : sizes) append(bytes, {0, 0, 0, size});
  return joined({bytes, body});
}

Bytes pgm(Index width, Index height, const Bytes& pixels) {
  return joined(
      {bytes_of("P5 " + std::to_string(width) + " " + std::to_string(height) + " 255\n"), pixels});
}

// [index of each pixel] from the last index to the first, as fortran_order has it.
Bytes fortran(const Bytes& pixels, Index height, Index width) {
  Bytes turned;
  for (Index x = 0; x < width; ++x)
    for (Index y = 0; y < height; ++y)
      turned.push_back(pixels[static_cast<std::size_t>(y * width + x)]);
  return turned;
}

class ImageReaderTest : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const Bytes& bytes) {
    const std::filesystem::path path = folder_.path / name;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, std::string(bytes.begin(), bytes.end()));
    return path.string();
  }

  static std::vector<app::ImageReader::Item> all(std::vector<std::string> inputs,
                                                 app::ReaderOptions options) {
    app::ImageReader reader(std::move(inputs), std::move(options));
    std::vector<app::ImageReader::Item> items;
    while (auto item = reader.next()) items.push_back(std::move(*item));
    return items;
  }

  static app::ReaderOptions options(const Shape& shape) {
    return {.rule = {.shape = shape}, .index = {}, .class_names = {}};
  }

  Bytes pixels_of(const Bytes& file, const Shape& shape) {
    const auto items = all({put("file", file)}, options(shape));
    EXPECT_EQ(items.size(), 1u);
    if (const auto* bad = std::get_if<UnusedFile>(&items.at(0))) {
      ADD_FAILURE() << bad->message;
      return {};
    }
    return std::get<Image>(items[0]).pixels.bytes;
  }

  UnusedFile refusal(const Bytes& file, const Shape& shape = kGrey) {
    const auto items = all({put("file", file)}, options(shape));
    EXPECT_EQ(items.size(), 1u);
    if (const auto* bad = std::get_if<UnusedFile>(&items.at(0))) return *bad;
    ADD_FAILURE() << "it was read";
    return {};
  }

  ScratchFolder folder_;
};

TEST_F(ImageReaderTest, EveryKindOfFileHasTheSamePixels) {
  const Bytes grey = noise(kGrey.size()), rgb = noise(kRgb.size());
  const Bytes array = npy("|u1", "(1, 6, 5)", grey);
  for (const Bytes& file :
       {pgm(5, 6, grey), gzip(pgm(5, 6, grey)), idx(3, {1, 6, 5}, grey), idx(4, {1, 6, 5, 1}, grey),
        gzip(idx(3, {1, 6, 5}, grey)), array, gzip(array),
        npy("|u1", "(1, 6, 5)", fortran(grey, 6, 5), true),
        zip({{"arr_0.npy", array}, {"labels.npy", npy("|u1", "(1,)", {3})}}),
        zip({{"train_images.npy", npy("|u1", "(1, 6, 5)", rgb)}, {"test_images.npy", array, true}}),
        zip({{"x_train.npy", npy("|u1", "(1, 6, 5)", rgb)}, {"x_test.npy", array}})})
    EXPECT_EQ(pixels_of(file, kGrey), grey);
  const Bytes colours = npy("|u1", "(1, 6, 5, 3)", rgb);
  for (const Bytes& file : {joined({bytes_of("P6 5 6 255\n"), rgb}), idx(4, {1, 6, 5, 3}, rgb),
                            colours, zip({{"a.npy", colours, true}})})
    EXPECT_EQ(pixels_of(file, kRgb), rgb);
  Bytes repeated;
  for (const std::uint8_t v : grey) append(repeated, {v, v, v});
  EXPECT_EQ(pixels_of(pgm(5, 6, grey), kRgb), repeated);
  EXPECT_EQ(pixels_of(array, kRgb), repeated);
}

TEST_F(ImageReaderTest, CifarIsKnownByItsSizeAndLabels) {
  const Shape shape{32, 32, 3};
  const Bytes planes = noise(shape.size());
  Bytes pixels;
  for (std::size_t i = 0; i < 1024; ++i)
    for (std::size_t c = 0; c < 3; ++c) pixels.push_back(planes[c * 1024 + i]);
  EXPECT_EQ(pixels_of(joined({{9}, planes}), shape), pixels);
  EXPECT_EQ(pixels_of(gzip(joined({{9}, planes})), shape), pixels);
  EXPECT_EQ(pixels_of(joined({{19, 99}, planes}), shape), pixels);
  EXPECT_NE(refusal(joined({{10}, planes}), shape).message.find("unsupported image format"),
            std::string::npos);
  const auto items =
      all({put("file", joined({{9}, planes, {10}, planes, {1}, planes}))}, options(shape));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<Image>(items[0]).pixels.bytes, pixels);
  EXPECT_NE(std::get<UnusedFile>(items[1]).message.find("record 1"), std::string::npos);
}

TEST_F(ImageReaderTest, ImagesOfAnotherSizeAreResized) {
  const Bytes grey = noise(40 * 30);
  for (const auto resize : {Resize{}, Resize::fit, Resize::crop}) {
    const Bytes wanted = resized({{30, 40, 1}, grey}, {6, 5}, resize).pixels;
    app::ReaderOptions rule = options(kGrey);
    rule.rule.resize = resize;
    for (const Bytes& file :
         {pgm(40, 30, grey), idx(3, {1, 30, 40}, grey), npy("|u1", "(1, 30, 40)", grey)}) {
      const auto items = all({put("file", file)}, rule);
      EXPECT_EQ(std::get<Image>(items.at(0)).pixels.bytes, wanted) << to_string(resize);
    }
  }
  EXPECT_EQ(pixels_of(pgm(10'000, 1, Bytes(10'000, 7)), kGrey), Bytes(30, 7));
  EXPECT_EQ(pixels_of(pgm(1, 10'000, Bytes(10'000, 7)), kGrey), Bytes(30, 7));
}

TEST_F(ImageReaderTest, FloatsAreAsTheyAreStored) {
  std::vector<float> floats;
  Bytes numbers;
  for (int i = 0; i < 60; ++i) {
    floats.push_back(static_cast<float>(i) / 7 - 3);
    append(numbers, std::bit_cast<std::uint32_t>(floats.back()), 4);
  }
  const Bytes array = npy("<f4", "(2, 6, 5)", numbers);
  const auto items =
      all({put("a.npy", array), put("b.npz", zip({{"x.npy", array, true}}))}, options(kGrey));
  ASSERT_EQ(items.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto begin = floats.begin() + static_cast<std::ptrdiff_t>(30 * (i % 2));
    EXPECT_EQ(std::get<Image>(items[i]).pixels.floats, std::vector<float>(begin, begin + 30));
    EXPECT_TRUE(std::get<Image>(items[i]).pixels.bytes.empty());
  }
  EXPECT_NE(refusal(array, {7, 5, 1}).message.find("the model reads 7 x 5 x 1"), std::string::npos);
  app::ReaderOptions inverted = options(kGrey);
  inverted.rule.invert = true;
  EXPECT_EQ(std::get<UnusedFile>(all({put("a.npy", array)}, inverted).at(0)).fault, Fault::usage);
}

TEST_F(ImageReaderTest, ArraysThatAreStoredByColumnsAreTransposed) {
  const Bytes grey = noise(30), turned = fortran(grey, 6, 5);
  app::ReaderOptions rule = options(kGrey);
  rule.rule.transpose = true;
  const std::string emnist =
      put("emnist-letters-test-images-idx3-ubyte", idx(3, {1, 5, 6}, turned));
  for (const std::string& file :
       {put("idx", idx(3, {1, 5, 6}, turned)), put("a.npy", npy("|u1", "(1, 5, 6)", turned)),
        put("picture", pgm(5, 6, grey)), emnist})
    EXPECT_EQ(std::get<Image>(all({file}, rule).at(0)).pixels.bytes, grey) << file;
  EXPECT_EQ(std::get<Image>(all({emnist}, options(kGrey)).at(0)).pixels.bytes, grey);
  rule.rule.transpose = false;
  rule.rule.shape = {5, 6, 1};
  EXPECT_EQ(std::get<Image>(all({emnist}, rule).at(0)).pixels.bytes, turned);
}

// Dark drawings get a dark border, as the training images have.
TEST_F(ImageReaderTest, InvertComesBeforeResizing) {
  app::ReaderOptions rule = options(kGrey);
  rule.rule.invert = true;
  const Bytes grey = noise(kGrey.size());
  Bytes inverted = grey;
  for (std::uint8_t& v : inverted) v = static_cast<std::uint8_t>(255 - v);
  EXPECT_EQ(std::get<Image>(all({put("a", pgm(5, 6, grey))}, rule).at(0)).pixels.bytes, inverted);
  rule.rule.resize = Resize::fit;
  const Bytes fitted =
      std::get<Image>(all({put("b", pgm(5, 1, Bytes(5, 55)))}, rule).at(0)).pixels.bytes;
  Bytes wanted(30, 0);
  std::fill_n(wanted.begin() + 10, 5, 200);
  EXPECT_EQ(fitted, wanted);
}

TEST_F(ImageReaderTest, WhatIsWrongIsSaid) {
  struct Case {
    Bytes file;
    std::string named;
  };
  const Bytes two = npy("|u1", "(2, 6, 5)", noise(60));
  const Case cases[] = {
      {idx(3, {2, 6, 5}, noise(59)), "it ends in image 1 of 2"},
      {idx(3, {1, 6, 5}, noise(32)), "2 bytes follow its 1 images"},
      {idx(3, {0, 6, 5}, {}), "it holds no images"},
      {idx(3, {1, 0, 5}, {}), "no pixels"},
      {idx(1, {1}, {7}), "not an IDX file of images"},
      {idx(4, {1, 6, 5, 2}, noise(60)), "2 channels"},
      {joined({{0, 0, 8, 4}, Bytes(16, 0xFF), noise(100)}), "pixels of 4294967295 channels"},
      {npy("|u1", "(30,)", noise(30)), "holds no images"},
      {zip({{"a.npy", npy("|u1", "(3,)", {1, 2, 3})}}), "holds no array of images"},
      {zip({{"a.npy", two}, {"b.npy", two}}), "holds 2 arrays of images: a.npy, b.npy"},
      {zip({{"test_images.npy", two}, {"x_test.npy", two}}), "2 arrays of images"},
      {bytes_of("PK\3\4"), "zip archive"},
      {gzip(zip({{"a.npy", two}})), "unsupported image format"},
      {{}, "is empty"},
  };
  for (const Case& c : cases) {
    const UnusedFile bad = refusal(c.file);
    EXPECT_EQ(bad.fault, Fault::bad_data) << c.named;
    EXPECT_NE(bad.message.find(c.named), std::string::npos) << bad.message;
  }
  EXPECT_NE(refusal(two, {6, 5, 2}).message.find("the model reads 2 channels"), std::string::npos);
  EXPECT_EQ(pixels_of(npy("|u1", "(1, 6, 5, 2)", noise(60)), {6, 5, 2}), noise(60));
}

// A file that says so cannot take memory.
TEST_F(ImageReaderTest, ABombIsRefusedBeforeItsPixels) {
  const std::string header =
      std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff", 24) +
      std::string("\x8\0\0\0\0", 5);
  Bytes file = bytes_of(header);
  const Bytes chunk = bytes_of(header.substr(12));
  const auto crc = ::crc32(0, chunk.data(), static_cast<uInt>(chunk.size()));
  for (int shift = 24; shift >= 0; shift -= 8)
    file.push_back(static_cast<std::uint8_t>(crc >> shift));
  append(file, bytes_of(std::string("\0\0\0\x40IDAT", 8)));
  append(file, Bytes(68, 0));
  EXPECT_NE(refusal(file).message.find("65535"), std::string::npos);
  EXPECT_NE(refusal(bytes_of("P5 65535 65535 255 ")).message.find("65535"), std::string::npos);
}

TEST_F(ImageReaderTest, OrderIsThatOfTheCommandLineOnAnyNumberOfThreads) {
  std::vector<std::string> inputs;
  for (unsigned i = 0; i < 400; ++i) {
    const std::string name = "many/" + std::to_string(i);
    inputs.push_back(i % 50 == 7 ? put(name, {})
                                 : put(name, pgm(5 + i % 9, 6, noise(6 * (5 + i % 9), i))));
  }
  inputs.push_back(put("many/idx", idx(3, {3, 6, 5}, noise(90))));
  inputs.push_back("/nowhere");
  app::ReaderOptions one = options(kGrey), four = options(kGrey);
  four.threads = 4;
  const auto a = all(inputs, one), b = all(inputs, four);
  ASSERT_EQ(a.size(), 404u);
  ASSERT_EQ(b.size(), a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].index(), b[i].index());
    if (const auto* bad = std::get_if<UnusedFile>(&a[i])) {
      EXPECT_EQ(bad->message, std::get<UnusedFile>(b[i]).message);
      EXPECT_EQ(bad->file, inputs[std::min<std::size_t>(i, i < 400 ? i : 401)]);
    } else {
      EXPECT_EQ(std::get<Image>(a[i]).pixels.bytes, std::get<Image>(b[i]).pixels.bytes);
      EXPECT_EQ(std::get<Image>(a[i]).file, inputs[std::min<std::size_t>(i, 400)]);
    }
  }
  EXPECT_EQ(std::get<Image>(a[402]).index, 2);
}

TEST_F(ImageReaderTest, AFileThatDoesNotFitIsNamedOnce) {
  const auto items =
      all({put("two", npy("|u1", "(3, 6, 5, 2)", noise(180))), put("a", pgm(5, 6, noise(30)))},
          options(kGrey));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<UnusedFile>(items[0]).file, folder_ / "two");
  EXPECT_EQ(std::get<Image>(items[1]).file, folder_ / "a");
}

TEST_F(ImageReaderTest, OneImageOfAFile) {
  app::ReaderOptions second = options(kGrey);
  second.index = 1;
  const Bytes three = noise(90);
  const std::vector<std::string> inputs{put("i", idx(3, {3, 6, 5}, three)),
                                        put("n", npy("|u1", "(3, 6, 5)", three)),
                                        put("z", zip({{"q.npy", npy("|u1", "(3, 6, 5)", three)}}))};
  const auto items = all(inputs, second);
  ASSERT_EQ(items.size(), 3u);
  for (const auto& item : items) {
    EXPECT_EQ(std::get<Image>(item).index, 1);
    EXPECT_EQ(std::get<Image>(item).pixels.bytes, Bytes(three.begin() + 30, three.begin() + 60));
  }
  second.index = 3;
  for (const auto& item : all(inputs, second))
    EXPECT_EQ(std::get<UnusedFile>(item).fault, Fault::usage);
  const auto others = all({put("p/a.pgm", pgm(5, 6, noise(30))), folder_ / "p"}, second);
  ASSERT_EQ(others.size(), 2u);
  for (const auto& item : others) EXPECT_EQ(std::get<UnusedFile>(item).fault, Fault::usage);
}

TEST_F(ImageReaderTest, AListNamesPicturesAndTheirClasses) {
  for (const char* name : {"l/b.pgm", "l/sub/a.pgm", "l/c.pgm"}) put(name, pgm(5, 6, noise(30)));
  app::ReaderOptions rule = options(kGrey);
  rule.class_names = {"dog", "cat"};
  const std::string list = put("l/list.csv", bytes_of("path,label\nsub/a.pgm,cat\nc.pgm,bird\n"
                                                      "b.pgm,dog\n"));
  const auto items = all({list}, rule);
  ASSERT_EQ(items.size(), 3u);
  const std::pair<const char*, std::optional<Index>> wanted[] = {
      {"l/b.pgm", 0}, {"l/c.pgm", {}}, {"l/sub/a.pgm", 1}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::get<Image>(items[i]).file, folder_ / wanted[i].first);
    EXPECT_EQ(std::get<Image>(items[i]).truth, wanted[i].second);
  }
  const auto bad = all({put("bad.csv", bytes_of("x")), list}, rule);
  ASSERT_EQ(bad.size(), 4u);
  EXPECT_EQ(std::get<UnusedFile>(bad[0]).file, folder_ / "bad.csv");
}

class FolderTest : public ImageReaderTest {
 protected:
  // The paths below the folder, and "!" before those that cannot be used.
  std::vector<std::string> names(const std::string& folder, std::vector<std::string> classes = {}) {
    app::ReaderOptions rule = options(kGrey);
    rule.class_names = std::move(classes);
    app::ImageReader reader({folder_ / folder}, rule);
    const auto below = [&](const std::string& file) {
      return std::filesystem::path(file).lexically_relative(folder_ / folder).string();
    };
    std::vector<std::string> result;
    while (auto item = reader.next()) {
      if (const auto* image = std::get_if<Image>(&*item)) {
        const auto& truth = image->truth;
        result.push_back(below(image->file) + (truth ? "=" + std::to_string(*truth) : ""));
      } else {
        result.push_back("!" + below(std::get<UnusedFile>(*item).file));
      }
    }
    notes_ = reader.notes();
    return result;
  }
  std::vector<std::string> notes_;
  const Bytes picture_ = pgm(5, 6, noise(30));
};

TEST_F(FolderTest, PicturesOfAllFoldersInTheOrderOfTheirNames) {
  for (const char* name : {"f/b.pgm", "f/10.PGM", "f/2.ppm", "f/a/z.jpg", "f/a/b/c.png",
                           "f/.hidden.png", "f/.git/x.png", "f/readme.txt", "f/a/x.pgm.gz"})
    put(name, picture_);
  put("f/c.png", bytes_of("no picture"));
  EXPECT_EQ(names("f"), (std::vector<std::string>{"10.PGM", "2.ppm", "a/b/c.png", "a/x.pgm.gz",
                                                  "a/z.jpg", "b.pgm", "!c.png"}));
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_NE(notes_[0].find("1 file in"), std::string::npos) << notes_[0];
}

TEST_F(FolderTest, LinksAreFollowedAndCirclesEnd) {
  put("f/a/1.pgm", picture_);
  put("outside/2.pgm", picture_);
  const auto link = [&](const std::string& to, const std::string& name) {
    std::filesystem::create_symlink(to, folder_.path / name);
  };
  link("..", "f/a/up");
  link("../outside", "f/b");
  link(".", "f/self");
  link("nowhere", "f/dangling.png");
  link("a/1.pgm", "f/link.pgm");
  EXPECT_EQ(names("f"),
            (std::vector<std::string>{"a/1.pgm", "b/2.pgm", "!dangling.png", "link.pgm"}));
}

// Links among folders form as many paths as there are orders of them.
TEST_F(FolderTest, AFolderIsReadOnce) {
  constexpr int kFolders = 12;
  const auto name = [](int i) { return std::string(1, static_cast<char>('a' + i)); };
  for (int i = 0; i < kFolders; ++i) put("f/" + name(i) + "/1.pgm", picture_);
  for (int i = 0; i < kFolders; ++i)
    for (int j = 0; j < kFolders; ++j)
      if (i != j)
        std::filesystem::create_symlink("../" + name(j),
                                        folder_.path / "f" / name(i) / ("to-" + name(j)));
  const auto of_classes = names("f", {"a", "b"});
  EXPECT_EQ(std::ranges::count(of_classes, "b/1.pgm=1"), 1);
  EXPECT_EQ(names("f").size(), std::size_t{kFolders});
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_NE(notes_[0].find("to a folder that is already read are left out"), std::string::npos)
      << notes_[0];
}

TEST_F(FolderTest, TheFirstLimitEndsTheListing) {
  put("f/a.pgm", picture_);
  for (const char* top : {"f/b/", "f/c/"}) {
    std::string deep = top;
    for (int i = 0; i < 40; ++i) deep += "d/";
    put(deep + "1.pgm", picture_);
  }
  put("f/z.pgm", picture_);
  const auto found = names("f");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], "a.pgm");
  EXPECT_TRUE(found[1].starts_with("!"));
}

TEST_F(FolderTest, NamesWithLineFeedsAreSpelledOut) {
  for (const Bytes& file : {Bytes{}, bytes_of("no picture"), idx(3, {0, 6, 5}, {})}) {
    const auto items = all({put("a\nb.png", file)}, options(kGrey));
    ASSERT_EQ(items.size(), 1u);
    const std::string& words = std::get<UnusedFile>(items[0]).message;
    EXPECT_NE(words.find("a\\nb.png"), std::string::npos) << words;
    EXPECT_EQ(words.find('\n'), std::string::npos) << words;
  }
}

TEST_F(FolderTest, WhatHoldsNoPicturesIsSaidOnce) {
  std::filesystem::create_directories(folder_.path / "f/sub");
  put("f/readme.txt", picture_);
  EXPECT_EQ(names("f"), std::vector<std::string>{"!."});
  put("g/bad.png", {});
  ASSERT_EQ(::mkfifo((folder_ / "g/pipe.png").c_str(), 0600), 0);
  EXPECT_EQ(names("g"), (std::vector<std::string>{"!bad.png", "!pipe.png"}));
}

TEST_F(FolderTest, TheNearestFolderThatIsAClassIsTheTruth) {
  for (const char* name : {"f/test/cat/1.pgm", "f/test/dog/deep/2.pgm", "f/test/bird/3.pgm",
                           "f/cat/dog/4.pgm", "f/5.pgm"})
    put(name, picture_);
  const std::vector<std::string> classes{"cat", "dog"};
  EXPECT_EQ(names("f", classes),
            (std::vector<std::string>{"5.pgm", "cat/dog/4.pgm=1", "test/bird/3.pgm",
                                      "test/cat/1.pgm=0", "test/dog/deep/2.pgm=1"}));
  EXPECT_EQ(names("f/test/dog", classes), std::vector<std::string>{"deep/2.pgm=1"});
  EXPECT_EQ(names("f/test/dog/", classes), std::vector<std::string>{"deep/2.pgm=1"});
  EXPECT_EQ(names("f/test/dog/.", classes), std::vector<std::string>{"deep/2.pgm=1"});
  EXPECT_EQ(names("f/test/dog/deep", classes), std::vector<std::string>{"2.pgm"});
}

TEST_F(ImageReaderTest, LabelsOfTheFileAreTheTruth) {
  using Truths = std::vector<std::optional<Index>>;
  const auto truths = [&](const Bytes& file, app::ReaderOptions how, Index classes) {
    how.class_names.resize(static_cast<std::size_t>(classes));
    Truths found;
    for (const auto& item : all({put("file", file)}, how)) {
      const auto* image = std::get_if<Image>(&item);
      found.push_back(image == nullptr ? std::optional<Index>(-1) : image->truth);
    }
    return found;
  };
  const Bytes two = npy("|u1", "(2, 6, 5)", noise(2 * kGrey.size()));
  const auto npz = [&](const std::string& shape, const Bytes& labels) {
    return zip({{"test_images.npy", two}, {"test_labels.npy", npy("|u1", shape, labels)}});
  };
  app::ReaderOptions grey = options(kGrey);
  EXPECT_EQ(truths(npz("(2, 1)", {1, 9}), grey, 10), (Truths{1, 9}));
  EXPECT_EQ(truths(npz("(2, 1)", {1, 9}), grey, 9), (Truths{1, {}})) << "no class of the model";
  EXPECT_EQ(truths(npz("(2, 2)", {1, 0, 0, 1}), grey, 10), (Truths{{}, {}})) << "several classes";
  EXPECT_EQ(truths(npz("(1,)", {1}), grey, 10), (Truths{{}, {}})) << "of other images";
  grey.data.first_label = 1;
  EXPECT_EQ(truths(npz("(2,)", {1, 0}), grey, 10), (Truths{0, {}}));
  const Bytes pixels = noise(32 * 32 * 3);
  const app::ReaderOptions rgb = options({32, 32, 3});
  EXPECT_EQ(truths(joined({{7}, pixels, {2}, pixels}), rgb, 10), (Truths{7, 2}));
  const Bytes cifar100 = joined({{11, 98}, pixels, {19, 1}, pixels});
  EXPECT_EQ(truths(cifar100, rgb, 100), (Truths{98, 1}));
  EXPECT_EQ(truths(cifar100, rgb, 20), (Truths{11, 19})) << "the coarse labels";
}

// A model that divides bytes by 255 sees floats from 0 to 1 as black; one that takes floats from 0
// to 1 sees bytes as far beyond white.
TEST_F(ImageReaderTest, NumbersThatDoNotFitTheScaleAreSaidOnceForAFile) {
  const Image bytes{"a.npy", 0, {}, {{200}, {}}}, picture{"a.png", {}, {}, {{200}, {}}};
  const Image dim{"f.npy", 0, {}, {{}, {0.5F}}, true}, bright{"g.npy", 0, {}, {{}, {0.5F}}, false};
  app::ScaleCheck of_bytes(Normalization{});
  EXPECT_FALSE(of_bytes.doubt(bytes));
  EXPECT_FALSE(of_bytes.doubt(bright));
  EXPECT_TRUE(of_bytes.doubt(dim)->starts_with("f.npy: no number is above 1"));
  EXPECT_FALSE(of_bytes.doubt(dim));
  app::ScaleCheck of_floats(Normalization{.scale = 1, .mean = {}, .stddev = {}});
  EXPECT_FALSE(of_floats.doubt(dim));
  EXPECT_TRUE(of_floats.doubt(bytes)->starts_with("a.npy: its pixels are bytes"));
  EXPECT_FALSE(of_floats.doubt(bytes));
  EXPECT_TRUE(of_floats.doubt(picture));
  EXPECT_FALSE(of_floats.doubt({"b.png", {}, {}, {{200}, {}}})) << "once for all pictures";
  app::ScaleCheck of_raw(Normalization{.scale = 1, .mean = {33}, .stddev = {78}});
  EXPECT_FALSE(of_raw.doubt(bytes)) << "a mean in the units of bytes";
}

TEST_F(ImageReaderTest, AnArraySaysWhetherAllItsNumbersAreDim) {
  const auto is_dim = [&](float second) {
    Bytes numbers;
    for (const float number : {0.25F, second}) {
      const auto bits = std::bit_cast<std::uint32_t>(number);
      for (int shift = 0; shift < 32; shift += 8)
        numbers.push_back(static_cast<std::uint8_t>(bits >> shift));
    }
    const auto items = all({put("file", npy("<f4", "(2, 1, 1)", numbers))}, options({1, 1, 1}));
    return std::get<Image>(items.at(0)).is_dim;
  };
  EXPECT_TRUE(is_dim(0.5F));
  EXPECT_FALSE(is_dim(7.5F));
}

}  // namespace
}  // namespace convoy::test
