// SPDX-License-Identifier: Apache-2.0
// No allocation happens inside a step: a step range of fifty steps allocates as often as one of
// five. This is a separate program because it replaces the allocation functions.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>

#include "runtime/timeline.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/runtime/runs.hpp"

#if defined(CONVOY_TEST_SANITIZED)
// The allocation functions are the sanitizer's.
int main() {
  return 77;  // skipped, to ctest
}
#else

namespace {

std::atomic<long> allocations{0};

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment)) {
    return memory;
  }
  throw std::bad_alloc();
}

}  // namespace

// The other forms call these.
void* operator new(std::size_t bytes) {
  return allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace convoy::test {
namespace {

long allocations_of(Engine& engine, const Problem& problem, const Dataset& data, Index steps) {
  const long before = allocations;
  run_steps(engine, problem, data, 4, {0, steps});
  return allocations - before;
}

bool steps_allocate_nothing(const Problem& problem, RunLayout layout, Index events = -1) {
  std::optional<Timeline> timeline;
  if (events >= 0) layout.timeline = &timeline.emplace(events);
  Machine machine(problem, {200, 4, 1}, layout);
  machine.engine->set_state(initial_state(problem));
  const Dataset data = data_for(problem, 200);
  allocations_of(*machine.engine, problem, data, 1);  // starts threads and makes tables
  const long five = allocations_of(*machine.engine, problem, data, 5);
  const long fifty = allocations_of(*machine.engine, problem, data, 50);
  if (five == fifty) return true;
  std::fprintf(stderr, "%s, %s, %ld events: %ld allocations in 5 steps, %ld in 50\n",
               problem.name.c_str(), describe(layout).c_str(), static_cast<long>(events), five,
               fifty);
  return false;
}

}  // namespace
}  // namespace convoy::test

int main() {
  using namespace convoy;
  // Checks that the functions above count.
  const long before = allocations;
  delete new std::string(100, 'x');
  if (allocations < before + 2) return 2;

  bool good = true;
  for (const test::Problem& problem : test::problems()) {
    for (const std::string& isa : available_isas()) {
      good = test::steps_allocate_nothing(problem, {1, Parallelism::data, isa}) && good;
    }
    good = test::steps_allocate_nothing(problem, {3, Parallelism::data, "auto"}) && good;
    good = test::steps_allocate_nothing(problem, {2, Parallelism::tensor, "auto"}) && good;
    for (const Index events : {0, 100, 1 << 16}) {  // none, soon full, never full
      good = test::steps_allocate_nothing(problem, {1, Parallelism::data, "auto"}, events) && good;
      good = test::steps_allocate_nothing(problem, {3, Parallelism::data, "auto"}, events) && good;
      good =
          test::steps_allocate_nothing(problem, {2, Parallelism::tensor, "auto"}, events) && good;
    }
  }
  return good ? 0 : 1;
}
#endif
