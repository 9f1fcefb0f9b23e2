// SPDX-License-Identifier: Apache-2.0
// The engine of one thread or many. In a stretch every worker goes through the same four beats for
// each batch: gradient of my grains, finish the tree, update the weights, record. Two barriers
// separate them.
#include <array>
#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "convoy/base/check.hpp"
#include "convoy/base/float_environment.hpp"
#include "convoy/base/short_slices.hpp"
#include "convoy/engine/check_use.hpp"
#include "convoy/engine/engine.hpp"
#include "convoy/engine/layout.hpp"
#include "convoy/engine/team.hpp"
#include "convoy/engine/team_work.hpp"

namespace convoy {
namespace {

// One addition of the tree between pieces of different workers: into += from, over the arena.
struct Merge {
  float* into;
  const float* from;
};

// Parameters, what is derived from them, and the optimizer's memory. There are two; a step reads
// one and writes the other, and they change places when all went well.
struct Generation {
  std::shared_ptr<float[]> parameters;
  std::shared_ptr<float[]> packed;
  std::shared_ptr<float[]> velocity;
};

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Net& net, const Sgd& optimizer, const EngineOptions& options,
            Communicator& communicator)
      : net_(net),
        plan_(net),
        optimizer_(optimizer),
        batch_(options.batch),
        grain_(options.grain),
        backend_(find_backend(options.isa)),
        communicator_(communicator),
        layout_(choose_layout(options, plan_)),
        normalizer_(net.normalization(), net.input().channels),
        barrier_(layout_.workers),
        finite_(static_cast<std::size_t>(layout_.workers)) {
    const Index grains = (options.batch + grain_ - 1) / grain_;
    const Index slots = tree::max_depth((grains + layout_.teams - 1) / layout_.teams);
    for (int t = 0; t < layout_.teams; ++t) {
      teams_.push_back(std::make_unique<Team>(plan_, layout_.members, layout_.slab_grains * grain_,
                                              slots, communicator));
    }
    const auto pieces = static_cast<std::size_t>(layout_.teams * slots);
    pieces_.reserve(pieces);
    merges_.reserve(pieces);
    for (Generation& generation : generations_) {
      generation.parameters = communicator.allocate(net.arena_size());
      generation.packed = communicator.allocate(plan_.packed_size());
      if (optimizer.momentum != 0) generation.velocity = communicator.allocate(net.arena_size());
    }
  }

  StretchResult run(const Stretch& stretch) override {
    check_stretch(net_, batch_, stretch);
    result_ = {Outcome::finished, 0, stretch.before, 0};
    leave_ = false;
    run_parallel([&](int worker) {
      for (Index step = stretch.steps.begin; step < stretch.steps.end && !leave_; ++step) {
        if (!run_step(worker, stretch, step)) return;
      }
    });
    return result_;
  }

  Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                      bool with_probabilities) override {
    check_data(net_, data, samples);
    Evaluation evaluation;
    evaluation.predictions.resize(samples.size());
    if (with_probabilities) {
      evaluation.probabilities.resize(samples.size() *
                                      static_cast<std::size_t>(net_.loss().classes));
    }
    const ScoreSink sink{evaluation.predictions.data(),
                         with_probabilities ? evaluation.probabilities.data() : nullptr};
    const GrainList list{&data, samples, grain_};
    run_parallel([&](int worker) {
      const Seat seat = seat_of(worker, list);
      if (!seat.team.evaluate(seat.member, backend_, weights(), normalizer_, list, seat.grains,
                              sink)) {
        return;
      }
      barrier_.meet(worker, [&] { evaluation.tally = finish_tally(list.count()); });
    });
    return evaluation;
  }

  ModelState state() const override {
    const Generation& now = generations_[current_];
    ModelState state{Buffer<float>(net_.arena_size()), {}};
    std::copy_n(now.parameters.get(), net_.arena_size(), state.parameters.data());
    if (optimizer_.momentum != 0) {
      state.velocity = Buffer<float>(net_.arena_size());
      std::copy_n(now.velocity.get(), net_.arena_size(), state.velocity.data());
    }
    return state;
  }

  void set_state(const ModelState& state) override {
    check_state(net_, state);
    Generation& now = generations_[current_];
    std::copy_n(state.parameters.data(), net_.arena_size(), now.parameters.get());
    if (optimizer_.momentum != 0) {
      if (state.velocity.size() > 0) {
        std::copy_n(state.velocity.data(), net_.arena_size(), now.velocity.get());
      } else {
        std::fill_n(now.velocity.get(), net_.arena_size(), 0.0F);
      }
    }
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      pack(block, {0, block.shape.taps}, now);
    }
  }

  Index grain() const override { return grain_; }
  Sgd optimizer() const override { return optimizer_; }
  int threads() const override { return layout_.workers; }
  std::string isa() const override { return backend_.name; }
  std::string device() const override { return "cpu"; }
  const std::vector<std::string>& warnings() const override { return layout_.warnings; }

 private:
  // Where a worker sits: its team, its place there, and the grains of the team.
  struct Seat {
    Team& team;
    int member;
    Range grains;
  };

  Seat seat_of(int worker, const GrainList& list) {
    const int team = worker / layout_.members;
    return {*teams_[static_cast<std::size_t>(team)], worker % layout_.members,
            split(list.count(), layout_.teams, team)};
  }

  Weights weights() const {
    return {generations_[current_].parameters.get(), generations_[current_].packed.get()};
  }

  // Runs work(worker) on all workers; what one of them throws is thrown again here, once all have
  // left.
  template <class Work>
  void run_parallel(const Work& work) {
    std::exception_ptr error;
    std::mutex mutex;
    barrier_.reset();
    for (const auto& team : teams_) team->barrier().reset();
    std::optional<ShortSlices> slices;
    if (layout_.workers > 1) slices.emplace();
    run_workers(layout_.workers, [&](int worker) {
      const FloatEnvironment environment;
      // Threads of the pool keep theirs: they sleep from stretch to stretch, and have to wake soon.
      if (worker > 0) shorten_slices();
      try {
        work(worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        barrier_.break_up();
        for (const auto& team : teams_) team->barrier().break_up();
      }
    });
    if (error) std::rethrow_exception(error);
  }

  // The four beats. False: another worker failed.
  bool run_step(int worker, const Stretch& stretch, Index step) {
    const auto first = static_cast<std::size_t>(step * stretch.batch);
    const auto size =
        std::min(static_cast<std::size_t>(stretch.batch), stretch.order.size() - first);
    const GrainList list{stretch.data, stretch.order.subspan(first, size), grain_};
    const float rate = stretch.learning_rates[static_cast<std::size_t>(step - stretch.steps.begin)];

    const Seat seat = seat_of(worker, list);
    if (!seat.team.add_gradients(seat.member, backend_, weights(), normalizer_, list,
                                 seat.grains)) {
      return false;
    }
    const auto finish = [&] {
      request_stop(stretch.stop);
      tally_ = finish_tally(list.count());
      if (tally_.flags & Tally::not_finite) fail_step();
    };
    if (!barrier_.meet(worker, finish)) return false;
    if (leave_) return true;
    finite_[static_cast<std::size_t>(worker)].value = update(worker, rate);
    return barrier_.meet(worker, [&] { record(); });
  }

  // The flag joins the tally of a grain, so that it travels the tree to all ranks.
  void request_stop(const std::atomic<bool>* stop) {
    if (stop && stop->load(std::memory_order_relaxed)) {
      teams_.front()->piece(0).tally->flags |= Tally::stop_requested;
    }
  }

  // Worker 0 alone: collects the pieces of all teams and ranks, and finishes the tree over tallies.
  // The gradients' additions are only noted, for each worker to do in its slice.
  Tally finish_tally(Index grains) {
    pieces_.clear();
    merges_.clear();
    for (const auto& team : teams_) {
      for (Index i = 0; i < team->pieces(); ++i) pieces_.push_back(team->piece(i));
    }
    std::array<Piece, 66> stack;
    tree::Counter counter(grains);
    for (const Piece& piece : communicator_.gather(pieces_)) {
      stack[static_cast<std::size_t>(counter.depth())] = piece;
      counter.push(piece.node, [&](Index i) {
        const Piece& left = stack[static_cast<std::size_t>(i)];
        const Piece& right = stack[static_cast<std::size_t>(i + 1)];
        left.tally->add(*right.tally);
        merges_.push_back({left.gradient, right.gradient});
      });
    }
    if (counter.depth() == 0) return {};  // nothing to count
    CONVOY_ASSERT(counter.depth() == 1);
    root_ = stack[0].gradient;
    return *stack[0].tally;
  }

  // Finishes the tree over this worker's slice of the arena and updates the weights there. Slices
  // are cut at rows of parameter blocks, so that each row is packed by whoever updated it.
  bool update(int worker, float rate) {
    const Range slice = split(net_.arena_size(), layout_.workers, worker, kFloatsPerLine);
    bool finite = true;
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      const auto row_of = [&](Index element) {
        const Index row = (element - block.offset + block.shape.columns - 1) / block.shape.columns;
        return std::clamp<Index>(element <= block.offset ? 0 : row, 0, block.shape.rows());
      };
      const Range rows{row_of(slice.begin), row_of(slice.end)};
      if (rows.empty()) continue;
      const Index begin = block.offset + rows.begin * block.shape.columns;
      for (const Merge& merge : merges_) {
        backend_.add(rows.size() * block.shape.columns, merge.into + begin, merge.from + begin);
      }
      finite = update_rows(block, rows, rate) && finite;
    }
    return finite;
  }

  bool update_rows(const ParameterBlock& block, Range rows, float rate) {
    const Layer& layer = net_.layers()[static_cast<std::size_t>(block.layer)];
    const Range weights{rows.begin, std::min(rows.end, block.shape.taps)};
    const Range bias{std::max(rows.begin, block.shape.taps), rows.end};
    bool finite = true;
    if (!weights.empty()) {
      finite = update_elements(block, weights, rate, layer.weight_learning_rate_factor);
      pack(block, weights, generations_[1 - current_]);
    }
    if (!bias.empty()) {
      finite = update_elements(block, bias, rate, layer.bias_learning_rate_factor) && finite;
    }
    return finite;
  }

  bool update_elements(const ParameterBlock& block, Range rows, float rate, double factor) {
    const Generation& now = generations_[current_];
    const Generation& next = generations_[1 - current_];
    const Index begin = block.offset + rows.begin * block.shape.columns;
    UpdatePass<float> pass;
    pass.size = rows.size() * block.shape.columns;
    pass.gradient_sum = root_ + begin;
    pass.weights = now.parameters.get() + begin;
    pass.new_weights = next.parameters.get() + begin;
    if (optimizer_.momentum != 0) {
      pass.velocity = now.velocity.get() + begin;
      pass.new_velocity = next.velocity.get() + begin;
    }
    pass.scale = static_cast<float>(1.0 / static_cast<double>(tally_.samples));
    pass.rate = static_cast<float>(static_cast<double>(rate) * factor);
    return backend_.update(optimizer_, pass);
  }

  void pack(const ParameterBlock& block, Range rows, const Generation& generation) {
    const Place packed = plan_.packed(block.layer);
    if (packed == kNowhere) return;
    backend_.pack(net_.layers()[static_cast<std::size_t>(block.layer)].op,
                  generation.parameters.get() + block.offset, generation.packed.get() + packed,
                  rows);
  }

  // Worker 0 alone, after all have updated: the step counts, and the new generation becomes
  // current.
  void record() {
    for (const Flag& finite : finite_) {
      if (!finite.value) return fail_step();
    }
    current_ = 1 - current_;
    result_.total.add(tally_);
    result_.last_loss = tally_.loss / static_cast<double>(tally_.samples);
    ++result_.steps_done;
    if (tally_.flags & Tally::stop_requested) {
      result_.outcome = Outcome::stopped;
      leave_ = true;
    }
  }

  void fail_step() {
    result_.outcome = Outcome::not_finite;
    result_.last_loss = tally_.loss / static_cast<double>(tally_.samples);
    leave_ = true;
  }

  struct alignas(kAlignment) Flag {
    bool value = true;
  };

  const Net& net_;
  const Plan plan_;
  const Sgd optimizer_;
  const Index batch_;  // the largest
  const Index grain_;
  const Backend& backend_;
  Communicator& communicator_;
  const Layout layout_;
  const Normalizer normalizer_;
  std::vector<std::unique_ptr<Team>> teams_;
  std::array<Generation, 2> generations_;
  std::size_t current_ = 0;

  // Of the step in progress; written by worker 0 while all others wait.
  Barrier barrier_;
  std::vector<Piece> pieces_;
  std::vector<Merge> merges_;
  const float* root_ = nullptr;  // the sum over all grains, once the merges are done
  Tally tally_;
  StretchResult result_;
  bool leave_ = false;
  std::vector<Flag> finite_;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const Net& net, const Sgd& optimizer,
                                        const EngineOptions& options, Communicator& communicator) {
  check_options(options);
  return std::make_unique<CpuEngine>(net, optimizer, options, communicator);
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Backend* backend : backends()) names.emplace_back(backend->name);
  return names;
}

}  // namespace convoy
