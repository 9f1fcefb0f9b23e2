// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/runs.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/digest.hpp"
#include "data/order.hpp"
#include "data/synthetic.hpp"
#include "tests/parallel/thread_communicator.hpp"
#include "tests/plan/random_net.hpp"
#include "train/checkpoint.hpp"

namespace convoy::test {
namespace {

std::string hex(std::span<const std::byte> bytes) {
  return sha256(bytes).substr(0, 16);
}

}  // namespace

int RunLayout::ranks() const {
  return std::accumulate(domains.begin(), domains.end(), 0);
}

std::string describe(const RunLayout& layout) {
  const auto word = [](Parallelism threads_by) {
    return threads_by == Parallelism::data ? "data" : "tensor";
  };
  return fmt::format("ranks of memory domains [{}] by {} ({}), {} threads by {} on {}{}",
                     fmt::join(layout.domains, " "), word(layout.ranks_by),
                     to_string(layout.reduction), layout.threads, word(layout.threads_by),
                     layout.isa, layout.fuse ? "" : ", not fused");
}

RunLayout random_layout(Random& random) {
  static const std::vector<std::string> isas = available_isas();
  static constexpr int threads[] = {1, 2, 3, 4, 8};
  RunLayout layout;
  layout.threads = threads[random.pick(0, 4)];
  layout.threads_by = random.chance(50) ? Parallelism::data : Parallelism::tensor;
  layout.isa = isas[static_cast<std::size_t>(random.pick(0, static_cast<Index>(isas.size()) - 1))];
  layout.fuse = random.chance(70);
  return layout;
}

RunLayout random_layout_of_ranks(Random& random) {
  RunLayout layout = random_layout(random);
  layout.threads = static_cast<int>(random.pick(1, 3));
  layout.ranks_by = random.chance(50) ? Parallelism::data : Parallelism::tensor;
  const auto ranks = static_cast<int>(random.pick(1, 5));
  layout.domains.clear();
  if (random.chance(30)) {
    layout.domains.assign(static_cast<std::size_t>(ranks), 1);
  } else if (layout.ranks_by == Parallelism::tensor || random.chance(50)) {
    layout.domains.push_back(ranks);
  } else {
    for (int left = ranks; left > 0; left -= layout.domains.back()) {
      layout.domains.push_back(static_cast<int>(random.pick(1, left)));
    }
  }
  if (layout.ranks_by == Parallelism::data && random.chance(30)) layout.reduction = Reduction::root;
  return layout;
}

Machine::Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout) {
  make_engine(problem, sizes, layout);
}

Machine::Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                 Communicator& rank)
    : communicator(rank) {
  make_engine(problem, sizes, layout);
}

void Machine::make_engine(const Problem& problem, const Sizes& sizes, const RunLayout& layout) {
  EngineOptions options;
  options.cpu.threads = layout.threads;
  options.cpu.threads_by = layout.threads_by;
  options.ranks_by = layout.ranks_by;
  options.reduction = layout.reduction;
  options.cpu.oversubscribe = true;
  options.cpu.isa = layout.isa;
  options.cpu.fuse = layout.fuse;
  options.timeline = layout.timeline;
  options.batch = sizes.batch;
  options.grain = sizes.grain;
  options.device = layout.device;
  options.gpu.launching = layout.launching;
  options.gpu.steps_per_launch = layout.steps_per_launch;
  engine = convoy::make_engine(problem.net, problem.net_optimizer(), options, communicator);
}

namespace {

// The images of `data` as floats, the last one first in their source. All operations are exact, so
// the caller's rounding mode has no effect.
Dataset as_floats(const Dataset& data, Pixels pixels) {
  const auto floats = std::make_shared<std::vector<float>>();
  std::vector<std::uint32_t> samples;
  for (Index i = data.size(); i-- > 0;) {
    samples.push_back(static_cast<std::uint32_t>(i));
    for (const std::uint8_t byte : data.image(i))
      floats->push_back(pixels == Pixels::floats ? 1.375F * byte - 20.25F : byte);
  }
  return {Source{PixelType::f32, data.image_shape(), data.size(), floats->data(), floats},
          std::move(samples),
          {data.labels().begin(), data.labels().end()},
          data.classes()};
}

}  // namespace

Dataset data_for(const Problem& problem, Index samples) {
  const Index classes = problem.net.loss().classes;
  const Dataset data = synthetic(SyntheticPart::train, samples, problem.net.input(), classes);
  if (problem.pixels != Pixels::bytes) return as_floats(data, problem.pixels);
  if (classes <= 256) return data;
  std::vector<Label> labels;
  for (const Label label : data.labels()) labels.push_back(static_cast<Label>(classes - 1 - label));
  return {data.image_shape(), std::vector(data.pixels().begin(), data.pixels().end()),
          std::move(labels), classes};
}

ModelState initial_state(const Problem& problem) {
  return {initial_parameters(problem.net, 5), {}};
}

StepRangeResult run_steps(Engine& engine, const Problem& problem, const Dataset& data, Index batch,
                          Range steps, const std::atomic<bool>* stop,
                          std::span<const std::uint32_t> order) {
  std::vector<std::uint32_t> all(static_cast<std::size_t>(data.size()));
  std::iota(all.begin(), all.end(), 0U);
  const std::vector<float> rates(static_cast<std::size_t>(steps.size()), problem.rate);
  StepRange step_range;
  step_range.data = &data;
  step_range.order = order.empty() ? std::span<const std::uint32_t>(all) : order;
  step_range.steps = steps;
  step_range.batch = batch;
  step_range.learning_rates = rates;
  step_range.stop = stop;
  return engine.run(step_range);
}

namespace {

// The progress of a training.
struct Progress {
  int epoch = 1;
  Index step = 0;
  StepMetrics epoch_sums;
  ModelState state;
  std::string losses;  // of the epochs done
  bool finite = true;
};

ModelState copy(const ModelState& state) {
  const auto copied = [](const Buffer<float>& from) {
    Buffer<float> to(from.size());
    std::copy_n(from.data(), from.size(), to.data());
    return to;
  };
  ModelState result{copied(state.parameters), {}};
  for (const Buffer<float>& slot : state.slots) result.slots.push_back(copied(slot));
  return result;
}

// Continues the training on one rank until it is done or stopped.
class Rank {
 public:
  Rank(const Problem& problem, const Sizes& sizes, const Run& run, const RunLayout& layout,
       Communicator& communicator, Random cuts)
      : problem_(problem),
        sizes_(sizes),
        run_(run),
        machine_(problem, sizes, layout, communicator),
        cuts_(cuts),
        data_(data_for(problem, sizes.samples)) {
    Index until_stop = cuts_.pick(1, 4);
    const bool stops = run.stops && communicator.rank() == cuts_.pick(0, communicator.size() - 1);
    machine_.communicator.before_reduce = [this, stops, until_stop]() mutable {
      if (stops && --until_stop == 0) stop_ = true;
    };
  }

  void go_on(Progress& now) {
    machine_.engine->set_state(now.state);
    const Index steps = (sizes_.samples + sizes_.batch - 1) / sizes_.batch;
    while (now.epoch <= run_.epochs) {
      const auto order = epoch_order({}, sizes_.samples, 3, now.epoch);
      while (now.step < steps) {
        const StepRangeResult result = run_step_range(now, order, steps);
        if (result.outcome == Outcome::not_finite) return void(now.finite = false);
        if (result.outcome == Outcome::stopped) {
          EXPECT_GT(result.steps_done, 0);
          return void(now.state = machine_.engine->state());
        }
      }
      EXPECT_EQ(now.epoch_sums.samples, sizes_.samples);
      now.losses += fmt::format(" {:a} {}", now.epoch_sums.loss, now.epoch_sums.correct);
      now.epoch_sums = {};
      now.step = 0;
      ++now.epoch;
    }
    now.state = machine_.engine->state();
  }

 private:
  StepRangeResult run_step_range(Progress& now, const std::vector<std::uint32_t>& order,
                                 Index steps) {
    StepRange step_range;
    step_range.data = &data_;
    step_range.order = order;
    step_range.steps = {now.step, cuts_.pick(now.step + 1, steps)};
    step_range.first_step = (now.epoch - 1) * steps;
    step_range.batch = sizes_.batch;
    std::vector<float> rates;  // halved and doubled: exact in any rounding mode
    for (Index s = now.step; s < step_range.steps.end; ++s) {
      rates.push_back(s % 3 == 0   ? problem_.rate
                      : s % 3 == 1 ? problem_.rate / 2
                                   : problem_.rate * 2);
    }
    step_range.learning_rates = rates;
    step_range.stop = &stop_;
    step_range.before = now.epoch_sums;
    step_range.seed = 7;
    step_range.epoch = static_cast<std::uint32_t>(now.epoch);
    const StepRangeResult result = machine_.engine->run(step_range);
    now.epoch_sums = result.total;
    now.epoch_sums.flags = 0;
    now.step += result.steps_done;
    EXPECT_TRUE(result.outcome != Outcome::finished || now.step == step_range.steps.end);
    return result;
  }

  const Problem& problem_;
  const Sizes sizes_;
  const Run run_;
  Machine machine_;
  Random cuts_;
  const Dataset data_;
  std::atomic<bool> stop_{false};
};

std::string describe(const Problem& problem, const Progress& now, Index steps) {
  if (!now.finite) return "not finite";
  return fmt::format("weights {:.16} state {:.16} losses{}", weights_sha256(problem.net, now.state),
                     state_sha256(problem.net, now.state, steps), now.losses);
}

}  // namespace

std::string train(const Problem& problem, const Sizes& sizes, const Run& run, Random& cuts,
                  const std::function<RunLayout()>& next_layout) {
  const Index steps = run.epochs * ((sizes.samples + sizes.batch - 1) / sizes.batch);
  Progress now;
  now.state = initial_state(problem);
  while (now.epoch <= run.epochs && now.finite) {
    const RunLayout layout = next_layout();
    const Random seed(static_cast<std::uint64_t>(cuts.pick(1, 1 << 30)));
    std::vector<Progress> ends(static_cast<std::size_t>(layout.ranks()));
    const auto work = [&](Communicator& communicator) {
      Progress& mine = ends[static_cast<std::size_t>(communicator.rank())];
      mine = {now.epoch, now.step, now.epoch_sums, copy(now.state), now.losses, true};
      Rank(problem, sizes, run, layout, communicator, seed).go_on(mine);
    };
    if (layout.ranks() == 1) {
      work(*alone());
    } else {
      run_ranks(layout.domains, work);
    }
    for (const Progress& end : ends) {
      EXPECT_EQ(describe(problem, end, steps), describe(problem, ends.front(), steps));
      EXPECT_EQ(end.step, ends.front().step) << "all leave at the same step";
    }
    now = std::move(ends.front());
  }
  return describe(problem, now, steps);
}

std::string train(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                  const Run& run, std::uint64_t cuts_seed) {
  Random cuts(cuts_seed);
  return train(problem, sizes, run, cuts, [&] { return layout; });
}

std::string train_on(Communicator& communicator, const Problem& problem, const Sizes& sizes,
                     const RunLayout& layout, const Run& run, std::uint64_t cuts_seed) {
  Progress now;
  now.state = initial_state(problem);
  Rank(problem, sizes, {run.epochs, false}, layout, communicator, Random(cuts_seed)).go_on(now);
  return describe(problem, now, run.epochs * ((sizes.samples + sizes.batch - 1) / sizes.batch));
}

std::string bits_of(const Evaluation& evaluation) {
  return fmt::format("loss {:a} correct {} samples {} predictions {} probabilities {}",
                     evaluation.metrics.loss, evaluation.metrics.correct,
                     evaluation.metrics.samples,
                     hex(std::as_bytes(std::span(evaluation.predictions))),
                     hex(std::as_bytes(std::span(evaluation.probabilities))));
}

std::string evaluate(const Problem& problem, const RunLayout& layout) {
  const Dataset data = data_for(problem, 103);
  std::vector<std::uint32_t> samples(100);
  std::iota(samples.begin(), samples.end(), 3U);
  Machine machine(problem, fitting(problem, {1, 30, 3}), layout);
  machine.engine->set_state(initial_state(problem));
  // After these steps an average of the weights differs from the weights.
  run_steps(*machine.engine, problem, data, 30, {0, 2});
  const std::string without = bits_of(machine.engine->evaluate(data, samples));
  const Evaluation with = machine.engine->evaluate(data, samples, true);
  EXPECT_EQ(with.metrics.samples, 100);
  EXPECT_EQ(with.predictions.size(), 100u);
  EXPECT_EQ(with.probabilities.size(), 100 * static_cast<std::size_t>(problem.net.loss().classes));
  EXPECT_EQ(without.substr(0, without.find(" probabilities")),
            bits_of(with).substr(0, bits_of(with).find(" probabilities")));
  EXPECT_EQ(machine.engine->evaluate(data, {}).metrics.samples, 0);
  return bits_of(with);
}

}  // namespace convoy::test
