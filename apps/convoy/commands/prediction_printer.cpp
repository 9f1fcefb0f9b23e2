// SPDX-License-Identifier: Apache-2.0
#include "commands/prediction_printer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "report/metrics.hpp"
#include "report/table.hpp"

namespace convoy::app {
namespace {

double fraction(const Hits& hits) {
  return static_cast<double>(hits.right) / static_cast<double>(hits.images);
}

// "accuracy 93.10 % (931 of 1,000 images whose class is known)"
std::string accuracy_line(const Hits& hits) {
  return fmt::format("accuracy {} ({} of {} whose class is known)\n", as_percent(fraction(hits)),
                     with_commas(hits.right),
                     hits.images == 1 ? "1 image" : with_commas(hits.images) + " images");
}

// The most probable classes, the predicted one first.
std::vector<std::size_t> most_probable(const ImagePrediction& prediction, Index count) {
  const std::span<const float> p = prediction.probabilities;
  const auto label = static_cast<std::size_t>(prediction.label);
  std::vector<std::size_t> classes(p.size());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  std::stable_sort(classes.begin(), classes.end(), [&](auto a, auto b) {
    return a != b && (a == label || (b != label && p[a] > p[b]));
  });
  classes.resize(std::min(classes.size(), static_cast<std::size_t>(count)));
  return classes;
}

class Names {
 public:
  explicit Names(std::vector<std::string> names) : names_(std::move(names)) {}
  // The name of a class, or its number where it has none.
  std::string of(std::size_t label) const {
    return label < names_.size() ? names_[label] : fmt::format("{}", label);
  }

 private:
  std::vector<std::string> names_;
};

// "a.png: 9 Ankle boot 97.31 %, Sneaker 2.40 %, Sandal 0.20 %"
class Lines final : public PredictionPrinter {
 public:
  Lines(Names names, Index top) : names_(std::move(names)), top_(top) {}

  void add(const ImagePrediction& prediction) override {
    const Image& image = prediction.image;
    const std::string number = fmt::format("{}", prediction.label);
    std::string line = image.file;
    if (image.index) line += fmt::format("[{}]", *image.index);
    line += fmt::format(": {}", number);
    const std::string name = names_.of(static_cast<std::size_t>(prediction.label));
    if (name != number) line += " " + name;
    bool is_first = true;
    for (const std::size_t label : most_probable(prediction, top_)) {
      if (!is_first) line += ", " + names_.of(label);
      line += " " + as_percent(double{prediction.probabilities[label]});
      is_first = false;
    }
    if (image.truth && *image.truth != prediction.label)
      line += fmt::format("; it is {}", names_.of(static_cast<std::size_t>(*image.truth)));
    text_ += printable(line) + "\n";
  }

  void end(const std::vector<UnusedFile>& /*unused*/, const Hits& hits) override {
    if (hits.images > 0) text_ += accuracy_line(hits);
    flush();
  }

 private:
  Names names_;
  Index top_;
};

// Lines of RFC 4180 that end with a line feed, as programs on this system expect it.
class Csv final : public PredictionPrinter {
 public:
  Csv(Names names, Index top) : names_(std::move(names)), top_(top) {
    text_ = "file,index,class,name,probability,truth";
    for (Index i = 2; i <= top; ++i) text_ += fmt::format(",class_{0},name_{0},probability_{0}", i);
    text_ += "\n";
  }

  void add(const ImagePrediction& prediction) override {
    const Image& image = prediction.image;
    text_ += csv_field(printable(image.file)) + ",";
    if (image.index) text_ += fmt::format("{}", *image.index);
    bool is_first = true;
    for (const std::size_t label : most_probable(prediction, top_)) {
      text_ += fmt::format(",{},{},{}", label, csv_field(printable(names_.of(label))),
                           prediction.probabilities[label]);
      if (std::exchange(is_first, false))
        text_ += image.truth ? fmt::format(",{}", *image.truth) : std::string(",");
    }
    text_ += "\n";
  }

  void end(const std::vector<UnusedFile>& /*unused*/, const Hits& hits) override {
    flush();
    if (hits.images > 0) write_stderr(accuracy_line(hits));
  }

 private:
  Names names_;
  Index top_;
};

// One member of a JSON document, as text. (File names need not be UTF-8; JSON must be.)
std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class JsonDocument final : public PredictionPrinter {
 public:
  JsonDocument(Names names, Index top, const Json& head) : names_(std::move(names)), top_(top) {
    text_ = printable_json(text_of(head));
    text_.back() = ',';
    text_ += "\"images\":[";
  }

  void add(const ImagePrediction& prediction) override {
    const Image& image = prediction.image;
    Json ranking = Json::array();
    for (const std::size_t label : most_probable(prediction, top_)) {
      ranking.push_back({{"class", label},
                         {"name", names_.of(label)},
                         {"probability", prediction.probabilities[label]}});
    }
    if (std::exchange(has_images_, true)) text_ += ",";
    text_ +=
        printable_json(text_of({{"file", image.file},
                                {"index", image.index ? Json(*image.index) : Json(nullptr)},
                                {"truth", image.truth ? Json(*image.truth) : Json(nullptr)},
                                {"class", prediction.label},
                                {"name", names_.of(static_cast<std::size_t>(prediction.label))},
                                {"probabilities", prediction.probabilities},
                                {"top", std::move(ranking)}}));
  }

  void end(const std::vector<UnusedFile>& unused, const Hits& hits) override {
    Json errors = Json::array();
    for (const UnusedFile& file : unused) {
      errors.push_back(
          {{"file", file.file}, {"code", static_cast<int>(file.fault)}, {"message", file.message}});
    }
    text_ += printable_json(
        fmt::format("],\"errors\":{},\"accuracy\":{},\"accuracy_images\":{}}}\n", text_of(errors),
                    text_of(hits.images > 0 ? Json(fraction(hits)) : Json(nullptr)), hits.images));
    flush();
  }

 private:
  Names names_;
  Index top_;
  bool has_images_ = false;
};

}  // namespace

void PredictionPrinter::flush() {
  write_stdout(text_);
  text_.clear();
}

std::unique_ptr<PredictionPrinter> print_lines(std::vector<std::string> class_names, Index top) {
  return std::make_unique<Lines>(Names(std::move(class_names)), top);
}

std::unique_ptr<PredictionPrinter> print_csv(std::vector<std::string> class_names, Index top) {
  return std::make_unique<Csv>(Names(std::move(class_names)), top);
}

std::unique_ptr<PredictionPrinter> print_json(std::vector<std::string> class_names, Index top,
                                              const Json& head) {
  return std::make_unique<JsonDocument>(Names(std::move(class_names)), top, head);
}

}  // namespace convoy::app
