// SPDX-License-Identifier: Apache-2.0
// One picture in every format gives the same probabilities, alone and in a folder; damaged files
// give a message.
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <random>
#include <sstream>

#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using nlohmann::json;

std::string big_endian(std::size_t n) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift & 255);
  return bytes;
}

// A PNG of `channels` samples a pixel: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
std::string png(int height, int width, int channels, int depth, const std::string& samples) {
  const std::size_t row = static_cast<std::size_t>(width * channels * depth / 8);
  std::string raw;
  for (int y = 0; y < height; ++y)
    raw += '\0' + samples.substr(static_cast<std::size_t>(y) * row, row);
  uLongf size = compressBound(raw.size());
  std::string data(size, '\0');
  compress(reinterpret_cast<Bytef*>(data.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
           raw.size());
  data.resize(size);
  auto chunk = [](const std::string& type_and_data) {
    const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()),
                            static_cast<uInt>(type_and_data.size()));
    return big_endian(type_and_data.size() - 4) + type_and_data + big_endian(crc);
  };
  const char color = "\0\0\4\2\6"[channels];
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR" + big_endian(static_cast<std::size_t>(width)) +
               big_endian(static_cast<std::size_t>(height)) + static_cast<char>(depth) + color +
               std::string(3, '\0')) +
         chunk("IDAT" + data) + chunk("IEND");
}

std::string repeat(const std::string& bytes, int times) {
  std::string result;
  for (const char byte : bytes) result.append(static_cast<std::size_t>(times), byte);
  return result;
}

std::string with_alpha(const std::string& bytes, int channels, char alpha) {
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    result += bytes[i];
    if ((i + 1) % static_cast<std::size_t>(channels) == 0) result += alpha;
  }
  return result;
}

std::string plain(const std::string& bytes) {
  std::string text = "P2 # grey\n28 28\n# a comment\n255\n";
  for (const char byte : bytes) text += std::to_string(static_cast<unsigned char>(byte)) + "\n";
  return text;
}

std::string idx(const std::vector<std::string>& images, int height, int width) {
  std::string bytes{'\0', '\0', 8, 3};
  bytes += big_endian(images.size()) + big_endian(static_cast<std::size_t>(height)) +
           big_endian(static_cast<std::size_t>(width));
  for (const std::string& image : images) bytes += image;
  return bytes;
}

class Predict : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    const Ended ended =
        run({"train", "--data", "synthetic", "--epochs", "1", "--out", "run"}, *folder_);
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string picture(unsigned seed) {
    std::mt19937 dice(seed);
    std::string bytes(784, '\0');
    for (char& byte : bytes) byte = static_cast<char>(dice() % 256);
    return bytes;
  }
  static Ended predicted(const std::string& bytes, const Arguments& more = {"--json"}) {
    write_file(*folder_ / "image", bytes);
    Arguments words{"predict", "run", "image"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, *folder_);
  }
  static json probabilities(const std::string& bytes) {
    const Ended ended = predicted(bytes);
    EXPECT_EQ(ended.code, 0) << ended.err;
    const json result = document(ended);
    EXPECT_EQ(result["images"].size(), 1u);
    return result["images"][0]["probabilities"];
  }

  static ScratchFolder* folder_;
};
ScratchFolder* Predict::folder_ = nullptr;

TEST_F(Predict, EveryFormatSaysTheSame) {
  const std::string bytes = picture(1);
  const json wanted = probabilities(png(28, 28, 1, 8, bytes));
  double sum = 0;
  for (const double p : wanted) sum += p;
  EXPECT_NEAR(sum, 1, 1e-5);
  const std::string rgb = repeat(bytes, 3), binary = "P5\n28 28\n255\n" + bytes;
  EXPECT_EQ(wanted, probabilities(png(28, 28, 2, 8, with_alpha(bytes, 1, '\xff'))));
  EXPECT_EQ(wanted, probabilities(png(28, 28, 2, 8, with_alpha(bytes, 1, '\x80'))));  // left out
  EXPECT_EQ(wanted, probabilities(png(28, 28, 3, 8, rgb)));
  EXPECT_EQ(wanted, probabilities(png(28, 28, 4, 8, with_alpha(rgb, 3, '\xff'))));
  EXPECT_EQ(wanted, probabilities(png(28, 28, 1, 16, repeat(bytes, 2))));  // b * 257
  EXPECT_EQ(wanted, probabilities(binary));
  EXPECT_EQ(wanted, probabilities(plain(bytes)));
  EXPECT_EQ(wanted, probabilities("P6 28 28 255 " + rgb));
  EXPECT_EQ(wanted, probabilities("P5 28 28 65535 " + repeat(bytes, 2)));
  EXPECT_EQ(wanted, probabilities(idx({bytes}, 28, 28)));
  EXPECT_NE(wanted, probabilities(png(28, 28, 1, 8, picture(2))));
}

TEST_F(Predict, GreyOfRgbIsIntegerLuma) {
  std::string rgb, grey;
  std::mt19937 dice(3);
  for (int i = 0; i < 784; ++i) {
    const unsigned r = dice() % 256, g = dice() % 256, b = dice() % 256;
    for (const unsigned c : {r, g, b}) rgb += static_cast<char>(c);
    grey += static_cast<char>((299 * r + 587 * g + 114 * b + 500) / 1000);
  }
  EXPECT_EQ(probabilities("P6 28 28 255 " + rgb), probabilities("P5 28 28 255 " + grey));
}

TEST_F(Predict, ImagesOfAnIdxFile) {
  const std::string file = idx({picture(1), picture(2), picture(3)}, 28, 28);
  const json all = document(predicted(file));
  ASSERT_EQ(all["images"].size(), 3u);
  EXPECT_EQ(all["images"][2]["index"], 2);
  EXPECT_EQ(all["images"][1]["probabilities"], probabilities("P5 28 28 255 " + picture(2)));
  const json second = document(predicted(file, {"--json", "--index", "1"}));
  ASSERT_EQ(second["images"].size(), 1u);
  EXPECT_EQ(second["images"][0], all["images"][1]);
  const Ended text = predicted(file, {});
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 3);

  const Ended past = predicted(file, {"--index", "3"});
  EXPECT_EQ(past.code, 2);
  EXPECT_TRUE(is_message(past, "holds 3 images"));
  const Ended none = predicted("P5 28 28 255 " + picture(2), {"--index", "0"});
  EXPECT_EQ(none.code, 2);
  EXPECT_TRUE(is_message(none, "IDX"));
}

TEST_F(Predict, WhatDoesNotFitIsRefused) {
  const std::string bytes = picture(1);
  struct Case {
    std::string file, named;
  };
  const Case cases[] = {
      {"P5 999999999 999999999 255 ", "999999999"},
      {idx({bytes}, 28, 28).substr(0, 500), "image 0 of 1"},
      {big_endian(0x803) + big_endian(0xffffffff) + big_endian(28) + big_endian(28) + bytes,
       "image 1"},
      {big_endian(0x801) + big_endian(1) + "x", "IDX"},
      {png(28, 28, 1, 8, bytes).substr(0, 300), "PNG"},
      {("P5 28 28 255 " + bytes).substr(0, 400), "too early"},
      {"P2 28 28 255 1 2 x", "at byte"},
      {"P2 28 28 9 10", "above its maximum value"},
      {"P5 28 28 0 " + bytes, "maximum value"},
      {"P4 28 28 " + bytes, "unsupported image format"},
      {"", "is empty"},
      {"GIF89a", "unsupported image format"},
  };
  for (const Case& c : cases) {
    const Ended ended = predicted(c.file, {});
    EXPECT_EQ(ended.code, 65) << c.named;
    EXPECT_TRUE(is_message(ended, c.named));
  }
  EXPECT_EQ(run({"predict", "run", "nowhere"}, *folder_).code, 66);
  EXPECT_EQ(run({"predict", "run", "."}, *folder_).code, 65);
}

TEST_F(Predict, DamagedFilesGetAMessage) {
  std::mt19937 dice(std::random_device{}());
  const std::string bytes = picture(1);
  const std::vector<std::string> files{png(28, 28, 3, 8, repeat(bytes, 3)), plain(bytes),
                                       "P5 28 28 255 " + bytes, idx({bytes, bytes}, 28, 28)};
  for (int round = 0; round < 40; ++round) {
    std::string file = files[dice() % files.size()];
    for (unsigned n = dice() % 4 + 1; n > 0; --n) {
      file[dice() % (round % 2 ? file.size() : 40)] = static_cast<char>(dice());
    }
    if (round % 3 == 0) file.resize(dice() % file.size());
    const Ended ended = predicted(file);
    EXPECT_TRUE(ended.code == 0 || ended.code == 65) << ended.code << ended.err;
  }
}

// Pictures of one size and of another, most in folders that are called as classes are.
class PredictFolder : public Predict {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(pictures_);
    for (int i = 0; i < 30; ++i) {
      const auto folder = pictures_ / ("pattern " + std::to_string(i % 11));
      std::filesystem::create_directories(folder);
      const int side = i % 3 == 0 ? 50 : 28;
      std::string bytes;
      for (unsigned part = 0; part < 4; ++part) bytes += picture(static_cast<unsigned>(i) + part);
      write_file(folder / (std::to_string(i) + ".png"),
                 png(side, side, 1, 8, bytes.substr(0, static_cast<std::size_t>(side * side))));
    }
  }
  void TearDown() override { std::filesystem::remove_all(pictures_); }

  static Ended predict(Arguments more) {
    more.insert(more.begin(), {"predict", "run"});
    return run(more, *folder_);
  }

  const std::filesystem::path pictures_ = folder_->path / "pictures";
};

TEST_F(PredictFolder, AFolderIsItsPicturesOneByOneOnAnyNumberOfThreads) {
  const json one = document(predict({"pictures", "--json", "--threads", "1"}));
  EXPECT_EQ(document(predict({"pictures", "--json", "--threads", "2"})), one);
  ASSERT_EQ(one["images"].size(), 30u);
  std::int64_t right = 0, known = 0;
  for (const json& image : one["images"]) {
    const std::string file = image["file"];
    const json alone = document(predict({file, "--json"}))["images"][0];
    EXPECT_EQ(alone["probabilities"], image["probabilities"]) << file;
    EXPECT_EQ(alone["truth"], nullptr);
    const std::string folder = std::filesystem::path(file).parent_path().filename();
    const bool is_class = folder != "pattern 10";
    EXPECT_EQ(image["truth"].is_null(), !is_class) << file;
    if (is_class) {
      ++known;
      EXPECT_EQ(one["class_names"][image["truth"].get<std::size_t>()], folder);
    }
    if (image["name"] == folder) ++right;
  }
  EXPECT_EQ(one["accuracy_images"], known);
  EXPECT_EQ(one["accuracy"], static_cast<double>(right) / static_cast<double>(known));
  EXPECT_EQ(document(predict({"pictures/pattern 0/0.png", "--json"}))["accuracy"], nullptr);

  const Ended text = predict({"pictures"});
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 31);
  const std::string counts = std::to_string(right) + " of 28 images";
  EXPECT_NE(text.out.find("\naccuracy "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find(counts), std::string::npos) << text.out;
}

TEST_F(PredictFolder, CsvHasALineForEachImage) {
  std::filesystem::rename(pictures_ / "pattern 1/1.png", pictures_ / "pattern 1/=1, \"x\".png");
  std::filesystem::rename(pictures_ / "pattern 2/2.png", folder_->path / "=2.png");
  const json all = document(predict({"pictures", "=2.png", "--json"}));
  const Ended one = predict({"pictures", "=2.png", "--csv"});
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_NE(one.err.find("accuracy"), std::string::npos);
  std::istringstream lines(one.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "file,index,class,name,probability,truth");
  for (const json& image : all["images"]) {
    ASSERT_TRUE(std::getline(lines, line));
    std::string file = image["file"];
    if (file.find('"') != std::string::npos) file = "\"pictures/pattern 1/=1, \"\"x\"\".png\"";
    if (file == "=2.png") file = "'=2.png";
    const std::string begin = file + ",," + std::to_string(image["class"].get<int>()) + "," +
                              image["name"].get<std::string>() + ",";
    EXPECT_TRUE(line.starts_with(begin)) << line;
    EXPECT_EQ(std::stof(line.substr(begin.size())), image["top"][0]["probability"].get<float>());
    const std::string truth =
        image["truth"].is_null() ? "" : std::to_string(image["truth"].get<int>());
    EXPECT_TRUE(line.ends_with("," + truth)) << line;
  }
  EXPECT_FALSE(std::getline(lines, line));

  const Ended two = predict({"=2.png", "--csv", "--top", "2"});
  EXPECT_TRUE(two.out.starts_with(
      "file,index,class,name,probability,truth,class_2,name_2,probability_2\n'=2.png,,"))
      << two.out;
  EXPECT_EQ(std::count(two.out.begin(), two.out.end(), ','), 16);
  EXPECT_EQ(predict({"pictures", "--csv", "--json"}).code, 2);
  const Ended none = predict({"nowhere", "--csv"});
  EXPECT_EQ(none.code, 66);
  EXPECT_EQ(none.out, "file,index,class,name,probability,truth\n");
}

TEST_F(PredictFolder, FilesThatCannotBeUsedAreNamedInOrder) {
  write_file(pictures_ / "pattern 0/bad.png", "no picture");
  write_file(pictures_ / "pattern 5/notes.txt", "");
  std::filesystem::create_directories(folder_->path / "empty");
  const Ended ended = predict({"empty", "pictures", "nowhere", "--json"});
  EXPECT_EQ(ended.code, 65);
  const json result = document(ended);
  EXPECT_EQ(result["images"].size(), 30u);
  ASSERT_EQ(result["errors"].size(), 3u);
  EXPECT_EQ(result["errors"][0]["file"], "empty");
  EXPECT_EQ(result["errors"][1]["file"], "pictures/pattern 0/bad.png");
  EXPECT_EQ(result["errors"][2]["code"], 66);
  EXPECT_NE(ended.err.find("1 file in pictures is left out"), std::string::npos) << ended.err;
}

TEST_F(PredictFolder, InvertIsThePictureOf255Minus) {
  const std::string bytes = picture(5);
  std::string inverted = bytes;
  for (char& byte : inverted) byte = static_cast<char>(255 - static_cast<unsigned char>(byte));
  const json wanted = probabilities("P5 28 28 255 " + inverted);
  EXPECT_NE(wanted, probabilities("P5 28 28 255 " + bytes));
  const json got = document(predicted("P5 28 28 255 " + bytes, {"--invert", "--json"}));
  EXPECT_EQ(got["images"][0]["probabilities"], wanted);
}

TEST_F(PredictFolder, StandardInputIsAnyKindOfFile) {
  const std::string bytes = picture(1);
  const std::string text = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 28, 28), }\n";
  const std::string npy =
      std::string("\x93NUMPY\1\0", 8) + static_cast<char>(text.size()) + '\0' + text + bytes;
  const json wanted = probabilities("P5 28 28 255 " + bytes);
  for (const std::string& file : {npy, idx({bytes}, 28, 28), "P5 28 28 255 " + bytes}) {
    write_file(*folder_ / "stdin", file);
    for (const char* script :
         {"\"$CONVOY\" predict run - --json <stdin", "cat stdin | \"$CONVOY\" predict run - --json",
          "gzip -c stdin | \"$CONVOY\" predict run - --json"}) {
      const json image = document(run_script(script, *folder_))["images"][0];
      EXPECT_EQ(image["file"], "-");
      EXPECT_EQ(image["probabilities"], wanted);
    }
  }
  const Ended csv = run_script("\"$CONVOY\" predict run - --csv <stdin", *folder_);
  EXPECT_NE(csv.out.find("\n-,,"), std::string::npos) << csv.out;
}

// The test images of a set, with their labels: the accuracy is that of `convoy eval`.
TEST_F(Predict, ADataSetIsItsTestImagesWithTheirLabels) {
  const json tested = document(run({"eval", "run", "--json"}, *folder_));
  const json set = document(run({"predict", "run", "synthetic", "--json"}, *folder_));
  EXPECT_EQ(set["images"].size(), 256u);
  EXPECT_EQ(set["accuracy_images"], 256);
  EXPECT_EQ(set["accuracy"], tested["accuracy"]);
  const json third = set["images"][3];
  EXPECT_EQ(third["file"], "synthetic");
  EXPECT_EQ(document(run({"predict", "run", "synthetic", "--index", "3", "--json"},
                         *folder_))["images"][0],
            third);
  EXPECT_EQ(run({"predict", "run", "synthetic", "--index", "256"}, *folder_).code, 2);
  const Ended csv = run({"predict", "run", "synthetic", "--index", "3", "--csv"}, *folder_);
  EXPECT_TRUE(csv.out.ends_with("," + std::to_string(third["truth"].get<int>()) + "\n"));
  EXPECT_NE(csv.err.find("accuracy"), std::string::npos);

  std::filesystem::create_directories(*folder_ / "digits");
  const std::string labels = std::string("\0\0\10\1", 4) + big_endian(2) + "\3\7";
  for (const char* part : {"train", "t10k"}) {
    write_file(*folder_ / ("digits/" + std::string(part) + "-images-idx3-ubyte"),
               idx({picture(1), picture(2)}, 28, 28));
    write_file(*folder_ / ("digits/" + std::string(part) + "-labels-idx1-ubyte"), labels);
  }
  const json digits = document(run({"predict", "run", "digits", "--json"}, *folder_));
  ASSERT_EQ(digits["images"].size(), 2u);
  EXPECT_EQ(digits["images"][0]["truth"], 3);
  EXPECT_EQ(digits["images"][1]["truth"], 7);
  EXPECT_EQ(digits["images"][0]["probabilities"], probabilities("P5 28 28 255 " + picture(1)));
}

TEST_F(Predict, CheckpointsOutsideOfTheirRun) {
  const json trained = document(run({"eval", "run", "--json"}, *folder_));
  for (const auto& entry : std::filesystem::directory_iterator(folder_->path / "run/checkpoints")) {
    std::filesystem::copy_file(entry.path(), folder_->path / "alone.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
  }
  const Ended unknown = run({"eval", "alone.safetensors"}, *folder_);
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(is_message(unknown, "--data"));
  const Ended given = run({"eval", "alone.safetensors", "--data", "synthetic", "--json"}, *folder_);
  const json document_of_given = document(given);
  std::int64_t sum = 0, correct = 0;
  for (std::size_t i = 0; i < document_of_given["confusion_matrix"].size(); ++i) {
    for (const std::int64_t n : document_of_given["confusion_matrix"][i]) sum += n;
    correct += std::int64_t{document_of_given["confusion_matrix"][i][i]};
  }
  EXPECT_EQ(sum, document_of_given["samples"]);
  for (const auto& cell : document_of_given["confusion_cells"]) {
    EXPECT_EQ(document_of_given["confusion_matrix"][cell[0].get<std::size_t>()]
                               [cell[1].get<std::size_t>()],
              cell[2]);
    sum -= cell[2].get<std::int64_t>();
  }
  EXPECT_EQ(sum, 0);
  EXPECT_EQ(static_cast<double>(correct) / document_of_given["samples"].get<double>(),
            document_of_given["accuracy"]);
  EXPECT_EQ(trained["schema"], "convoy.eval/2");
  std::int64_t samples = 0, predicted = 0;
  for (const auto& of_class : document_of_given["class_scores"]) {
    samples += of_class["samples"].get<std::int64_t>();
    predicted += of_class["predicted"].get<std::int64_t>();
  }
  EXPECT_EQ(samples, document_of_given["samples"]);
  EXPECT_EQ(predicted, document_of_given["samples"]);
  EXPECT_EQ(document_of_given["top_k"]["k"], 5);
  EXPECT_GE(document_of_given["top_k"]["accuracy"], document_of_given["accuracy"]);
  const json first = document(run(
      {"eval", "alone.safetensors", "--data", "synthetic", "--json", "--top-k", "1"}, *folder_));
  EXPECT_EQ(first["top_k"]["accuracy"], first["accuracy"]);
  const Ended all =
      run({"eval", "alone.safetensors", "--data", "synthetic", "--top-k", "10"}, *folder_);
  EXPECT_EQ(all.code, 2);
  EXPECT_TRUE(is_message(all, "--top-k is 10 (the model has 10 classes"));

  std::string damaged = read_file(*folder_ / "alone.safetensors");
  damaged[damaged.size() - 5] ^= 1;
  write_file(*folder_ / "alone.safetensors", damaged);
  EXPECT_EQ(run({"eval", "alone.safetensors", "--data", "synthetic"}, *folder_).code, 65);
}

}  // namespace
}  // namespace convoy::test
