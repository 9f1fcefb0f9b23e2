// SPDX-License-Identifier: Apache-2.0
#include "train/data_fit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.hpp"
#include "data/labels.hpp"

namespace convoy {
namespace {

void check_shape(const Net& net, const Dataset& data, std::string_view part,
                 std::string_view data_name) {
  const Shape shape = data.image_shape();
  if (data.empty() || shape == net.input()) return;
  throw UserError(
      Fault::bad_data,
      fmt::format("model {} does not fit the {} images of {}", net.name(), part, data_name),
      fmt::format("its input is {}, but the images are {} (height x width x channels)",
                  to_string(net.input()), to_string(shape)),
      fmt::format("choose another model or data set, or set input.height={}, input.width={} and "
                  "input.channels={}",
                  shape.height, shape.width, shape.channels));
}

// "the training labels of digits (digits/train-labels-idx1-ubyte)"
std::string labels_of(const Dataset& data, std::string_view part, std::string_view data_name) {
  std::string text = fmt::format("the {} labels of {}", part, data_name);
  if (!data.label_file().empty()) text += fmt::format(" ({})", data.label_file().string());
  return text;
}

void check_labels(const Net& net, const Dataset& data, std::string_view part,
                  std::string_view data_name) {
  const Index outputs = net.loss().classes;
  const auto is_beyond = [&](Label label) { return Index{label} >= outputs; };
  const auto labels = data.labels();
  const auto first = std::ranges::find_if(labels, is_beyond);
  if (first == labels.end()) return;
  const auto beyond = std::ranges::count_if(labels, is_beyond);
  const std::string doubt = doubts_about_labels(labels);
  const std::string others = beyond == 1
                                 ? fmt::format("no other label is above {}", outputs - 1)
                                 : fmt::format("{} labels are above {}", beyond, outputs - 1);
  // A few labels out of range are damage; many are another set of classes.
  constexpr std::ptrdiff_t kWild = 100;
  const std::string outputs_wanted =
      fmt::format("set the outputs of the model's last layer to {}", data.classes());
  std::string remedy = outputs_wanted + ", or choose another data set";
  if (doubt.starts_with("label 0 never")) {
    remedy = fmt::format("number the classes from 0, or {}", outputs_wanted);
  } else if (beyond * kWild <= std::ssize(labels) || beyond == 1) {
    remedy = fmt::format("correct that label, or {}", outputs_wanted);
  }
  throw UserError(
      Fault::bad_data,
      fmt::format("{} do not fit model {}, which has {} outputs", labels_of(data, part, data_name),
                  net.name(), outputs),
      fmt::format("sample {} has label {}, counted from 0; {}{}{}", first - labels.begin(), *first,
                  others, doubt.empty() ? "" : "; ", doubt),
      remedy);
}

void check_classes(const Net& net, const Dataset& data, std::string_view data_name) {
  const Index outputs = net.loss().classes;
  if (data.classes() <= outputs) return;
  throw UserError(
      Fault::bad_data, fmt::format("model {} does not fit {}", net.name(), data_name),
      fmt::format("it has {} outputs, but the data set has {} classes", outputs, data.classes()),
      fmt::format("set the outputs of the model's last layer to {}, or choose another data set",
                  data.classes()));
}

}  // namespace

DataOptions data_options(const ModelFile& model, double validation) {
  DataOptions options;
  options.input = model.net.input();
  options.resize = model.files.resize.value_or(options.resize);
  options.validation = validation;
  options.seed = model.train.seed;
  options.transpose = model.files.transpose;
  options.first_label = model.files.first_label;
  options.scale = model.net.normalization().scale;
  return options;
}

void check_fit(const Net& net, const Dataset& train, const Dataset& test,
               std::string_view data_name) {
  check_shape(net, train, "training", data_name);
  check_shape(net, test, "test", data_name);
  // Both checks come before that of the number of classes, which both parts share, so that the
  // message names the part at fault.
  check_labels(net, train, "training", data_name);
  check_labels(net, test, "test", data_name);
  check_classes(net, train, data_name);
  check_classes(net, test, data_name);
}

Index largest_batch(const TrainSettings& settings, const Dataset& train) {
  return std::clamp<Index>(train.size(), 1, settings.batch);
}

std::vector<std::string> label_warnings(const TrainAndTest& data) {
  if (data.train.empty()) return {};
  std::vector<std::string> warnings;
  if (const std::string doubt = doubts_about_labels(data.train.labels()); !doubt.empty()) {
    warnings.push_back(fmt::format("{}: {}", labels_of(data.train, "training", data.name), doubt));
  }
  const std::vector<bool> known = occurring_labels(data.train.labels());
  const std::vector<bool> asked = occurring_labels(data.test.labels());
  std::vector<std::size_t> unknown;
  for (std::size_t label = 0; label < asked.size(); ++label) {
    if (asked[label] && !(label < known.size() && known[label])) unknown.push_back(label);
  }
  if (!unknown.empty()) {
    constexpr std::size_t kMost = 8;
    const std::size_t more = unknown.size() - std::min(unknown.size(), kMost);
    unknown.resize(unknown.size() - more);
    warnings.push_back(fmt::format(
        "{} hold {} {}{}, which no training sample has: the model can't learn it",
        labels_of(data.test, "test", data.name), unknown.size() + more == 1 ? "label" : "labels",
        fmt::join(unknown, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
  }
  return warnings;
}

}  // namespace convoy
