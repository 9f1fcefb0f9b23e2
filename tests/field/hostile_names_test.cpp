// SPDX-License-Identifier: Apache-2.0
// Folders, classes, checkpoints and studies with harmful names: the program prints them safely, and
// the commands that it advises work when they are pasted into a shell.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>

#include "internal.hpp"
#include "tests/apps/program.hpp"
#include "tests/data/files.hpp"
#include "tests/field/printed.hpp"

namespace convoy::test {
namespace {

namespace fs = std::filesystem;
using convoy::testing::Bytes;
using convoy::testing::idx_images;
using convoy::testing::idx_labels;
using nlohmann::json;

std::string text_of(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A data set of 10 classes, one of which has the hostile name without the bytes that a list of
// names may not hold: line ends and bytes that are not UTF-8.
void write_data(const fs::path& folder) {
  fs::create_directories(folder);
  Bytes labels;
  for (std::uint8_t i = 0; i < 40; ++i) labels.push_back(i % 10);
  for (const std::string kind : {"train", "t10k"}) {
    write_file(folder / (kind + "-images-idx3-ubyte"), text_of(idx_images(40, 28, 28)));
    write_file(folder / (kind + "-labels-idx1-ubyte"), text_of(idx_labels(labels)));
  }
  std::string name = kHostileName;
  std::erase(name, '\n');
  std::erase(name, '\xff');
  std::erase(name, '\xc0');
  std::string names = name + "\n";
  for (int i = 1; i < 10; ++i) names += "class " + std::to_string(i) + "\n";
  write_file(folder / "class_names.txt", names);
}

// The file with its header changed.
void edit_checkpoint(const fs::path& file, const std::function<void(json&)>& edit) {
  const std::string bytes = read_file(file);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const std::string data = bytes.substr(8 + length);
  json header = json::parse(bytes.substr(8, length));
  edit(header);
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  length = text.size();
  std::string begin(8, '\0');
  std::memcpy(begin.data(), &length, 8);
  write_file(file, begin + text + data);
}

std::vector<fs::path> checkpoints_in(const fs::path& run) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) files.push_back(entry);
  return files;
}

const Arguments kBrief{"--data", "synthetic", "--limit", "64", "--epochs", "1", "--threads", "1"};

Arguments with(Arguments words, const Arguments& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The text after `lead` on its line of `text`.
std::string after(const std::string& text, const std::string& lead) {
  const std::size_t begin = text.find(lead);
  EXPECT_NE(begin, std::string::npos) << text;
  if (begin == std::string::npos) return {};
  const std::size_t from = begin + lead.size();
  return text.substr(from, text.find('\n', from) - from);
}

class HostileNames : public ::testing::Test {
 protected:
  // Checks that all output is harmless, and that the commands in the name did not run.
  void expect_harmless(const Ended& ended) const {
    EXPECT_TRUE(is_safe_to_print(ended.out));
    EXPECT_TRUE(is_safe_to_print(ended.err));
    EXPECT_EQ(("\n" + ended.err).find("\nconvoy: done"), std::string::npos) << "a forged line";
    EXPECT_FALSE(fs::exists(folder_ / "pwned"));
  }
  // Runs the command as a user pastes it.
  Ended paste(const std::string& command) const {
    return run_script("convoy() { \"$CONVOY\" \"$@\"; }; " + command, folder_, "/bin/bash");
  }
  ScratchFolder folder_;
};

TEST_F(HostileNames, OfARunFolder) {
  const Ended trained = run(with({"train", "--out", kHostileName}, kBrief), folder_);
  ASSERT_EQ(trained.code, 0) << trained.err;
  expect_harmless(trained);
  const Ended tested = paste(after(trained.err, "next: "));
  EXPECT_EQ(tested.code, 0) << tested.err;
  expect_harmless(tested);

  const Ended again = run(with({"train", "--out", kHostileName}, kBrief), folder_);
  EXPECT_EQ(again.code, 2);
  expect_harmless(again);
  const Ended resumed = paste(after(again.err, "continue the run: "));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  expect_harmless(resumed);

  for (const Arguments& words :
       {Arguments{"eval", kHostileName, "--data", kHostileName},
        Arguments{"predict", kHostileName, kHostileName}, Arguments{"info", kHostileName},
        Arguments{kHostileName}, Arguments{"train", kHostileName},
        Arguments{"train", "--" + kHostileName},
        Arguments{"report", kHostileName, "--out", "r.html"}}) {
    expect_harmless(run(words, folder_));
  }
}

TEST_F(HostileNames, OfAFolderThatLooksLikeAnOption) {
  const Ended trained = run(with({"train", "--out=-run"}, kBrief), folder_);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Ended tested = paste(after(trained.err, "next: "));
  EXPECT_EQ(tested.code, 0) << tested.err;
}

TEST_F(HostileNames, OfRanksThatWereStopped) {
  // Other code writes the advice of the supervisor than the advice of a run on one rank.
  const Ended ended = run(with({"train", "--out", kHostileName, "--ranks", "2"}, kBrief), folder_,
                          {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
  if (ended.code == 69) GTEST_SKIP() << ended.err;
  ASSERT_EQ(ended.code, 0) << ended.err;
  expect_harmless(ended);
}

TEST_F(HostileNames, OfClasses) {
  write_data(folder_.path / "data");
  const Arguments brief{"--data", folder_ / "data", "--epochs", "1", "--threads", "1"};
  const Ended trained = run(with({"train", "--out", "run"}, brief), folder_);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::string images = folder_ / "data/t10k-images-idx3-ubyte";
  for (const Arguments& words :
       {Arguments{"eval", "run"}, Arguments{"eval", "run", "--json"},
        Arguments{"predict", "run", images}, Arguments{"predict", "run", images, "--json"},
        Arguments{"report", "run", "--out", "r.html"}}) {
    const Ended ended = run(words, folder_);
    EXPECT_EQ(ended.code, 0) << ended.err;
    expect_harmless(ended);
  }
  const std::string page = read_file(folder_ / "r.html");
  EXPECT_TRUE(is_safe_to_print(page));
  EXPECT_EQ(page.find("'\"<b>"), std::string::npos);
}

TEST_F(HostileNames, OfClassesInACheckpoint) {
  write_data(folder_ / "data");
  fs::remove(folder_ / "data/class_names.txt");  // so that the checkpoint's names are not compared
  const Arguments line{"train", "--out", "run", "--data", "data", "--epochs", "1"};
  ASSERT_EQ(run(line, folder_).code, 0);
  const std::string forged = "a\x1b[2J\nconvoy: done\u202e\u009b\x7f\U000E0041";
  for (const fs::path& file : checkpoints_in(folder_ / "run")) {
    Checkpoint checkpoint = load_checkpoint(file);
    checkpoint.class_names.assign(10, forged);
    save_checkpoint(file, checkpoint);
  }
  const Ended tested = run({"eval", "run"}, folder_);
  EXPECT_EQ(tested.code, 0) << tested.err;
  expect_harmless(tested);
  EXPECT_EQ(("\n" + tested.out).find("\nconvoy: done"), std::string::npos) << tested.out;
  EXPECT_NE(tested.out.find("\\x1b[2J"), std::string::npos) << "it is shown";
  EXPECT_EQ(document(run({"eval", "run", "--json"}, folder_))["class_names"][0], forged);
  const Ended predicted =
      run({"predict", "run", folder_ / "data/t10k-images-idx3-ubyte", "--json"}, folder_);
  expect_harmless(predicted);
  const auto predictions = document(predicted);
  EXPECT_EQ(predictions["class_names"][0], forged);
  EXPECT_EQ(predictions["images"][0]["name"], forged);
  const Ended refused = run({"eval", "run", "--data", "synthetic"}, folder_);
  EXPECT_EQ(refused.code, 65);
  expect_harmless(refused);
  EXPECT_NE(refused.err.find("only the model has a\\x1b[2J"), std::string::npos) << refused.err;
}

TEST_F(HostileNames, OfTensors) {
  ASSERT_EQ(run(with({"train", "--out", "run"}, kBrief), folder_).code, 0);
  for (const fs::path& file : checkpoints_in(folder_ / "run")) {
    edit_checkpoint(file, [](json& header) {
      json tensor = header["conv1.weight"];
      header.erase("conv1.weight");
      tensor["dtype"] = "\x1b[31mF32";
      header["\x1b[2J\nconvoy: done\a"] = tensor;
    });
  }
  for (const Arguments& words : {Arguments{"eval", "run"}, Arguments{"train", "--resume", "run"}}) {
    const Ended ended = run(words, folder_);
    EXPECT_EQ(ended.code, 65) << ended.err;
    expect_harmless(ended);
  }
}

TEST_F(HostileNames, OfAStudy) {
  const std::string experiment = "[[experiment]]\nname = \"a\"\nlayouts = [\"1x1\"]\n";
  const std::pair<std::string, std::string> files[] = {
      {"model = \"--trace=stolen\"\n" + experiment, "the model '--trace=stolen' begins with '-'"},
      {"data = \"--trace=stolen\"\n" + experiment, "the data '--trace=stolen' begins with '-'"},
      {experiment + "set = [\"--trace=stolen\"]\n", "the setting '--trace=stolen' begins with '-'"},
      {"[[experiment]]\nname = \"a\\u001b[2J\"\nlayouts = [\"1x1\"]\n", "no printable name"},
      {"[[experiment]]\nname = \"a\\u202e\"\nlayouts = [\"1x1\"]\n", "no printable name"},
      {"model = \"x\\u001b[2J\\nconvoy: done\"\n" + experiment, "unknown model 'x\\x1b[2J"}};
  for (const auto& [text, part] : files) {
    write_file(folder_ / "study.toml", text);
    const Ended ended = run({"study", "study.toml", "--out", "s"}, folder_);
    EXPECT_NE(ended.code, 0);
    EXPECT_TRUE(is_message(ended, part));
    expect_harmless(ended);
    EXPECT_FALSE(fs::exists(folder_ / "stolen"));
  }
  write_file(folder_ / "study.toml",
             "name = \"<script>\\u001b[2J\\nx\"\n" + experiment + "limit = 64\nepochs = 1\n");
  const Ended dry = run(
      {"study", "study.toml", "--data", "synthetic", "--dry-run", "--out", kHostileName}, folder_);
  expect_harmless(dry);
}

TEST_F(HostileNames, OfAModel) {
  fs::create_directory(folder_ / "models");
  const std::string text = run_script("\"$CONVOY\" info --names models", folder_).out;
  for (const std::string& name : {std::string("--json"), kHostileName}) {
    write_file(folder_ / ("models/" + name + ".toml"), "name = \"-x\"\n");
  }
  const Arguments models{"CONVOY_MODELS=" + (folder_ / "models")};
  EXPECT_EQ(run({"info", "--names", "models"}, folder_, models).out, text)
      << "a completion gets no option and no second line";
  expect_harmless(run({"info"}, folder_, models));
  write_file(folder_ / "x.toml", "name = \"-x\"\n[[layer]]\ntype = \"dense\"\nunits = 10\n");
  const Ended ended = run({"info", "./x.toml"}, folder_);
  EXPECT_EQ(ended.code, 65);
  EXPECT_TRUE(is_message(ended, "'-x' can't be a model's name"));
}

TEST_F(HostileNames, OfTheEnvironment) {
  const Ended ended = run({"train", "mnist-fast", "--data", "mnist"}, folder_,
                          {"CONVOY_DATA=" + (folder_ / kHostileName),
                           "HOME=" + folder_.path.string(), "XDG_DATA_HOME=" + (folder_ / "none")});
  expect_harmless(ended);
}

}  // namespace
}  // namespace convoy::test
