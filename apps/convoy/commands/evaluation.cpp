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

constexpr Index kMostProbabilities = Index{1} << 26;  // in memory at once, for top_k_hits()

// The number of top_k_hits(), in parts where the probabilities of all samples take too much memory.
Index count_top_k(Engine& engine, const Dataset& images, std::span<const std::uint32_t> samples,
                  Index classes, Index top_k) {
  const auto part_size = static_cast<std::size_t>(std::max<Index>(kMostProbabilities / classes, 1));
  Index hits = 0;
  for (std::size_t first = 0; first < samples.size(); first += part_size) {
    const std::size_t count = std::min(part_size, samples.size() - first);
    const Evaluation part = engine.evaluate(images, samples.subspan(first, count), true);
    hits += top_k_hits(part.probabilities, images.labels().subspan(first, count), classes, top_k);
  }
  return hits;
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
  const Index classes = net.loss().classes;
  std::vector<std::uint32_t> samples(static_cast<std::size_t>(images.size()));
  std::iota(samples.begin(), samples.end(), 0u);
  // One call computes the loss, whose bits depend on the division of the samples into grains.
  const bool at_once = with_probabilities || images.size() <= kMostProbabilities / classes;
  Evaluation evaluation =
      engine->evaluate(images, samples, with_probabilities || (top_k > 0 && at_once));
  Index hits = 0;
  if (top_k > 0) {
    hits = at_once ? top_k_hits(evaluation.probabilities, images.labels(), classes, top_k)
                   : count_top_k(*engine, images, samples, classes, top_k);
  }
  if (!with_probabilities) evaluation.probabilities.clear();

  const auto count = static_cast<double>(std::max<Index>(evaluation.metrics.samples, 1));
  return {static_cast<double>(evaluation.metrics.correct) / count,
          evaluation.metrics.loss / count,
          static_cast<double>(hits) / count,
          Confusion(classes, images.labels(), evaluation.predictions),
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
