// SPDX-License-Identifier: Apache-2.0
// What a data set looks like (convoy info --data), and a first model for it (convoy new).
#include "survey/survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <sstream>

#include "base/check.hpp"
#include "survey/contact_sheet.hpp"
#include "survey/new_model.hpp"
#include "tests/apps/program.hpp"

namespace convoy::test {
namespace {

using app::PictureData;
using app::Survey;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A PPM of one colour, or a PGM of one grey.
std::string ppm(int height, int width, int red, int green, int blue) {
  std::string file = "P6 " + std::to_string(width) + " " + std::to_string(height) + " 255\n";
  for (int i = 0; i < height * width; ++i)
    for (const int value : {red, green, blue}) file += static_cast<char>(value);
  return file;
}

class SurveyOfPets : public ::testing::Test {
 protected:
  void add(const std::string& path, const std::string& bytes) {
    const std::filesystem::path file = folder / ("pets/" + path);
    std::filesystem::create_directories(file.parent_path());
    write_file(file, bytes);
  }
  std::string pets() const { return folder / "pets"; }
  ScratchFolder folder;
};

TEST_F(SurveyOfPets, CountsSizesAndStatistics) {
  add("train/cat/1.ppm", ppm(2, 4, 255, 0, 51));
  add("train/cat/2.ppm", ppm(20, 30, 0, 0, 51));
  add("train/dog/1.ppm", ppm(2, 4, 255, 0, 51));
  add("test/dog/2.ppm", ppm(100, 1, 9, 9, 9));
  add("val/cat/3.ppm", ppm(2, 4, 9, 9, 9));
  add("train/dog/cut.png", "\x89PNG\r\n\x1a\n");
  const PictureData data(pets());
  const Survey one = app::survey(data, 1);
  EXPECT_EQ(data.name(), "pets");
  EXPECT_THAT(data.classes(), ElementsAre("cat", "dog"));
  EXPECT_THAT(one.counts[0], ElementsAre(2, 1, 0));
  EXPECT_THAT(one.counts[1], ElementsAre(2, 0, 1));
  EXPECT_THAT(one.total, ElementsAre(4, 1, 1));
  EXPECT_EQ(one.smallest, (Extent{2, 4}));
  EXPECT_EQ(one.largest, (Extent{20, 30}));
  EXPECT_EQ(one.most_frequent, (Extent{2, 4}));
  EXPECT_EQ(one.with_most_frequent, 3);
  EXPECT_EQ(one.median, (Extent{2, 4}));
  EXPECT_FALSE(one.has_one_size);
  // Each picture counts alike: red is 1, 0 and 1.
  EXPECT_EQ(one.channels, 3);
  ASSERT_EQ(one.mean.size(), 3u);
  EXPECT_NEAR(one.mean[0], 2.0 / 3, 1e-12);
  EXPECT_NEAR(one.stddev[0], std::sqrt(2.0) / 3, 1e-12);
  EXPECT_EQ(one.mean[1], 0);
  EXPECT_NEAR(one.mean[2], 0.2, 1e-12);
  EXPECT_NEAR(one.stddev[2], 0, 1e-7);
  ASSERT_EQ(one.bad.size(), 1u);
  EXPECT_EQ(one.bad[0].picture, "train/dog/cut.png");
  EXPECT_EQ(one.bad[0].label, 1);
  EXPECT_THAT(one.unreadable, ElementsAre(1, 0, 0));
  EXPECT_THAT(one.bad[0].message, HasSubstr("cut.png"));
  const Survey four = app::survey(data, 4);
  EXPECT_EQ(one.mean, four.mean);
  EXPECT_EQ(one.stddev, four.stddev);
}

TEST_F(SurveyOfPets, GreyPicturesHaveOneChannel) {
  add("a/1.ppm", ppm(3, 3, 7, 7, 7));
  add("b/1.ppm", ppm(3, 3, 9, 9, 9));
  const Survey survey = app::survey(PictureData(pets()), 2);
  EXPECT_EQ(survey.channels, 1);
  EXPECT_NEAR(survey.mean[0], 8.0 / 255, 1e-12);
  EXPECT_NEAR(survey.stddev[0], 1.0 / 255, 1e-9);
}

TEST_F(SurveyOfPets, NothingThatCanBeReadIsRefused) {
  add("a/1.png", "no picture");
  add("b/1.png", "no picture");
  try {
    app::survey(PictureData(pets()), 1);
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::bad_data);
    EXPECT_THAT(error.what(), HasSubstr("no training picture can be read"));
  }
}

TEST(Survey, OfArrays) {
  const PictureData data("synthetic");
  const Survey survey = app::survey(data, 2);
  EXPECT_FALSE(data.are_pictures());
  EXPECT_TRUE(survey.has_one_size);
  EXPECT_EQ(survey.most_frequent, (Extent{28, 28}));
  EXPECT_EQ(static_cast<std::size_t>(survey.total[0] + survey.total[2]), data.size());
  EXPECT_EQ(app::input_size(data, survey), (Extent{28, 28}));
  try {
    app::new_model(data, survey, {.data = "synthetic", .size = Extent{32, 32}, .epochs = {}});
    FAIL() << "nothing was thrown";
  } catch (const UserError& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
  }
}

TEST_F(SurveyOfPets, TheSheetHasARowForEachClass) {
  for (int i = 0; i < 12; ++i) add("a/" + std::to_string(i) + ".ppm", ppm(4, 4, 200, 0, 0));
  add("b/1.ppm", ppm(4, 8, 0, 200, 0));
  const std::string name = "sheet";
  const std::string png = app::contact_sheet(PictureData(pets()));
  const std::vector<std::uint8_t> bytes(png.begin(), png.end());
  if (!can_decode(PictureFormat::png)) GTEST_SKIP() << "no libpng";
  const Picture sheet = decode_picture({bytes, name}, 3);
  EXPECT_EQ(sheet.shape, (Shape{2 + 2 * 66, 2 + 10 * 66, 3}));
  const auto pixel = [&](Index y, Index x) {
    const auto at = static_cast<std::size_t>((y * sheet.shape.width + x) * 3);
    return std::vector<int>{sheet.pixels[at], sheet.pixels[at + 1], sheet.pixels[at + 2]};
  };
  EXPECT_THAT(pixel(0, 0), ElementsAre(255, 255, 255));
  EXPECT_THAT(pixel(2, 2), ElementsAre(200, 0, 0));
  EXPECT_THAT(pixel(65, 2 + 9 * 66), ElementsAre(200, 0, 0));  // the tenth, and no eleventh
  EXPECT_THAT(pixel(68 + 32, 2), ElementsAre(0, 200, 0));      // fitted: a border above
  EXPECT_THAT(pixel(68, 2), ElementsAre(0, 0, 0));
  EXPECT_THAT(pixel(68 + 32, 2 + 66), ElementsAre(255, 255, 255));
}

Extent size_for(const PictureData& data, bool has_one_size, const Extent& size) {
  Survey survey;
  survey.has_one_size = has_one_size;
  survey.most_frequent = survey.median = size;
  return app::input_size(data, survey);
}

TEST_F(SurveyOfPets, SizeOfTheInput) {
  add("a/1.ppm", ppm(3, 3, 7, 7, 7));
  add("b/1.ppm", ppm(3, 3, 9, 9, 9));
  const PictureData data(pets());
  EXPECT_EQ(size_for(data, true, {28, 31}), (Extent{28, 31}));
  EXPECT_EQ(size_for(data, true, {64, 3}), (Extent{64, 3}));
  EXPECT_EQ(size_for(data, true, {224, 224}), (Extent{64, 64}));
  EXPECT_EQ(size_for(data, false, {30, 35}), (Extent{32, 32}));
  EXPECT_EQ(size_for(data, false, {480, 640}), (Extent{48, 64}));
  EXPECT_EQ(size_for(data, false, {1, 1000}), (Extent{8, 64}));
}

TEST_F(SurveyOfPets, TheModelFitsTheData) {
  add("a/1.ppm", ppm(40, 40, 0, 100, 50));
  add("b/1.ppm", ppm(40, 40, 255, 100, 50));
  add("c d/1.ppm", ppm(40, 40, 255, 100, 50));
  const PictureData data(pets());
  const Survey survey = app::survey(data, 1);
  const std::string text =
      app::new_model(data, survey, {.data = "my\npets", .size = {}, .epochs = {}});
  const ModelFile model = parse_model_file(text, "new.toml");
  EXPECT_EQ(model.net.name(), "pets");
  EXPECT_EQ(model.net.input(), (Shape{40, 40, 3}));
  EXPECT_EQ(model.net.loss().classes, 3);
  EXPECT_EQ(model.train.epochs, 50);
  EXPECT_THAT(text, HasSubstr("mean = [0.6667, 0.3922, 0.1961]"));
  EXPECT_THAT(text,
              HasSubstr("std = [0.4714, 1.0000, 1.0000]"));  // what does not vary keeps its unit
  EXPECT_THAT(text, Not(HasSubstr("my\npets")));
  const std::string wide =
      app::new_model(data, survey, {.data = "pets", .size = Extent{6, 64}, .epochs = 7});
  EXPECT_EQ(parse_model_file(wide, "wide.toml").net.input(), (Shape{6, 64, 3}));
  EXPECT_EQ(parse_model_file(wide, "wide.toml").train.epochs, 7);
}

TEST_F(SurveyOfPets, TheProgramShowsAndTrains) {
  for (int i = 0; i < 16; ++i) {
    add("cat/" + std::to_string(i) + ".ppm", ppm(9 + i % 2, 12, 200 - i, 100, 50));
    add("dog/" + std::to_string(i) + ".ppm", ppm(9, 12, 50 + i, 100, 150));
  }
  const Ended shown = run({"info", "--data", "pets", "--sheet", "pets.png"}, folder);
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("pets: 2 classes"));
  EXPECT_THAT(shown.out, HasSubstr("32: 32 for training, 0 for validation, 0 for the test"));
  EXPECT_THAT(shown.out, HasSubstr("9 x 12 to 10 x 12, the median 9 x 12; 24 of 9 x 12"));
  EXPECT_TRUE(std::filesystem::exists(folder / "pets.png"));
  const auto json = document(run({"info", "--data", "pets", "--json"}, folder));
  EXPECT_EQ(json["data_set"]["images"]["train"], 32);
  EXPECT_EQ(json["data_set"]["classes"][1]["name"], "dog");

  const Ended made = run({"new", "--data", "pets", "--epochs", "4"}, folder);
  EXPECT_EQ(made.code, 0) << made.err;
  write_file(folder / "pets.toml", made.out);
  const Ended trained = run({"train", "pets.toml", "--data", "pets", "--test-fraction", "0.25",
                             "--cache", "none", "--out", "run", "--threads", "1", "--json"},
                            folder);
  EXPECT_EQ(trained.code, 0) << trained.err;
  const auto epochs = document(trained)["epochs"];
  ASSERT_EQ(epochs.size(), 4u);
  EXPECT_LT(epochs[3]["train_loss"].get<double>(), epochs[0]["train_loss"].get<double>());
}

// The line of the model's header that trains it.
std::vector<std::string> command_in(const std::string& model) {
  const auto begin = model.find("#   convoy train ") + 11;
  std::istringstream words(model.substr(begin, model.find('\n', begin) - begin));
  return {std::istream_iterator<std::string>(words), {}};
}

TEST_F(SurveyOfPets, TheCommandOfTheHeaderTrains) {
  for (int i = 0; i < 16; ++i) {
    add("cat/" + std::to_string(i) + ".ppm", ppm(9, 12, 200 - i, 100, 50));
    add("dog/" + std::to_string(i) + ".ppm", ppm(9, 12, 50 + i, 100, 150));
  }
  add("dog/cut.ppm", "P6 9 9 255\n");
  const Ended made = run({"new", "--data", "pets", "--epochs", "2", "--size", "8x16"}, folder);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("pets: 32 training images, 2 classes"));
  EXPECT_THAT(made.out, HasSubstr("convoy new --data pets --size 8x16 --epochs 2;"));
  EXPECT_THAT(made.out, HasSubstr("\n# resize = "));
  write_file(folder / "pets.toml", made.out);
  std::vector<std::string> command = command_in(made.out);
  ASSERT_THAT(command, ElementsAre("train", _, "--data", "pets", "--test-fraction", "0.2",
                                   "--bad-images", "skip"));
  command[1] = "pets.toml";  // the program's stdout was another file
  command.insert(command.end(), {"--cache", "none", "--out", "run", "--threads", "1"});
  const Ended trained = run(command, folder);
  EXPECT_EQ(trained.code, 0) << trained.err;
}

TEST_F(SurveyOfPets, UnreadablePicturesAreCountedApart) {
  add("train/cat/1.ppm", ppm(9, 12, 200, 100, 50));
  add("train/dog/1.ppm", ppm(9, 12, 50, 100, 150));
  add("train/dog/2.ppm", "P6 9 9 255\n");
  const Ended shown = run({"info", "--data", "pets"}, folder);
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("1 of them: 1 for training, 0 for validation, 0 for the test"));
  EXPECT_THAT(shown.out, ::testing::ContainsRegex("1 +dog +2 +0 +0 +1\n"));
}

// The header names the file into which the shell writes the model.
TEST_F(SurveyOfPets, TheHeaderKnowsItsFile) {
  const PictureData data("synthetic");
  const std::string text =
      app::new_model(data, app::survey(data, 1),
                     {.data = "synthetic", .file = "my model.toml", .size = {}, .epochs = {}});
  EXPECT_THAT(text, HasSubstr("convoy train 'my model.toml' --data synthetic\n"));
  EXPECT_THAT(text, Not(HasSubstr("resize")));
}

// Labels 1 to 3: the last layer has 3 units, and labels are counted from 1.
TEST_F(SurveyOfPets, LabelsThatBeginWithOneAreCountedFromOne) {
  const std::string images =
      std::string("\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x08\x00\x00\x00\x08", 16);
  const std::string labels = std::string("\x00\x00\x08\x01\x00\x00\x00\x03\x01\x02\x03", 11);
  std::string pixels;
  for (int i = 0; i < 3 * 64; ++i) pixels += static_cast<char>(i);
  for (const char* part : {"train", "t10k"}) {
    add(std::string(part) + "-images-idx3-ubyte", images + pixels);
    add(std::string(part) + "-labels-idx1-ubyte", labels);
  }
  const PictureData data(pets());
  const std::string text =
      app::new_model(data, app::survey(data, 1), {.data = "pets", .size = {}, .epochs = 1});
  const ModelFile model = parse_model_file(text, "new.toml");
  EXPECT_EQ(model.files.first_label, 1);
  EXPECT_EQ(model.net.loss().classes, 3);
  EXPECT_THAT(text, HasSubstr("3 training images, 3 classes"));
  EXPECT_EQ(load_data(pets(), data_options(model, {})).train.classes(), 3);
}

// The name of a model begins with no "-".
TEST_F(SurveyOfPets, TheModelHasANameForAnyFolder) {
  add("cat/1.ppm", ppm(9, 12, 200, 100, 50));
  add("dog/1.ppm", ppm(9, 12, 50, 100, 150));
  for (const auto& [folder_name, name] :
       {std::pair("(1) cats", "1--cats"), {"\u5199\u771f", "mine"}, {"-x", "x"}}) {
    const std::filesystem::path renamed = folder.path / folder_name;
    std::filesystem::copy(pets(), renamed, std::filesystem::copy_options::recursive);
    const Ended made = run({"new", "--data", "./" + std::string(folder_name)}, folder);
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_THAT(made.out, HasSubstr("name = \"" + std::string(name) + "\""));
  }
}

TEST_F(SurveyOfPets, UsageIsChecked) {
  add("cat/0.png", "x");
  EXPECT_TRUE(is_message(run({"info", "--sheet", "x.png"}, folder), "--sheet needs --data"));
  for (const auto& [sheet, problem] : {std::pair("x.toml", "--sheet x.toml is no name of a PNG"),
                                       {"pets/cat/0.png", "--sheet pets/cat/0.png exists"},
                                       {"pets/../pets/cat/new.PNG", "lies in the data"}}) {
    const Ended refused = run({"info", "--data", "pets", "--sheet", sheet}, folder);
    EXPECT_EQ(refused.code, 2);
    EXPECT_TRUE(is_message(refused, problem));
  }
  const Ended inside = run({"info", "--data", ".", "--sheet", "new.png"}, folder);
  EXPECT_TRUE(is_message(inside, "--sheet new.png lies in the data"));
  EXPECT_TRUE(
      is_message(run({"info", "lenet5", "--data", "synthetic"}, folder), "--data takes no MODEL"));
  EXPECT_TRUE(is_message(run({"new", "--data", "synthetic", "--size", "0"}, folder),
                         "--size 0 is no size"));
  EXPECT_TRUE(is_message(run({"new", "--data", "synthetic", "--size", "32x"}, folder),
                         "--size 32x is no size"));
}

// Images of 1 row and 2 columns, with labels from 1.
TEST_F(SurveyOfPets, KeysSayHowArraysAreStored) {
  const auto number = [](char n) { return std::string(3, '\0') + n; };
  std::filesystem::create_directories(folder / "arrays");
  for (const char* part : {"train", "t10k"}) {
    write_file(folder / ("arrays/" + std::string(part) + "-images-idx3-ubyte"),
               number(0).substr(0, 2) + "\x08\x03" + number(3) + number(1) + number(2) + "abcdef");
    write_file(folder / ("arrays/" + std::string(part) + "-labels-idx1-ubyte"),
               number(0).substr(0, 2) + "\x08\x01" + number(3) + "\1\2\3");
  }
  const Arguments keys{"--set", "input.first_label=1", "--set", "input.transpose=true"};
  Arguments line{"info", "--data", "arrays", "--json"};
  EXPECT_EQ(document(run(line, folder))["data_set"]["classes"].size(), 4u);
  line.insert(line.end(), keys.begin(), keys.end());
  EXPECT_EQ(document(run(line, folder))["data_set"]["classes"].size(), 3u);
  Arguments make{"new", "--data", "arrays"};
  make.insert(make.end(), keys.begin(), keys.end());
  const Ended made = run(make, folder);
  ASSERT_EQ(made.code, 0) << made.err;
  const ModelFile model = parse_model_file(made.out, "made");
  EXPECT_EQ(model.net.input(), (Shape{2, 1, 1})) << "transposed";
  EXPECT_EQ(model.net.loss().classes, 3);
  EXPECT_EQ(model.files.transpose, true);
  EXPECT_EQ(model.files.first_label, 1);
  const Ended other = run({"info", "--data", "arrays", "--set", "train.batch=3"}, folder);
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(is_message(other, "set input.transpose or input.first_label"));
  add("train/cat/1.ppm", ppm(2, 4, 255, 0, 51));
  add("train/dog/1.ppm", ppm(2, 4, 255, 0, 51));
  EXPECT_EQ(run({"info", "--data", "pets", "--set", "input.first_label=1"}, folder).code, 2);
}

}  // namespace
}  // namespace convoy::test
