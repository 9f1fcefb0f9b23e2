// SPDX-License-Identifier: Apache-2.0
// convoy predict: the classes and probabilities of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "images/images.hpp"
#include "report/metrics.hpp"

namespace convoy::app {
namespace {

struct PredictOptions {
  std::string checkpoint;
  std::string choice;
  std::optional<WeightsCopy> weights;
  std::vector<std::string> images;
  std::optional<Index> index;
  Index top = 3;
  bool json = false;
};

std::string name_of(const Predictor& predictor, std::size_t label) {
  const std::vector<std::string>& names = predictor.class_names();
  return label < names.size() ? names[label] : fmt::format("{}", label);
}

// The most probable classes, the predicted one first.
std::vector<std::size_t> most_probable(const Prediction& prediction, Index count) {
  const std::vector<float>& p = prediction.probabilities;
  const auto label = static_cast<std::size_t>(prediction.label);
  std::vector<std::size_t> classes(p.size());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  std::stable_sort(classes.begin(), classes.end(), [&](auto a, auto b) {
    return a != b && (a == label || (b != label && p[a] > p[b]));
  });
  classes.resize(std::min(classes.size(), static_cast<std::size_t>(count)));
  return classes;
}

// "a.png: 9 Ankle boot 97.31 %, Sneaker 2.40 %, Sandal 0.20 %"
std::string line(const Predictor& predictor, const Image& image, const Prediction& prediction,
                 Index top) {
  const std::string number = fmt::format("{}", prediction.label);
  std::string text = image.file;
  if (image.index) text += fmt::format("[{}]", *image.index);
  text += fmt::format(": {}", number);
  if (prediction.name != number) text += " " + prediction.name;
  bool is_first = true;
  for (const std::size_t label : most_probable(prediction, top)) {
    if (!is_first) text += ", " + name_of(predictor, label);
    text += " " + as_percent(double{prediction.probabilities[label]});
    is_first = false;
  }
  return printable(text) + "\n";
}

Json entry(const Predictor& predictor, const Image& image, const Prediction& prediction,
           Index top) {
  Json ranking = Json::array();
  for (const std::size_t label : most_probable(prediction, top)) {
    ranking.push_back({{"class", label},
                       {"name", name_of(predictor, label)},
                       {"probability", prediction.probabilities[label]}});
  }
  return {{"file", image.file},
          {"index", image.index ? Json(*image.index) : Json(nullptr)},
          {"class", prediction.label},
          {"name", prediction.name},
          {"probabilities", prediction.probabilities},
          {"top", std::move(ranking)}};
}

void check_standard_input(const PredictOptions& options) {
  if (std::count(options.images.begin(), options.images.end(), kStandardInput) < 2) return;
  throw UserError(Fault::usage, "- is given twice", "standard input can be read once",
                  "leave one of them out");
}

int predict(const PredictOptions& options) {
  check_standard_input(options);
  FoundCheckpoint found = choose_checkpoint(options.checkpoint, options.choice);
  choose_weights(found.checkpoint, options.weights, found.file.string());
  const WeightsCopy weights = evaluated_copy(found.checkpoint);
  if (const auto run = run_in(options.checkpoint)) warn_of_lost_config(*run);
  const std::string checkpoint_file = found.file.string();
  const bool chosen = std::filesystem::is_directory(options.checkpoint);
  Predictor predictor = detail::Access::predictor(std::move(found.checkpoint), 1);
  Json images = Json::array(), errors = Json::array();
  int code = kDone;
  for (const std::string& file : options.images) {
    std::vector<Image> read;
    try {
      read = read_images(file, predictor.image_shape(), options.index);
    } catch (const Error& error) {  // of one file: continue with the others
      if (error.fault() == Fault::usage) throw;
      if (code == kDone) code = static_cast<int>(error.fault());
      write_message(error.what());
      errors.push_back(
          {{"file", file}, {"code", static_cast<int>(error.fault())}, {"message", error.what()}});
    }
    std::string text;
    for (const Image& image : read) {
      const Prediction prediction = predictor.predict(image.pixels);
      if (options.json) {
        images.push_back(entry(predictor, image, prediction, options.top));
      } else {
        text += line(predictor, image, prediction, options.top);
      }
    }
    if (!options.json) write_stdout(text);
  }
  if (options.json) {
    write_json({{"schema", "convoy.predict/1"},
                {"version", kVersion},
                {"checkpoint", options.checkpoint},
                {"file", checkpoint_file},
                {"choice", chosen ? Json(found.is_best ? "best" : "last") : Json(nullptr)},
                {"weights", to_string(weights)},
                {"class_names", predictor.class_names()},
                {"images", std::move(images)},
                {"errors", std::move(errors)}});
  }
  return code;
}

}  // namespace

void add_predict(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand("predict", "Classify pictures");
  auto options = std::make_shared<PredictOptions>();
  command->add_option("RUN|CHECKPOINT", options->checkpoint, "A run folder or a checkpoint file")
      ->required();
  add_checkpoint_choice(*command, options->choice);
  add_weights_choice(*command, options->weights);
  command
      ->add_option("IMAGE", options->images,
                   "PNG, JPEG, WebP, PGM, PPM or IDX files (plain or gzip), of the size that the "
                   "model reads; '-': standard input")
      ->required();
  command
      ->add_option("--index", options->index,
                   "Classify image number N (from 0) of an IDX file; default: all of them")
      ->check(whole_number(0))
      ->type_name("N")
      ->group(kDataGroup);
  command->add_option("--top", options->top, "Name the N most probable classes of each image")
      ->check(whole_number(1))
      ->type_name("N")
      ->capture_default_str()
      ->group(kOutputGroup);
  command->add_flag("--json", options->json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command->footer(
      "Pixel values are not inverted, so light and dark must be as in the training images\n"
      "(white on black for mnist and fashion-mnist). If a file cannot be used, it is named on\n"
      "stderr and the others are predicted; the exit code is that of the first such file (65: bad\n"
      "data, 66: not found, 74: cannot be read).\n\n"
      "Examples:\n  convoy predict runs/a shoe.png shirt.pgm\n"
      "  convoy predict runs/a t10k-images-idx3-ubyte.gz --index 7 --json\n"
      "  convoy predict runs/a - --top 5 <shoe.png");
  command->callback([options, &action] { action = [options] { return predict(*options); }; });
}

}  // namespace convoy::app
