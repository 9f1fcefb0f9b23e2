// SPDX-License-Identifier: Apache-2.0
// convoy predict: classes and probabilities of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "commands.hpp"
#include "convoy/report/metrics.hpp"
#include "exit_codes.hpp"
#include "help.hpp"
#include "images.hpp"
#include "options.hpp"
#include "output.hpp"

namespace convoy::app {
namespace {

struct PredictOptions {
  std::string checkpoint;
  std::string choice;
  std::vector<std::string> images;
  std::optional<Index> index;
  bool json = false;
};

std::string name_of(const Predictor& predictor, Index label) {
  const std::vector<std::string>& names = predictor.class_names();
  const auto at = static_cast<std::size_t>(label);
  return at < names.size() ? names[at] : fmt::format("{}", label);
}

// "a.png: 9 Ankle boot 97.31 %, Sneaker 2.40 %, Sandal 0.20 %"
std::string line(const Predictor& predictor, const Image& image, const Prediction& prediction) {
  const std::vector<float>& p = prediction.probabilities;
  std::vector<std::size_t> others(p.size());
  std::iota(others.begin(), others.end(), std::size_t{0});
  std::erase(others, static_cast<std::size_t>(prediction.label));
  std::stable_sort(others.begin(), others.end(), [&](auto a, auto b) { return p[a] > p[b]; });
  if (others.size() > 2) others.resize(2);

  const std::string number = fmt::format("{}", prediction.label);
  std::string text = image.file.string();
  if (image.index) text += fmt::format("[{}]", *image.index);
  text += fmt::format(": {}", number);
  if (prediction.name != number) text += " " + prediction.name;
  text += " " + as_percent(double{p[static_cast<std::size_t>(prediction.label)]});
  for (const std::size_t other : others) {
    text += fmt::format(", {} {}", name_of(predictor, static_cast<Index>(other)),
                        as_percent(double{p[other]}));
  }
  return printable(text) + "\n";
}

int predict(const PredictOptions& options) {
  FoundCheckpoint found = choose_checkpoint(options.checkpoint, options.choice);
  const std::string checkpoint_file = found.file.string();
  const bool chosen = std::filesystem::is_directory(options.checkpoint);
  Predictor predictor(std::move(found.checkpoint));
  Json images = Json::array();
  for (const std::string& file : options.images) {
    std::string text;
    for (const Image& image : read_images(file, predictor.image_shape(), options.index)) {
      const Prediction prediction = predictor.predict(image.pixels);
      if (!options.json) {
        text += line(predictor, image, prediction);
        continue;
      }
      images.push_back({{"file", image.file.string()},
                        {"index", image.index ? Json(*image.index) : Json(nullptr)},
                        {"class", prediction.label},
                        {"name", prediction.name},
                        {"probabilities", prediction.probabilities}});
    }
    if (!options.json) write_stdout(text);
  }
  if (options.json) {
    write_json({{"schema", "convoy.predict/1"},
                {"version", kVersion},
                {"checkpoint", options.checkpoint},
                {"file", checkpoint_file},
                {"choice", chosen ? Json(found.is_best ? "best" : "last") : Json(nullptr)},
                {"class_names", predictor.class_names()},
                {"images", std::move(images)}});
  }
  return kDone;
}

}  // namespace

void add_predict(CLI::App& app, std::function<int()>& action) {
  CLI::App* command = app.add_subcommand("predict", "Classes and probabilities of pictures");
  auto options = std::make_shared<PredictOptions>();
  command->add_option("RUN|CHECKPOINT", options->checkpoint, "A run folder or a checkpoint file")
      ->required();
  add_checkpoint_choice(*command, options->choice);
  command
      ->add_option("IMAGE", options->images,
                   "PNG, PGM, PPM or IDX (plain or gzip) files, of the size that the model reads")
      ->required();
  command
      ->add_option("--index", options->index,
                   "Image number N (from 0) of an IDX file; default: all of them")
      ->check(whole_number(0))
      ->type_name("N")
      ->group(kDataGroup);
  command->add_flag("--json", options->json, "One JSON document on stdout")->group(kOutputGroup);
  command->footer(
      "Bytes are taken as they are, so light and dark have to be as in the training images\n"
      "(white on black for mnist and fashion-mnist).\n\n"
      "Examples:\n  convoy predict runs/a shoe.png shirt.pgm\n"
      "  convoy predict runs/a t10k-images-idx3-ubyte.gz --index 7 --json");
  command->callback([options, &action] { action = [options] { return predict(*options); }; });
}

}  // namespace convoy::app
