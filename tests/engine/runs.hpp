// SPDX-License-Identifier: Apache-2.0
// Small trainings for the tests of the engine: nets that hold every operation, and runs that go on
// from engine to engine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "convoy/engine/engine.hpp"
#include "tests/ops/random_ops.hpp"

namespace convoy::test {

struct Problem {
  std::string name;
  Net net;
  Sgd sgd;
  float rate = 0.1F;
};

// Every operation, with the settings that have code of their own, and both losses.
const std::vector<Problem>& problems();
const Problem& problem(std::string_view name);

struct Sizes {
  Index samples, batch, grain;
};

// How a run is laid out: what must not show.
struct RunLayout {
  int threads = 1;
  Cut cut = Cut::data;
  std::string isa = "auto";
};
std::string describe(const RunLayout& layout);
RunLayout random_layout(Random& random);

// Calls a hook, then hands over: the one place in a step where a test gets a word in.
class HookedCommunicator final : public Communicator {
 public:
  std::function<void()> before_gather;

  int rank() const override { return alone_->rank(); }
  int size() const override { return alone_->size(); }
  std::shared_ptr<float[]> allocate(Index floats) override { return alone_->allocate(floats); }
  std::span<const Piece> gather(std::span<const Piece> mine) override {
    if (before_gather) before_gather();
    return alone_->gather(mine);
  }

 private:
  std::unique_ptr<Communicator> alone_ = alone();
};

// An engine with its communicator.
struct Machine {
  Machine(const Problem& problem, const Sizes& sizes, const RunLayout& layout);
  HookedCommunicator communicator;
  std::unique_ptr<Engine> engine;
};

Dataset data_for(const Problem& problem, Index samples);
ModelState initial_state(const Problem& problem);

// One stretch of the first epoch, at the problem's rate; `order` is 0, 1, 2, ... unless given.
StretchResult run_steps(Engine& engine, const Problem& problem, const Dataset& data, Index batch,
                        Range steps, const std::atomic<bool>* stop = nullptr,
                        std::span<const std::uint32_t> order = {});

// Trains for some epochs on the layout that `next_layout` names, and says how that came out, to the
// last bit: both digests, and the loss of each epoch. `cuts` draws where stretches end. With
// `stops`, each engine is asked to stop at a random step, and the run goes on with the next layout.
struct Run {
  int epochs = 1;
  bool stops = false;
};
std::string train(const Problem& problem, const Sizes& sizes, const Run& run, Random& cuts,
                  const std::function<RunLayout()>& next_layout);
std::string train(const Problem& problem, const Sizes& sizes, const RunLayout& layout,
                  const Run& run = {}, std::uint64_t cuts_seed = 1);

// What an evaluation says, to the last bit.
std::string bits_of(const Evaluation& evaluation);

}  // namespace convoy::test
