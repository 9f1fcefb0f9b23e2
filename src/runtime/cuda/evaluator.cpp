// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/evaluator.hpp"

#include <algorithm>

namespace convoy::cuda {
namespace {

constexpr Index kMostBytes = Index{256} << 20, kMostSamples = 1024;  // at a time

}  // namespace

void Evaluator::prepare() {
  const Index bytes = shared_.plan->workspace_floats() * Index{sizeof(float)};
  at_a_time_ = std::clamp<Index>(kMostBytes / bytes, 1, kMostSamples);
  program_.emplace(gpu_, shared_, at_a_time_, Division::batch, DeviceProgram::Use::evaluation,
                   at_a_time_);
  run_ = {gpu_, 1, "the state of a run"};
  order_ = {gpu_, at_a_time_, "the order of samples"};
  predictions_.resize(static_cast<std::size_t>(at_a_time_));
}

void Evaluator::score(const Images& images, int generation, std::span<const std::uint32_t> samples,
                      const Scores& scores) {
  if (samples.empty()) return;
  if (!program_) prepare();
  const Index classes = shared_.plan->net().loss().classes;
  const auto size = static_cast<Index>(samples.size());
  for (Index begin = 0; begin < size; begin += at_a_time_) {
    const Index count = std::min(at_a_time_, size - begin);
    score_some(images, generation,
               samples.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
               {scores.losses + begin, scores.hits + begin, scores.predictions + begin,
                scores.probabilities ? scores.probabilities + begin * classes : nullptr});
  }
}

void Evaluator::score_some(const Images& images, int generation,
                           std::span<const std::uint32_t> samples, const Scores& scores) {
  const auto count = static_cast<Index>(samples.size());
  order_.write(gpu_, samples.data(), count);
  Run run;
  run.input.images = images;
  run.input.order = order_.data();
  run.input.batch = run.input.full.batch = run.input.full.samples = static_cast<int>(count);
  run.input.samples = count;
  run.current = generation;
  run_.write(gpu_, &run, 1);
  for (int code = 0; code < program_->forward_codes(); ++code) {
    program_->launch_code(code, run_.data());
  }
  program_->losses().read(gpu_, scores.losses, count);
  program_->hits().read(gpu_, scores.hits, count);
  program_->predictions().read(gpu_, predictions_.data(), count);
  if (scores.probabilities) {
    program_->probabilities().read(gpu_, scores.probabilities,
                                   count * shared_.plan->net().loss().classes);
  }
  gpu_.wait();
  std::transform(predictions_.begin(), predictions_.begin() + static_cast<std::ptrdiff_t>(count),
                 scores.predictions, [](int n) { return static_cast<std::uint16_t>(n); });
}

}  // namespace convoy::cuda
