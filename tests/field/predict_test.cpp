// SPDX-License-Identifier: Apache-2.0
// Pictures in the forms that other programs write, many at once, and from standard input.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "images/image_reader.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using nlohmann::json;

constexpr Index kSide = 10;
constexpr Shape kShape{kSide, kSide, 1};

// Bright cells on dark ones, so that a shift by a byte changes nearly every pixel.
std::string raster(int seed = 1) {
  std::string bytes;
  for (int i = 0; i < kSide * kSide; ++i)
    bytes += static_cast<char>((i * 37 + seed * 11) % 251 + 1);
  return bytes;
}

std::string pgm(const std::string& header, const std::string& bytes) {
  return "P5" + header + bytes;
}

std::string gzip(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, static_cast<uLong>(bytes.size())) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

class Pictures : public ::testing::Test {
 protected:
  std::vector<std::uint8_t> pixels_of(const std::string& bytes, const Shape& shape = kShape) {
    const auto item = only_item(bytes, shape);
    if (const auto* image = std::get_if<app::Image>(&item)) return image->pixels.bytes;
    ADD_FAILURE() << std::get<app::UnusedFile>(item).message;
    return {};
  }

  // The message of the refusal.
  std::string refusal(const std::string& bytes) {
    const auto item = only_item(bytes, kShape);
    if (const auto* file = std::get_if<app::UnusedFile>(&item)) {
      EXPECT_EQ(file->fault, Fault::bad_data);
      return file->message;
    }
    ADD_FAILURE() << "it was read";
    return "";
  }

  app::ImageReader::Item only_item(const std::string& bytes, const Shape& shape) {
    write_file(folder_ / "picture", bytes);
    app::ImageReader reader({folder_ / "picture"},
                            {.rule = {.shape = shape}, .index = {}, .class_names = {}});
    auto item = reader.next().value();
    EXPECT_FALSE(reader.next().has_value());
    return item;
  }

  ScratchFolder folder_;
};

TEST_F(Pictures, BytesBehindARasterAreRefusedWithTheirNumber) {
  const std::string bytes = raster();
  const auto pixels = pixels_of(pgm("\n10 10\n255\n", bytes));
  EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), bytes.begin(),
                         [](int a, char b) { return a == static_cast<unsigned char>(b); }));
  EXPECT_EQ(pixels_of(pgm("\r\n10 10\r\n255\n", bytes)), pixels);  // CR LF where it does no harm

  struct Case {
    std::string file, number, cause;
  };
  const Case cases[] = {
      {pgm("\r\n10 10\r\n255\r\n", bytes), "1 byte follows", "CR LF"},
      {pgm("\n10 10\n255\n", bytes + "\n"), "1 byte follows", "second picture"},
      {pgm("\n10 10\n255\n", bytes + pgm("\n10 10\n255\n", raster(2))), "113 bytes follow",
       "second picture"},
      {pgm("\n10 10\n255\n# by hand\n", bytes), "10 bytes follow", "comment"},
      {pgm("\n10 10\n65535\n", bytes + bytes + "xyz"), "3 bytes follow", "second picture"},
      {gzip(pgm("\n10 10\n255\n", bytes + "1234")), "4 bytes follow", "second picture"},
      {"P6\n10 10\n255\n" + bytes + bytes + bytes + "12345", "5 bytes follow", "second picture"},
  };
  for (const Case& c : cases) {
    const std::string words = refusal(c.file);
    EXPECT_NE(words.find(c.number + " its raster"), std::string::npos) << words;
    EXPECT_NE(words.find(c.cause), std::string::npos) << words;
  }
}

TEST_F(Pictures, APlainPictureEndsWithItsLastNumber) {
  std::string numbers;
  for (int i = 0; i < kSide * kSide; ++i) numbers += std::to_string(i % 10) + " ";
  const std::string whole = "P2\n10 10\n9\n" + numbers;
  const auto pixels = pixels_of(whole);
  for (const char* end : {"\n", "\r\n \t\n", "# a comment", "\n# a comment\n"})
    EXPECT_EQ(pixels_of(whole + end), pixels) << end;
  for (const char* end : {"7", "\n0", "x", "\n# a comment\nP2"}) {
    const std::string words = refusal(whole + end);
    EXPECT_NE(words.find("after its last number"), std::string::npos) << words;
  }
}

TEST_F(Pictures, BytesBehindTheImagesOfAnIdxFileAreRefused) {
  const std::string header("\0\0\10\3\0\0\0\1\0\0\0\12\0\0\0\12", 16);
  EXPECT_EQ(pixels_of(header + raster()).size(), 100u);
  EXPECT_NE(refusal(header + raster() + "ab").find("2 bytes follow its 1 images"),
            std::string::npos);
}

TEST_F(Pictures, GzipIsReadAroundEveryFormat) {
  const auto pixels = pixels_of(pgm("\n10 10\n255\n", raster()));
  EXPECT_EQ(pixels_of(gzip(pgm("\n10 10\n255\n", raster()))), pixels);
  EXPECT_EQ(pixels_of(gzip(pgm("\n10 10\n255\n", raster())) + std::string(100, '\0')), pixels);
}

// Every 16-bit value becomes the nearest of 256 levels; PNG and PGM agree.
TEST_F(Pictures, SixteenBitsAreScaledAndRoundedToTheNearest) {
  constexpr int kWide = 256;
  std::string big_endian;
  for (int value = 0; value < kWide * kWide; ++value)
    big_endian += {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
  const Shape shape{kWide, kWide, 1};
  const auto of_pgm = pixels_of("P5 256 256 65535 " + big_endian, shape);

  std::string raw;
  for (int row = 0; row < kWide; ++row)
    raw += '\0' + big_endian.substr(static_cast<std::size_t>(row) * 2 * kWide, 2 * kWide);
  uLongf size = compressBound(raw.size());
  std::string data(size, '\0');
  compress(reinterpret_cast<Bytef*>(data.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
           raw.size());
  data.resize(size);
  const auto number = [](std::size_t n) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift & 255);
    return bytes;
  };
  const auto chunk = [&](const std::string& text) {
    return number(text.size() - 4) + text +
           number(crc32(0, reinterpret_cast<const Bytef*>(text.data()),
                        static_cast<uInt>(text.size())));
  };
  const auto of_png =
      pixels_of("\x89PNG\r\n\x1a\n" +
                    chunk("IHDR" + number(kWide) + number(kWide) + std::string("\20\0\0\0\0", 5)) +
                    chunk("IDAT" + data) + chunk("IEND"),
                shape);
  for (int value = 0; value < kWide * kWide; ++value) {
    const auto at = static_cast<std::size_t>(value);
    const int nearest = (value * 255 * 2 + 65535) / (2 * 65535);
    ASSERT_EQ(of_pgm[at], nearest) << value;
    ASSERT_EQ(of_png[at], nearest) << value;
  }
}

class PredictMany : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    write_file(*folder_ / "small.toml",
               "name = \"small\"\ninput = { height = 10, width = 10, channels = 1 }\n[[layer]]\n"
               "type = \"dense\"\nunits = 5\n[loss]\ntype = \"softmax_cross_entropy\"\n");
    std::string images("\0\0\10\3\0\0\0\12\0\0\0\12\0\0\0\12", 16), labels("\0\0\10\1\0\0\0\12", 8);
    for (int i = 0; i < 10; ++i) {
      images += raster(i);
      labels += static_cast<char>(i % 5);
    }
    std::filesystem::create_directory(folder_->path / "set");
    for (const char* part : {"train", "t10k"}) {
      write_file(folder_->path / "set" / (std::string(part) + "-images-idx3-ubyte"), images);
      write_file(folder_->path / "set" / (std::string(part) + "-labels-idx1-ubyte"), labels);
    }
    const Ended ended =
        run({"train", "./small.toml", "--data", "set", "--out", "run", "--quiet"}, *folder_);
    ASSERT_EQ(ended.code, 0) << ended.err;
    write_file(*folder_ / "a.pgm", pgm("\n10 10\n255\n", raster(1)));
    write_file(*folder_ / "b.pgm", pgm("\n10 10\n255\n", raster(2)));
    write_file(*folder_ / "bad.pgm", pgm("\r\n10 10\r\n255\r\n", raster(3)));
    write_file(*folder_ / "wide.pgm", "P5\n99 10\n255\n");
  }
  static void TearDownTestSuite() { delete folder_; }

  static ScratchFolder* folder_;
};
ScratchFolder* PredictMany::folder_ = nullptr;

TEST_F(PredictMany, ABadPictureDoesNotEndThoseAfterIt) {
  const Ended alone = run({"predict", "run", "a.pgm", "b.pgm"}, *folder_);
  ASSERT_EQ(alone.code, 0) << alone.err;
  const Arguments files{"bad.pgm", "a.pgm", "wide.pgm", "nowhere.pgm", "b.pgm"};
  Arguments line{"predict", "run"};
  line.insert(line.end(), files.begin(), files.end());
  const Ended text = run(line, *folder_);
  EXPECT_EQ(text.code, 65);
  EXPECT_EQ(text.out, alone.out);
  for (const char* name : {"bad.pgm", "wide.pgm", "nowhere.pgm"})
    EXPECT_NE(text.err.find(name), std::string::npos) << text.err;
  EXPECT_EQ(std::count(text.err.begin(), text.err.end(), '\n'), 3) << text.err;

  line.push_back("--json");
  const Ended ended = run(line, *folder_);
  EXPECT_EQ(ended.code, 65);
  EXPECT_EQ(ended.err, text.err);
  const json result = document(ended);
  ASSERT_EQ(result["images"].size(), 2u);
  EXPECT_EQ(result["images"][0]["file"], "a.pgm");
  EXPECT_EQ(result["images"][1]["file"], "b.pgm");
  ASSERT_EQ(result["errors"].size(), 3u);
  EXPECT_EQ(result["errors"][0]["file"], "bad.pgm");
  EXPECT_EQ(result["errors"][0]["code"], 65);
  EXPECT_NE(std::string(result["errors"][0]["message"]).find("1 byte follows"), std::string::npos);
  EXPECT_EQ(result["errors"][2]["code"], 66);
  EXPECT_EQ(document(run({"predict", "run", "a.pgm", "--json"}, *folder_))["errors"],
            json::array());
}

TEST_F(PredictMany, TopSaysHowManyClassesAreNamed) {
  const std::string line = run({"predict", "run", "a.pgm"}, *folder_).out;
  const auto percents = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '%');
  };
  EXPECT_EQ(percents(line), 3);
  for (const int top : {1, 2, 5, 99}) {
    const Ended ended = run({"predict", "run", "a.pgm", "--top", std::to_string(top)}, *folder_);
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(percents(ended.out), std::min(top, 5)) << ended.out;
    const json image =
        document(run({"predict", "run", "a.pgm", "--json", "--top", std::to_string(top)},
                     *folder_))["images"][0];
    ASSERT_EQ(image["top"].size(), static_cast<std::size_t>(std::min(top, 5)));
    EXPECT_EQ(image["top"][0]["class"], image["class"]);
    double before = 1;
    for (const json& entry : image["top"]) {
      EXPECT_EQ(entry["probability"], image["probabilities"][std::size_t{entry["class"]}]);
      EXPECT_LE(double{entry["probability"]}, before);
      before = entry["probability"];
    }
  }
  EXPECT_EQ(run({"predict", "run", "a.pgm", "--top", "0"}, *folder_).code, 2);
}

TEST_F(PredictMany, StandardInputIsAPicture) {
  const json wanted = document(run({"predict", "run", "a.pgm", "--json"}, *folder_))["images"][0];
  for (const char* script :
       {"\"$CONVOY\" predict run - --json <a.pgm", "cat a.pgm | \"$CONVOY\" predict run - --json",
        "gzip -c a.pgm | \"$CONVOY\" predict run --json -"}) {
    const json image = document(run_script(script, *folder_))["images"][0];
    EXPECT_EQ(image["file"], "-");
    EXPECT_EQ(image["probabilities"], wanted["probabilities"]);
  }
  const Ended of_set =
      run_script("cat set/t10k-images-idx3-ubyte | \"$CONVOY\" predict run - --index 7", *folder_);
  EXPECT_EQ(of_set.code, 0) << of_set.err;
  EXPECT_TRUE(of_set.out.starts_with("-[7]: ")) << of_set.out;

  const Ended bad = run_script("cat bad.pgm | \"$CONVOY\" predict run -", *folder_);
  EXPECT_EQ(bad.code, 65);
  EXPECT_TRUE(is_message(bad, "standard input"));
  const Ended empty = run_script("\"$CONVOY\" predict run - </dev/null", *folder_);
  EXPECT_EQ(empty.code, 65);
  EXPECT_TRUE(is_message(empty, "standard input is empty (0 bytes): send an intact picture"));
  const Ended twice = run_script("\"$CONVOY\" predict run - - <a.pgm", *folder_);
  EXPECT_EQ(twice.code, 2);
  EXPECT_TRUE(is_message(twice, "twice"));
}

}  // namespace
}  // namespace convoy::test
