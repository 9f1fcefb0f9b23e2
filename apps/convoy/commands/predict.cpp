// SPDX-License-Identifier: Apache-2.0
// convoy predict: the classes and probabilities of pictures.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <span>
#include <utility>
#include <variant>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/prediction_printer.hpp"
#include "images/image_reader.hpp"
#include "images/scale_check.hpp"
#include "images/standard_input.hpp"

namespace convoy::app {
namespace {

enum class Form { lines, csv, json };

struct PredictOptions {
  std::string checkpoint;
  std::string choice;
  std::optional<WeightsCopy> weights;
  std::vector<std::string> images;
  std::optional<Index> index;
  bool invert = false;
  int threads = 0;
  std::optional<Index> top;
  bool csv = false;
  bool json = false;

  Form form() const { return json ? Form::json : csv ? Form::csv : Form::lines; }
};

void check_options(const PredictOptions& options) {
  if (options.csv && options.json)
    throw UserError(Fault::usage, "--csv with --json", "each of them prints all of stdout",
                    "leave one of them out");
  if (std::count(options.images.begin(), options.images.end(), kStandardInput) < 2) return;
  throw UserError(Fault::usage, "- is given twice", "standard input can be read once",
                  "leave one of them out");
}

// The classes by which folders are known: their names, or else their numbers.
std::vector<std::string> names_of_folders(const Predictor& predictor) {
  std::vector<std::string> names = predictor.class_names();
  for (auto label = static_cast<Index>(names.size()); label < predictor.outputs(); ++label)
    names.push_back(fmt::format("{}", label));
  return names;
}

// Images that are predicted together.
class Batch {
 public:
  Batch(Predictor& predictor, PredictionPrinter& printer)
      : predictor_(predictor), printer_(printer) {}

  void add(Image image) {
    const bool is_float = !image.pixels.floats.empty();
    if (is_float != !floats_.empty()) predict();  // those before it
    append(image.pixels.bytes, bytes_);
    append(image.pixels.floats, floats_);
    image.pixels = {};
    images_.push_back(std::move(image));
    if (images_.size() == kMost || std::max(bytes_.size(), floats_.size()) >= kMostNumbers)
      predict();
  }

  void predict() {
    const auto classes = static_cast<std::size_t>(predictor_.outputs());
    labels_.resize(images_.size());
    probabilities_.resize(images_.size() * classes);
    if (floats_.empty()) {
      predictor_.predict(bytes_, labels_, probabilities_);
    } else {
      predictor_.predict_f32(floats_, labels_, probabilities_);
    }
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const auto& truth = images_[i].truth;
      if (truth) ++hits_.images;
      if (truth == labels_[i]) ++hits_.right;
      printer_.add({.image = images_[i],
                    .label = labels_[i],
                    .probabilities = std::span(probabilities_).subspan(i * classes, classes)});
    }
    printer_.flush();
    images_.clear();
    bytes_.clear();
    floats_.clear();
  }

  const Hits& hits() const { return hits_; }

 private:
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostNumbers = std::size_t{64} << 20;

  template <class T>
  static void append(const std::vector<T>& more, std::vector<T>& all) {
    all.insert(all.end(), more.begin(), more.end());
  }

  Predictor& predictor_;
  PredictionPrinter& printer_;
  std::vector<Image> images_;
  std::vector<std::uint8_t> bytes_;  // of all images, or else
  std::vector<float> floats_;
  std::vector<Index> labels_;
  std::vector<float> probabilities_;
  Hits hits_;
};

std::unique_ptr<PredictionPrinter> printer_for(const PredictOptions& options,
                                               const Predictor& predictor, const Json& head) {
  constexpr Index kUsualTop = 3;
  const Index top = std::min(options.top.value_or(options.form() == Form::csv ? 1 : kUsualTop),
                             predictor.outputs());
  switch (options.form()) {
    case Form::csv:
      return print_csv(predictor.class_names(), top);
    case Form::json:
      return print_json(predictor.class_names(), top, head);
    case Form::lines:
      break;
  }
  return print_lines(predictor.class_names(), top);
}

int predict(const PredictOptions& options) {
  check_options(options);
  FoundCheckpoint found = choose_checkpoint(options.checkpoint, options.choice);
  choose_weights(found.checkpoint, options.weights, found.file.string());
  const WeightsCopy weights = evaluated_copy(found.checkpoint);
  if (const auto run = run_in(options.checkpoint)) warn_of_lost_config(*run);
  const bool chosen = std::filesystem::is_directory(options.checkpoint);
  const InputFiles files = found.checkpoint.model.files;
  const DataOptions data = data_options(found.checkpoint.model);
  ScaleCheck scale(found.checkpoint.model.net.normalization());
  Predictor predictor = detail::Access::predictor(std::move(found.checkpoint), options.threads);
  const auto printer =
      printer_for(options, predictor,
                  {{"schema", "convoy.predict/1"},
                   {"version", kVersion},
                   {"checkpoint", options.checkpoint},
                   {"file", found.file.string()},
                   {"choice", chosen ? Json(found.is_best ? "best" : "last") : Json(nullptr)},
                   {"weights", to_string(weights)},
                   {"class_names", predictor.class_names()}});
  ImageReader reader(options.images, {.rule = {.shape = predictor.image_shape(),
                                               .resize = files.resize.value_or(Resize::stretch),
                                               .transpose = files.transpose,
                                               .invert = options.invert},
                                      .index = options.index,
                                      .class_names = names_of_folders(predictor),
                                      .threads = predictor.threads(),
                                      .data = data,
                                      .are_classes_named = !predictor.class_names().empty()});
  Batch batch(predictor, *printer);
  std::vector<UnusedFile> unused;
  while (auto item = reader.next()) {
    if (auto* image = std::get_if<Image>(&*item)) {
      if (const auto doubt = scale.doubt(*image)) write_warning(*doubt);
      batch.add(std::move(*image));
    } else {
      unused.push_back(std::get<UnusedFile>(std::move(*item)));
      write_message(unused.back().message);
    }
  }
  batch.predict();
  printer->end(unused, batch.hits());
  for (const std::string& note : reader.notes()) write_warning(note);
  return unused.empty() ? kDone : static_cast<int>(unused.front().fault);
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
                   "Pictures of any size (PNG, JPEG, WebP, PGM, PPM), files of many images (IDX, "
                   ".npy, .npz, CIFAR), folders of pictures, CSV and TSV lists of them, the test "
                   "images of a data set (its name, or a folder of arrays); '-': standard input")
      ->required();
  command
      ->add_option("--index", options->index,
                   "Classify image number N (from 0) of a file of many images; default: all of "
                   "them")
      ->check(whole_number(0))
      ->type_name("N")
      ->group(kDataGroup);
  command
      ->add_flag("--invert", options->invert,
                 "Turn light and dark round (v becomes 255 - v), for dark drawings on light paper "
                 "where the training images are light on dark")
      ->group(kDataGroup);
  command
      ->add_option("--threads", options->threads,
                   "Number of threads that decode and compute, which never changes a result; "
                   "default: OMP_NUM_THREADS, else the cores that this process may use")
      ->check(whole_number(1, std::numeric_limits<int>::max()))
      ->type_name("N")
      ->group("Layout");
  command
      ->add_option("--top", options->top,
                   "Name the N most probable classes of each image; default: 3, with --csv 1")
      ->check(whole_number(1))
      ->type_name("N")
      ->group(kOutputGroup);
  command
      ->add_flag("--csv", options->csv,
                 "Print a table on stdout: file,index,class,name,probability,truth")
      ->group(kOutputGroup);
  command->add_flag("--json", options->json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command->footer(
      "A picture of another size than the model's input is resized. Light and dark must be as in\n"
      "the training images (white on black for mnist and fashion-mnist): Convoy does not guess "
      "it,\n"
      "and --invert turns them round. In a folder all pictures are read, also those of folders in\n"
      "it, in the order of their names; where these folders are called as the classes, the last\n"
      "line says how many images were predicted right. So it does where a CSV or TSV list, an "
      ".npz\n"
      "or CIFAR file, or a data set has the labels. If a file cannot be used, it is named on\n"
      "stderr and the others are predicted; the exit code is that of the first such file (2: "
      "--index\n"
      "does not fit, 65: bad data, 66: not found, 69: this build cannot read it, 74: cannot be\n"
      "read).\n\n"
      "Examples:\n  convoy predict runs/a shoe.png shirt.jpg\n"
      "  convoy predict runs/a photos --csv >photos.csv\n"
      "  convoy predict runs/a mnist --top 1\n"
      "  convoy predict runs/a t10k-images-idx3-ubyte.gz --index 7 --json\n"
      "  convoy predict runs/a - --top 5 --invert <scan.png");
  command->callback([options, &action] { action = [options] { return predict(*options); }; });
}

}  // namespace convoy::app
