// SPDX-License-Identifier: Apache-2.0
#include "commands/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "cli/output.hpp"
#include "report/class_scores.hpp"
#include "train/class_fit.hpp"

namespace convoy::app {

Dataset test_images(const Checkpoint& checkpoint, const TrainAndTest& data) {
  if (data.test.empty()) {
    throw UserError(
        Fault::bad_data, fmt::format("{} has no test images", data.name),
        "all of its images are for training",
        "train with --test-fraction 0.2, which keeps a fifth of the pictures for tests, or "
        "give --data DATA that has test images");
  }
  return in_classes_of(checkpoint.class_names, data.test, data.name);
}

Dataset other_test_images(const Checkpoint& checkpoint, const TrainAndTest& data) {
  const bool has_other_images = data.test.empty() && data.train.sha256() != checkpoint.data_sha256;
  if (!has_other_images) return test_images(checkpoint, data);
  write_line(fmt::format(
      "{} has no test part, so all of its images are tested; that says something where the model "
      "was trained on none of them",
      data.name));
  return in_classes_of(checkpoint.class_names, data.train, data.name);
}

namespace {

// Appends `from` to `to`.
template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), from.begin(), from.end());
  }
}

// The evaluation of all samples, in parts where the probabilities of all take too much memory and
// only top_k_hits() reads them.
struct Tested {
  Evaluation all;
  Index top_k_hits = 0;
};
Tested evaluate_all(Engine& engine, const Dataset& images, Index classes, bool with_probabilities,
                    Index top_k) {
  constexpr Index kMostNumbers = Index{1} << 26;
  std::vector<std::uint32_t> samples(static_cast<std::size_t>(images.size()));
  std::iota(samples.begin(), samples.end(), 0u);
  const Index part_size =
      top_k > 0 && !with_probabilities ? std::max<Index>(kMostNumbers / classes, 1) : images.size();
  Tested tested;
  for (Index begin = 0; begin < images.size(); begin += part_size) {
    const auto first = static_cast<std::size_t>(begin);
    const auto count = static_cast<std::size_t>(std::min(part_size, images.size() - begin));
    Evaluation part = engine.evaluate(images, std::span(samples).subspan(first, count),
                                      with_probabilities || top_k > 0);
    if (top_k > 0) {
      tested.top_k_hits +=
          top_k_hits(part.probabilities, images.labels().subspan(first, count), classes, top_k);
    }
    tested.all.metrics.correct += part.metrics.correct;
    tested.all.metrics.samples += part.metrics.samples;
    tested.all.metrics.loss += part.metrics.loss;
    append(tested.all.predictions, std::move(part.predictions));
    if (with_probabilities) append(tested.all.probabilities, std::move(part.probabilities));
  }
  return tested;
}

}  // namespace

TestResult test(const Checkpoint& checkpoint, const Dataset& images, std::string_view data_name,
                const Layout& layout, bool with_probabilities, Index top_k) {
  const Net& net = checkpoint.model.net;
  EngineOptions options = engine_options(layout, checkpoint.model.train);
  check_fit(net, {}, images, data_name);
  options.batch = largest_batch(checkpoint.model.train, images);
  if (options.device == Device::cpu) {
    // With this batch all threads have grains to evaluate, however small the training batch was.
    const Index threads =
        std::max(options.cpu.oversubscribe ? options.cpu.threads : 0, usable_cores());
    options.batch = std::max(options.batch, std::min(threads * options.grain, images.size()));
  }

  const std::unique_ptr<Communicator> communicator = alone();
  const std::unique_ptr<Engine> engine =
      make_engine(net, optimizer_of(net, checkpoint.model.train), options, *communicator);
  engine->set_state(checkpoint.state);
  Tested tested = evaluate_all(*engine, images, net.loss().classes, with_probabilities, top_k);
  Evaluation& evaluation = tested.all;

  const auto count = static_cast<double>(std::max<Index>(evaluation.metrics.samples, 1));
  return {static_cast<double>(evaluation.metrics.correct) / count,
          evaluation.metrics.loss / count,
          static_cast<double>(tested.top_k_hits) / count,
          Confusion(net.loss().classes, images.labels(), evaluation.predictions),
          std::move(evaluation.predictions),
          std::move(evaluation.probabilities),
          engine->warnings()};
}

std::string copy_in_words(const TrainSettings& train, WeightsCopy copy, std::string_view before,
                          std::string_view after) {
  if (!exists(train.average)) return "";
  const bool is_average = copy == WeightsCopy::average;
  return fmt::format("{}{}{}", before, is_average ? "average of the weights" : "trained weights",
                     after);
}

std::vector<std::string> class_names(const Checkpoint& checkpoint) {
  std::vector<std::string> names = checkpoint.class_names;
  for (Index i = static_cast<Index>(names.size()); i < checkpoint.model.net.loss().classes; ++i) {
    names.push_back(fmt::format("{}", i));
  }
  return names;
}

}  // namespace convoy::app
