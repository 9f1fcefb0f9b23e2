// SPDX-License-Identifier: Apache-2.0
#include "runtime/check_use.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/check.hpp"
#include "net/fit_batch.hpp"

namespace convoy {
namespace {

void check_ranks(const EngineOptions& options, const Communicator& communicator) {
  const bool messages = static_cast<int>(communicator.domains().size()) == communicator.size();
  if (options.ranks_by == Parallelism::tensor && options.reduction != Reduction::tree) {
    throw UserError(
        Fault::usage,
        fmt::format("tensor-parallel ranks with the reduction {}", to_string(options.reduction)),
        "each rank has the whole sum over its part of every gradient already",
        "use the reduction tree, or data-parallel ranks");
  }
  if (options.ranks_by == Parallelism::tensor && communicator.domains().size() > 1 && !messages) {
    throw UserError(Fault::usage, "tensor-parallel ranks in several memory domains",
                    "either all ranks share memory, or none do",
                    "make the communicator with RanksOptions::one_domain");
  }
  if (options.reduction == Reduction::fast && !messages) {
    throw UserError(Fault::usage, "the reduction fast with ranks that share memory",
                    "the message library adds up what each rank has",
                    "make the communicator with RanksOptions::Memory::messages");
  }
}

}  // namespace

void check_options(const EngineOptions& options, const Communicator& communicator) {
  check_ranks(options, communicator);
  // The same limits as in a model file: no product of sizes overflows, and memory is limited.
  constexpr Index kLargestBatch = std::numeric_limits<std::int32_t>::max(), kLargestGrain = 128;
  if (options.batch >= 1 && options.batch <= kLargestBatch && options.grain >= 1 &&
      options.grain <= kLargestGrain) {
    return;
  }
  throw UserError(
      Fault::usage,
      fmt::format("an engine for batches of {} in grains of {}", options.batch, options.grain), "",
      fmt::format("give EngineOptions a batch and a grain of at least 1, and at most {} and {}",
                  kLargestBatch, kLargestGrain));
}

void check_data(const Net& net, const Dataset& data, std::span<const std::uint32_t> samples) {
  if (data.image_shape() != net.input() || data.classes() > net.loss().classes) {
    throw UserError(
        Fault::usage,
        fmt::format("the data ({} and {} classes) does not fit the net",
                    to_string(data.image_shape()), data.classes()),
        fmt::format("it reads {} and has {} outputs", to_string(net.input()), net.loss().classes),
        "choose a net and data that fit");
  }
  const auto last = std::max_element(samples.begin(), samples.end());
  if (last != samples.end() && static_cast<Index>(*last) >= data.size()) {
    throw UserError(Fault::usage, fmt::format("sample {} is asked for", *last),
                    fmt::format("the data has {}", data.size()),
                    "name samples from 0 to the size of the data - 1");
  }
}

void check_step_range(const Net& net, Index largest_batch, const StepRange& step_range) {
  const auto refuse = [](const std::string& problem, const std::string& why) {
    throw UserError(Fault::usage, problem, why, "see StepRange in runtime/engine.hpp");
  };
  const Range steps = step_range.steps;
  if (step_range.data == nullptr) refuse("a step range without data", "");
  if (step_range.batch < 1 || step_range.batch > largest_batch) {
    refuse(fmt::format("a batch of {}", step_range.batch),
           fmt::format("the engine was made for 1 to {}", largest_batch));
  }
  const auto samples = static_cast<Index>(step_range.order.size());
  const Index all_steps = (samples + step_range.batch - 1) / step_range.batch;
  if (steps.begin < 0 || steps.begin > steps.end || steps.end > all_steps) {
    refuse(fmt::format("steps [{}, {})", steps.begin, steps.end),
           fmt::format("{} samples are {} batches of {}", samples, all_steps, step_range.batch));
  }
  if (static_cast<Index>(step_range.learning_rates.size()) != steps.size()) {
    refuse(fmt::format("{} learning rates", step_range.learning_rates.size()),
           fmt::format("there are {} steps", steps.size()));
  }
  const Index first = steps.begin * step_range.batch;
  const Index end = std::min(steps.end * step_range.batch, samples);
  if (!steps.empty()) {
    const Index last = (end - first) % step_range.batch;
    check_batches_fit(net, end - first == last ? 0 : step_range.batch, last);
  }
  check_data(net, *step_range.data,
             step_range.order.subspan(static_cast<std::size_t>(std::min(first, end)),
                                      static_cast<std::size_t>(std::max<Index>(end - first, 0))));
}

void check_state(const Net& net, const NetOptimizer& optimizer, const ModelState& state) {
  const Index size = net.arena_size();
  const std::size_t slots = optimizer.slot_count();
  const bool fits =
      state.parameters.size() == size && (state.slots.empty() || state.slots.size() == slots) &&
      std::ranges::all_of(state.slots, [=](const auto& slot) { return slot.size() == size; });
  if (fits) return;
  throw UserError(
      Fault::usage,
      fmt::format("a state of {} parameters and {} slots", state.parameters.size(),
                  state.slots.size()),
      fmt::format(
          "the net's arena has {}, and its optimizer {} slots of that size (with the average)",
          size, slots),
      "give it a state of this net, such as initial_parameters()");
}

}  // namespace convoy
