// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ops/backend.hpp"
#include "ops/segments.hpp"
#include "tests/ops/guarded.hpp"
#include "tests/ops/random_ops.hpp"
#include "tests/ops/rounds.hpp"

namespace convoy::test {
namespace {

using Floats = Guarded<float>;

void fill(Floats& array, Random& random, Values values) {
  for (Index i = 0; i < array.size(); ++i) array[i] = random_float(random, values);
}

// For several grains, and for a counter that already holds values, the kernel's sums equal those of
// the reference's gradients with plain additions.
TEST(DenseGradients, OfGrainsAddUpAsTheCounterAdds) {
  Random random(13);
  for (int round = 0; round < rounds(300); ++round) {
    const Dense op{{1, 1, random.pick(1, 40)}, random.channels(140), random.chance(80)};
    const Index columns = op.units, size = parameter_shape(op).size();
    const Index before = random.pick(0, 3);
    std::vector<GrainPush> grains(static_cast<std::size_t>(random.pick(1, kMostGrainPushes)));
    Index depth = before, samples = 0;
    for (GrainPush& grain : grains) {
      grain.samples = random.chance(95) ? random.pick(1, 5) : random.pick(1, kSegmentTerms);
      grain.merges = static_cast<int>(random.chance(50) ? 0 : random.pick(0, depth));
      samples += grain.samples;
      depth += 1 - grain.merges;
    }
    const Index slots = before + static_cast<Index>(grains.size());
    Floats x(samples * op.in.size(), random.pick(0, 3)), dy(samples * columns, random.pick(0, 3));
    fill(x, random, values_of(round));
    fill(dy, random, values_of(round));
    Floats first(before * size), expected(slots * size);
    fill(first, random, values_of(round));
    std::copy_n(first.data(), first.size(), expected.data());
    Index top = before, sample = 0;
    for (const GrainPush& grain : grains) {
      reference::backend().weight_gradient(op,
                                           {.samples = grain.samples,
                                            .x = x.data() + sample * op.in.size(),
                                            .dy = dy.data() + sample * columns,
                                            .gradient = expected.data() + top * size},
                                           {0, weight_gradient_units(op)});
      for (int i = 0; i < grain.merges; ++i, --top) {
        float* sum = expected.data() + (top - 1) * size;
        reference::backend().add(size, sum, sum + size);
      }
      ++top;
      sample += grain.samples;
    }
    for (const Backend* backend : backends()) {
      if (!backend->weight_gradient_sum) continue;
      SCOPED_TRACE(fmt::format("round {}: {}, {} grains, {}", round, describe(op), grains.size(),
                               backend->name));
      Floats actual(slots * size);
      std::copy_n(first.data(), first.size(), actual.data());
      for (const Range& part : random_partition(random, weight_gradient_units(op))) {
        backend->weight_gradient_sum(op, {x.data(), dy.data(), grains, actual.data(), size, before},
                                     part);
      }
      ASSERT_TRUE(actual.guards_hold());
      for (Index i = 0; i < depth * size; ++i) {
        ASSERT_TRUE(same_bits(expected[i], actual[i])) << i << " of " << size << " a slot";
      }
    }
  }
}

}  // namespace
}  // namespace convoy::test
