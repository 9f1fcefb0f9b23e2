// SPDX-License-Identifier: Apache-2.0
#include "survey/new_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace convoy::app {
namespace {

constexpr Index kLongestSide = 64;
constexpr Index kSmallestMap = 8;  // a block halves maps whose sides are at least this
constexpr Index kSamples = 200'000;

// As a model's name may be.
std::string model_name(const std::string& data) {
  std::string name = data.substr(0, data.find('.')).substr(0, 60);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '-';
  name.erase(0, name.find_first_not_of('-'));
  return name.empty() ? "mine" : name;
}

std::string text(const Extent& size) {
  return fmt::format("{}x{}", size.height, size.width);
}

// A number, or an array of one for each channel, to 4 digits.
std::string per_channel(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(fmt::format("{:.4f}", value));
  return texts.size() == 1 ? texts[0] : fmt::format("[{}]", fmt::join(texts, ", "));
}

std::vector<double> usable(std::vector<double> stddev) {
  for (double& value : stddev)
    if (value < 1e-3) value = 1;  // a channel that is the same everywhere
  return stddev;
}

// The label of the first class: 1 where the labels of arrays begin with 1, as the names of classes
// cannot say it.
Index first_label(const PictureData& data, const Survey& survey) {
  if (data.are_pictures() || data.classes().size() < 3 || data.classes()[0] != "0") return 0;
  const auto is_used = [](const Survey::Counts& counts) { return counts != Survey::Counts{}; };
  return !is_used(survey.counts[0]) && is_used(survey.counts[1]) ? 1 : 0;
}

Index classes_of(const PictureData& data, const Survey& survey) {
  return std::ssize(data.classes()) - first_label(data, survey);
}

// Of the command that trains.
std::string needed_options(const PictureData& data, const Survey& survey) {
  std::string result;
  if (data.are_pictures() && survey.total[2] == 0) result += " --test-fraction 0.2";
  if (!survey.bad.empty()) result += " --bad-images skip";
  return result;
}

std::string header(const PictureData& data, const Survey& survey, const NewModelOptions& options) {
  const std::string path = printable(shell_path(options.data));
  const std::string file = options.file.empty() ? model_name(data.name()) + ".toml"
                                                : printable(shell_path(options.file));
  return fmt::format(
      "# A first model for {}: {} training images, {} classes.\n"
      "# Made by convoy new --data {}{}{}; every line may be changed (docs/formats.md).\n#\n"
      "#   convoy train {} --data {}{}\n\n",
      printable(data.name()), survey.readable_for_training(), classes_of(data, survey), path,
      options.size ? fmt::format(" --size {}", text(*options.size)) : "",
      options.epochs ? fmt::format(" --epochs {}", *options.epochs) : "", file, path,
      needed_options(data, survey));
}

std::string how_files_are_read(const PictureData& data, const Survey& survey) {
  if (data.are_pictures())
    return "# resize = \"stretch\"           # or \"fit\", into a black border; or \"crop\", the "
           "middle\n";
  const Index first = first_label(data, survey);
  return first == 0
             ? ""
             : fmt::format("first_label = {}               # no image has a lower one\n", first);
}

std::string input(const PictureData& data, const Extent& size, const Survey& survey) {
  return fmt::format(
      "[input]\nheight = {}\nwidth = {}\nchannels = {}{}\n{}mean = {}   # of the training images\n"
      "std = {}\n{}",
      size.height, size.width, survey.channels,
      survey.channels == 1   ? "                  # grey"
      : survey.channels == 3 ? "                  # red, green, blue"
                             : "",
      survey.are_floats ? "scale = 1.0\n"
                        : "scale = 0.00392156862745098   # 1 / 255: bytes become 0 to 1\n",
      per_channel(survey.mean), per_channel(usable(survey.stddev)),
      how_files_are_read(data, survey));
}

// The end of [input].
std::string stored(const InputFiles& keys) {
  std::string text;
  if (keys.transpose)
    text += fmt::format("transpose = {}   # whether images are stored column by column\n",
                        *keys.transpose);
  if (keys.first_label)
    text += fmt::format("first_label = {}   # that of the first class\n", *keys.first_label);
  return text + "\n";
}

std::string blocks(Extent map) {
  std::string result;
  Index filters = 32;
  for (; std::min(map.height, map.width) >= kSmallestMap;
       filters = std::min<Index>(2 * filters, 128)) {
    const Extent pooled{map.height / 2, map.width / 2};
    result += fmt::format(
        "[[layer]]                     # {} -> {}\ntype = \"conv2d\"\nfilters = {}\nkernel = 3\n"
        "padding = 1\nbias = false                  # the normalisation has one\n"
        "weight_init = \"he_normal\"\n\n[[layer]]\ntype = \"batch_norm2d\"\n"
        "activation = \"relu\"\n\n[[layer]]\ntype = \"max_pool2d\"\nsize = 2\n\n",
        text(map), text(pooled), filters);
    map = pooled;
  }
  if (result.empty())  // too small for a block
    result =
        "[[layer]]\ntype = \"dense\"\nunits = 64\nactivation = \"relu\"\n"
        "weight_init = \"he_normal\"\n\n";
  return result;
}

std::string training(const Survey& survey, const NewModelOptions& options) {
  const Index images = survey.readable_for_training();
  const Index batch = images >= 1000 ? 32 : images >= 100 ? 16 : 8;
  const Index epochs = options.epochs.value_or(std::clamp<Index>(kSamples / images, 5, 50));
  return fmt::format(
      "[loss]\ntype = \"softmax_cross_entropy\"\n\n"
      "[train]\nbatch = {}\nepochs = {}\nschedule = \"cosine\"           # down to 0 at the end\n"
      "warmup_epochs = 0.5\n\n"
      "[optimizer]\ntype = \"adamw\"\nlearning_rate = 0.002\nweight_decay = 0.01\n",
      batch, epochs);
}

}  // namespace

Extent input_size(const PictureData& data, const Survey& survey) {
  if (!data.are_pictures()) return survey.most_frequent;
  const Extent all = survey.most_frequent;
  if (survey.has_one_size && std::max(all.height, all.width) <= kLongestSide) return all;
  const auto longest = static_cast<double>(std::max(survey.median.height, survey.median.width));
  const double factor = std::min(1.0, static_cast<double>(kLongestSide) / longest);
  const auto rounded = [&](Index side) {
    const double eighths = std::round(static_cast<double>(side) * factor / 8);
    return 8 * std::max<Index>(1, static_cast<Index>(eighths));
  };
  return {rounded(survey.median.height), rounded(survey.median.width)};
}

std::string new_model(const PictureData& data, const Survey& survey,
                      const NewModelOptions& options) {
  const Extent own = input_size(data, survey);
  if (options.size && !data.are_pictures() && *options.size != own)
    throw UserError(Fault::usage, fmt::format("--size {} does not fit", text(*options.size)),
                    fmt::format("the images of {} are {}, and images of arrays are not resized",
                                data.name(), text(own)),
                    "leave --size out");
  const Extent size = options.size.value_or(own);
  std::string result = header(data, survey, options);
  result += fmt::format("name = \"{}\"\n\n", model_name(data.name()));
  result += input(data, size, survey);
  result += stored(options.keys);
  result += blocks(size);
  result += fmt::format(
      "[[layer]]                     # while training, each number is 0 with this probability\n"
      "type = \"dropout\"\nrate = 0.25\n\n"
      "[[layer]]                     # a score for each class\n"
      "type = \"dense\"\nunits = {}\nweight_init = \"xavier_uniform\"\n\n",
      classes_of(data, survey));
  return result + training(survey, options);
}

}  // namespace convoy::app
