// SPDX-License-Identifier: Apache-2.0
// Every task of a GPU gives the bits of the naive reference, for every operation and pass, over
// random shapes and numbers, for every division among threads and every order of them, and writes
// its own outputs only. A NaN equals a NaN.
#include <gtest/gtest.h>

#include "ops/backend.hpp"
#include "ops/cuda/gradient_sum.cuh"
#include "ops/cuda/lower.hpp"
#include "ops/cuda/run_task.cuh"
#include "parallel/reduction_tree.hpp"
#include "runtime/gpu/fibers.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/runtime/cuda/schedules.hpp"

namespace convoy::test {
namespace {

using cuda::Memory, cuda::Operand, cuda::Steps;
using Floats = Guarded<float>;

void fill(Floats& array, Random& random, Values values) {
  for (Index i = 0; i < array.size(); ++i) array[i] = random_float(random, values);
}

void expect_same(const float* expected, const Floats& actual, Index size, const char* what) {
  for (Index i = 0; i < size; ++i) {
    ASSERT_TRUE(same_bits(expected[i], actual[i]))
        << what << "[" << i << "]: " << actual[i] << " instead of " << expected[i];
  }
}

// The threads that share the tasks.
struct Threads {
  unsigned blocks = 1, threads = 32;
  Index tuned_for = 32;  // threads for which the tiles were chosen; it affects speed alone
};

Threads random_threads(Random& random) {
  return {static_cast<unsigned>(random.pick(1, 4)), static_cast<unsigned>(32 * random.pick(1, 4)),
          random.chance(30) ? random.pick(1, 100'000) : random.pick(1, 700)};
}

// An operation with all inputs of its passes, each in its own memory, and the outputs of the
// reference.
class Case {
 public:
  Case(const Op& op, Index samples, Random& random, Values values)
      : op_(op),
        samples_(samples),
        grain_(random.pick(1, samples)),
        x_(samples * input_shape(op).size()),
        other_(x_.size()),
        parameters_(parameter_shape(op).size()),
        weights_(parameters_.size()),
        y_(samples * output_shape(op).size()),
        dy_(y_.size()),
        dx_(x_.size()),
        argmax_(y_.size()),
        context_(random_context(random, samples, numbers_)) {
    for (Floats* array : {&x_, &other_, &dy_, &parameters_}) fill(*array, random, values);
    // For the input gradient the weights of a convolution have to be finite (conv2d.hpp).
    const bool finite = std::holds_alternative<Conv2d>(op) && values == Values::hostile;
    fill(weights_, random, finite ? Values::tiny : values);
    Floats scratch(scratch_size(op));
    reference::backend().forward(op,
                                 {.samples = samples,
                                  .x = x_.data(),
                                  .other = other_.data(),
                                  .parameters = parameters_.data(),
                                  .y = y_.data(),
                                  .argmax = keeps_argmax(op) ? argmax_.data() : nullptr,
                                  .context = context_},
                                 {0, forward_units(op, samples)});
    reference::backend().input_gradient(op,
                                        {.samples = samples,
                                         .dy = dy_.data(),
                                         .x = x_.data(),
                                         .y = y_.data(),
                                         .parameters = weights_.data(),
                                         .argmax = argmax_.data(),
                                         .dx = dx_.data(),
                                         .context = context_},
                                        {0, input_gradient_units(op, samples)});
  }

  void check_forward(const Threads& threads) {
    SCOPED_TRACE("forward");
    Floats y(y_.size()), bordered(samples_ * cuda::bordered_x_size(op_));
    Guarded<Argmax> argmax(y_.size());
    cuda::Operands at;
    at.x = put(0, x_, input_shape(op_).size());
    at.other = put(1, other_, input_shape(op_).size());
    at.parameters = put(2, parameters_, 0);
    at.y = put(3, y, output_shape(op_).size());
    at.argmax = {Memory{4}, 0, 0};
    memories_.at[4] = reinterpret_cast<float*>(argmax.data());
    at.bordered_x = put(5, bordered, cuda::bordered_x_size(op_));
    at.layer = context_.layer;
    run(cuda::forward(op_, at, work(threads)), threads);
    expect_same(y_.data(), y, y.size(), "y");
    for (Index i = 0; keeps_argmax(op_) && i < argmax.size(); ++i) {
      ASSERT_EQ(argmax[i], argmax_[i]) << "argmax of " << i;
    }
    ASSERT_TRUE(y.guards_hold() && bordered.guards_hold() && argmax.guards_hold());
  }

  void check_input_gradient(const Threads& threads) {
    SCOPED_TRACE("input gradient");
    Floats dx(dx_.size()), bordered(samples_ * cuda::bordered_dy_size(op_));
    Floats packed(parameter_shape(op_).weights());
    pack(packed);
    cuda::Operands at;
    at.dy = put(0, dy_, output_shape(op_).size());
    at.y = put(1, y_, output_shape(op_).size());
    at.parameters = put(2, weights_, 0);
    at.packed = put(3, packed, 0);
    at.argmax = {Memory{4}, 0, 0};
    memories_.at[4] = reinterpret_cast<float*>(argmax_.data());
    at.bordered_dy = put(5, bordered, cuda::bordered_dy_size(op_));
    at.dx = put(6, dx, input_shape(op_).size());
    at.x = put(7, x_, input_shape(op_).size());
    at.layer = context_.layer;
    run(cuda::input_gradient(op_, at, work(threads)), threads);
    expect_same(dx_.data(), dx, dx.size(), "dx");
    ASSERT_TRUE(dx.guards_hold() && bordered.guards_hold());
  }

  // Compares with gradients of the reference grain by grain, added along the canonical tree.
  void check_weight_gradient(const Threads& threads) {
    SCOPED_TRACE("weight gradient");
    const Index size = parameter_shape(op_).size(), grains = (samples_ + grain_ - 1) / grain_;
    std::vector<unsigned char> merges;
    const std::vector<float> expected = tree_of_reference(merges);
    const bool dense = std::holds_alternative<Dense>(op_);
    const cuda::Partials partials =
        dense ? cuda::Partials{} : cuda::partials_of(op_, work(threads));
    Floats sums(partials.size * (partials.by_grain ? grains : samples_)), gradient(size);
    Floats bordered(samples_ * cuda::bordered_x_size(op_)), one(1);
    one[0] = 1;
    cuda::Operands at;
    at.x = put(0, x_, input_shape(op_).size());
    at.dy = put(1, dy_, output_shape(op_).size());
    at.bordered_x = put(2, bordered, cuda::bordered_x_size(op_));
    at.partials = put(3, sums, partials.size);
    put(static_cast<int>(Memory::one), one, 0);
    if (bordered.size() > 0) run_border(at, threads);
    if (!dense) run(cuda::weight_gradient(op_, at, work(threads)), threads);
    const cuda::ParameterSource source = source_of(at, partials);
    const cuda::Grains how{static_cast<int>(grains), merges.data()};
    fibers::run_grid(threads.blocks, threads.threads, 0, false, [&] {
      const cuda::Group group = cuda::grid_group();
      for (int i = group.rank; i < size; i += group.size) {
        cuda::sum_grains(source, i, memories_, samples(), how,
                         [&](int, float value) { gradient[i] = value; });
      }
    });
    expect_same(expected.data(), gradient, size, "gradient");
    ASSERT_TRUE(gradient.guards_hold() && sums.guards_hold());
  }

 private:
  Operand put(int memory, Floats& array, Index stride) {
    memories_.at[memory] = array.data();
    return {Memory{memory}, static_cast<int>(stride), 0};
  }

  cuda::Work work(const Threads& threads) const { return {samples_, grain_, threads.tuned_for}; }
  cuda::Samples samples() const {
    cuda::Samples samples{static_cast<int>(samples_), static_cast<int>(grain_)};
    samples.context = context_;
    return samples;
  }

  void run(const Steps& steps, const Threads& threads) {
    fibers::run_grid(threads.blocks, threads.threads, 0, true, [&] {
      for (const cuda::Step& step : steps) {
        cuda::run_task(step.task, memories_, samples(), cuda::grid_group());
        if (step.barrier_after) gpu::grid_barrier();
      }
    });
  }

  // The forward pass writes the border that the weight gradient reads.
  void run_border(const cuda::Operands& at, const Threads& threads) {
    Steps steps = cuda::forward(op_, at, work(threads));
    steps.resize(1);
    run(steps, threads);
  }

  void pack(Floats& packed) const {
    const cuda::Packing packing = cuda::packing_of(op_);
    const bool packs = std::holds_alternative<Conv2d>(op_) || std::holds_alternative<Dense>(op_);
    if (!packs) return;
    const auto columns = static_cast<int>(parameter_shape(op_).columns);
    for (int i = 0; i < packed.size(); ++i) {
      const int index = cuda::packed_index(packing, i / columns, i % columns);
      ASSERT_TRUE(packed.is_poison(index)) << "two weights at " << index;
      packed[index] = weights_[i];
    }
  }

  std::vector<float> tree_of_reference(std::vector<unsigned char>& merges) const {
    const Index size = parameter_shape(op_).size(), grains = (samples_ + grain_ - 1) / grain_;
    std::vector<std::vector<float>> stack;
    tree::Counter counter(grains);
    for (Index g = 0; g < grains; ++g) {
      const Index first = g * grain_, count = std::min(grain_, samples_ - first);
      stack.emplace_back(static_cast<std::size_t>(size));
      reference::backend().weight_gradient(op_,
                                           {.samples = count,
                                            .x = x_.data() + first * input_shape(op_).size(),
                                            .dy = dy_.data() + first * output_shape(op_).size(),
                                            .gradient = stack.back().data()},
                                           {0, weight_gradient_units(op_)});
      merges.push_back(0);
      counter.push({g, g + 1}, [&](Index) {
        const std::vector<float> top = stack.back();
        stack.pop_back();
        for (std::size_t i = 0; i < top.size(); ++i) stack.back()[i] += top[i];
        ++merges.back();
      });
    }
    return stack.front();
  }

  cuda::ParameterSource source_of(const cuda::Operands& at, const cuda::Partials& partials) const {
    const ParameterShape shape = parameter_shape(op_);
    cuda::ParameterSource source;
    source.rows = static_cast<int>(shape.rows());
    source.taps = static_cast<int>(shape.taps);
    source.columns = static_cast<int>(shape.columns);
    source.dense = std::holds_alternative<Dense>(op_);
    source.x = at.x;
    source.dy = at.dy;
    source.partials = at.partials;
    source.by_grain = partials.by_grain;
    source.count = partials.count;
    return source;
  }

  const Op op_;
  const Index samples_, grain_;
  Floats x_, other_, parameters_, weights_, y_, dy_, dx_;
  Guarded<Argmax> argmax_;
  std::vector<std::uint32_t> numbers_;  // of the samples
  StepContext context_;
  cuda::Memories memories_;
};

class FiberKernels : public testing::TestWithParam<Kind> {
 protected:
  ~FiberKernels() override { fibers::schedule() = {}; }
};

TEST_P(FiberKernels, GiveTheBitsOfTheReferenceInAnyOrder) {
  Random random(static_cast<std::uint64_t>(GetParam().name[0]) + 100);
  Bounds bounds;
  bounds.multiply_adds = 40'000;
  for (int round = 0; round < rounds(120); ++round) {
    const Op op = GetParam().make(random, bounds);
    if (!runs_on_cuda(op)) GTEST_SKIP() << type_name(op) << " has no code for a GPU";
    Case c(op, random.pick(1, 7), random, values_of(round));
    const Threads threads = random_threads(random);
    fibers::schedule() = random_schedule(random);
    SCOPED_TRACE(fmt::format("round {}: {}, {} x {} threads, tuned for {}", round, describe(op),
                             threads.blocks, threads.threads, threads.tuned_for));
    c.check_forward(threads);
    c.check_input_gradient(threads);
    if (parameter_shape(op).size() > 0) c.check_weight_gradient(threads);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FiberKernels, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace convoy::test
