// SPDX-License-Identifier: Apache-2.0
// The engine of one thread or many. In a stretch every worker goes through the same four beats for
// each batch: gradient of my grains, finish the tree, update the weights, record. Two barriers
// separate them, in which the ranks of a node meet as well.
#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "base/cgroup.hpp"
#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "base/short_slices.hpp"
#include "parallel/collectives.hpp"
#include "runtime/check_use.hpp"
#include "runtime/cpu/generations.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/memory_need.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/cpu/team_work.hpp"
#include "runtime/engine.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/recorded_communicator.hpp"
#include "runtime/score_sharing.hpp"

namespace convoy {
namespace {

constexpr Index kUpdateFloats = 1024;

// Before any of the memory is taken.
Layout fitting_layout(const EngineOptions& options, const Plan& plan, const Sgd& optimizer,
                      Communicator& communicator) {
  Layout layout = choose_layout(options, plan, communicator);
  check_memory(memory_need(plan, optimizer, layout, communicator), memory_held(), communicator,
               cgroup_memory_limit());
  return layout;
}

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Net& net, const Sgd& optimizer, const EngineOptions& options,
            Communicator& communicator)
      : net_(net),
        backend_(find_backend(options.isa)),
        plan_(net, choose_fusion(options, backend_)),
        optimizer_(optimizer),
        batch_(options.batch),
        grain_(options.grain),
        timeline_(options.timeline),
        recorded_(recorded(communicator, options.timeline)),
        communicator_(recorded_ ? *recorded_ : communicator),
        layout_(fitting_layout(options, plan_, optimizer, communicator)),
        normalizer_(net.normalization(), net.input().channels, backend_),
        barrier_(layout_.workers, layout_.spins),
        generations_(plan_, optimizer, backend_, communicator_),
        sum_(communicator_, options, plan_, layout_.crew, backend_, layout_.teams,
             Team::slots_of(layout_.share)),
        finite_(static_cast<std::size_t>(layout_.workers)),
        node_finite_(allocate<Flag>(communicator_, node_ranks(communicator).size())) {
    if (options.ranks_by == Cut::tensor && communicator.size() > 1) {
      ranks_.emplace(plan_, layout_.crew, communicator_, barrier_,
                     layout_.share.slab_grains * grain_, layout_.teams);
    }
    for (int t = 0; t < layout_.teams; ++t) {
      const TeamSeat seat{t, layout_.crew, ranks_ ? &*ranks_ : nullptr, layout_.spins};
      teams_.push_back(
          std::make_unique<Team>(plan_, seat, layout_.share, sum_.slots(t), communicator_));
    }
    pieces_.resize(teams_.size());
    for (int w = 0; w < layout_.workers; ++w) {
      sum_scratch_.emplace_back(GradientSum::scratch_rows() * most_floats(net));
    }
    if (timeline_) timeline_->prepare(plan_, layout_.workers);
    // Threads that can't be had are told before anything has begun.
    run_workers(layout_.workers, [](int) {});
  }

  StretchResult run(const Stretch& stretch) override {
    check_stretch(net_, batch_, stretch);
    result_ = {Outcome::finished, 0, stretch.before, 0, 0};
    leave_ = false;
    const double waited_before = waited();
    // Together, so that nobody's steps begin with waiting for what another does between stretches.
    if (timeline_) all_gather(communicator_, "", Meeting::update);
    const StretchSpan span(timeline_, result_.steps_done);
    run_parallel([&](int worker) {
      if (Lane* const lane = lane_of(worker)) lane->start();
      for (Index step = stretch.steps.begin; step < stretch.steps.end && !leave_; ++step) {
        if (!run_step(worker, stretch, step)) return;
      }
    });
    result_.waited = waited() - waited_before;
    return result_;
  }

  Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                      bool with_probabilities) override {
    check_data(net_, data, samples);
    Evaluation evaluation;
    evaluation.predictions.resize(samples.size());
    const auto classes = static_cast<std::size_t>(net_.loss().classes);
    if (with_probabilities) evaluation.probabilities.resize(samples.size() * classes);
    const ScoreSink sink{evaluation.predictions.data(),
                         with_probabilities ? evaluation.probabilities.data() : nullptr};
    const GrainList list{&data, samples, grain_};
    const TimeSpan span(timeline_, TimeKind::evaluation);
    run_parallel([&](int worker) {
      const Seat seat = seat_of(worker);
      if (!seat.team.evaluate(seat.member, work_of(seat, list, nullptr), sink)) return;
      barrier_.meet(worker,
                    [&] { evaluation.tally = sum_.sum_tallies(list.count(), pieces_of_teams()); });
    });
    if (layout_.crew.all == layout_.crew.local) {
      share_scores(communicator_, list, net_.loss().classes, evaluation);
    }
    return evaluation;
  }

  ModelState state() const override { return generations_.state(); }
  void set_state(const ModelState& state) override {
    check_state(net_, state);
    generations_.set_state(state);
  }

  Index grain() const override { return grain_; }
  Sgd optimizer() const override { return optimizer_; }
  int threads() const override { return layout_.workers; }
  std::string isa() const override { return backend_.name; }
  std::string device() const override { return "cpu"; }
  const std::vector<std::string>& warnings() const override { return layout_.warnings; }
  Timeline* timeline() const override { return timeline_; }

 private:
  // Where a worker sits: its team, and its place there.
  struct Seat {
    Team& team;
    int number;
    int member;
  };

  Seat seat_of(int worker) {
    const int team = worker / layout_.crew.local;
    return {*teams_[static_cast<std::size_t>(team)], team, worker % layout_.crew.local};
  }

  static std::unique_ptr<Communicator> recorded(Communicator& communicator, Timeline* timeline) {
    if (timeline == nullptr) return nullptr;
    return std::make_unique<RecordedCommunicator>(communicator, *timeline);
  }

  // Seconds of worker 0, so far. (Its team is the first.)
  double waited() const { return barrier_.waited() + teams_.front()->barrier().waited(); }

  // Null: nobody asks for a timeline.
  Lane* lane_of(int worker) const { return timeline_ ? timeline_->lanes() + worker : nullptr; }

  Team::Work work_of(const Seat& seat, const GrainList& list, Lane* lanes) {
    const Range mine = sum_.grains_of_rank(list.count());
    const Range part = split(mine.size(), layout_.teams, seat.number);
    const Range grains{mine.begin + part.begin, mine.begin + part.end};
    // Ranks cut by tensor go through the stages together, teams without a grain left too.
    const Index rounds =
        seat.team.rounds(ranks_ ? split(mine.size(), layout_.teams, 0).size() : grains.size());
    return {backend_, generations_.weights(), normalizer_, list, grains, rounds, lanes};
  }

  std::span<const TeamPieces> pieces_of_teams() {
    for (std::size_t t = 0; t < teams_.size(); ++t) pieces_[t] = teams_[t]->pieces();
    return pieces_;
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
    if (layout_.workers > 1 || communicator_.size() > 1) slices.emplace();
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
    if (worker == 0) communicator_.publish(Activity::training, stretch.first_step + step);

    const Seat seat = seat_of(worker);
    Lane* const lane = lane_of(worker);
    if (lane) lane->step(stretch.first_step + step);
    const Team::Work work = work_of(seat, list, lane ? lane - seat.member : nullptr);
    if (!seat.team.add_gradients(seat.member, work)) return false;

    const bool exchanges = sum_.exchanges();
    if (!meet(worker, [&] {
          tally_ = sum_.gather(list.count(), pieces_of_teams(), flags_of(stretch));
          if (!exchanges) judge();
        })) {
      return false;
    }
    if (exchanges) {
      sum_.add(sum_.slice_before_exchange(slice_of(worker), worker, layout_.workers));
      if (lane) lane->lap(TimeKind::reduction);
      if (!meet(worker, [&] {
            if (lane) lane->lap(TimeKind::waiting);
            tally_ = sum_.exchange();
            judge();
            if (lane) lane->lap(TimeKind::reduction);
          })) {
        return false;
      }
    }
    if (leave_) return true;
    const float rate = stretch.learning_rates[static_cast<std::size_t>(step - stretch.steps.begin)];
    finite_[static_cast<std::size_t>(worker)].value = update(worker, rate);
    return meet(worker, [&] { record(); });
  }

  // All workers of the node.
  template <class Completion>
  bool meet(int worker, const Completion& completion) {
    if (!barrier_.meet(worker, completion)) return false;
    if (Lane* const lane = lane_of(worker); lane && layout_.node_workers > 1) {
      lane->lap(TimeKind::waiting);
    }
    return true;
  }

  // A flag of this rank, which travels to all.
  static std::uint32_t flags_of(const Stretch& stretch) {
    const bool stop = stretch.stop && stretch.stop->load(std::memory_order_relaxed);
    return stop ? Tally::stop_requested : 0U;
  }

  // Worker 0 alone, once the tally of all ranks is there.
  void judge() {
    if (!(tally_.flags & Tally::not_finite)) return;
    fail_step();
    communicator_.meet(Meeting::update);  // all of the node have read what a next step writes anew
  }

  Range slice_of(int worker) const {
    return split(net_.arena_size(), layout_.node_workers, layout_.first_node_worker + worker,
                 kFloatsPerLine);
  }

  // Finishes the tree over this worker's slice of the arena and updates the weights there, a few
  // rows at a time, so that their sums stay in the cache.
  bool update(int worker, float rate) {
    const Range slice = slice_of(worker);
    const Generations::Step step{tally_.samples, rate};
    float* scratch = sum_scratch_[static_cast<std::size_t>(worker)].data();
    Lane* const lane = lane_of(worker);
    Lane* const turns = sum_.exchanges() || !sum_.adds() ? nullptr : lane;
    if (turns) turns->begin_turns();
    bool finite = true;
    for (const ParameterBlock& block : net_.parameter_blocks()) {
      const Range rows = Generations::rows_in(block, slice);
      const Index columns = block.shape.columns;
      const Index most = std::max<Index>(1, kUpdateFloats / columns);
      for (Index begin = rows.begin; begin < rows.end; begin += most) {
        const Range some{begin, std::min(begin + most, rows.end)};
        const Range elements{block.offset + some.begin * columns,
                             block.offset + some.end * columns};
        const float* sum =
            sum_.exchanges() ? sum_.root() + elements.begin : sum_.sum(elements, scratch);
        if (turns) turns->turn(TimeKind::reduction);
        finite = generations_.update_rows(block, some, sum, step) && finite;
        if (turns) turns->turn(TimeKind::update);
      }
    }
    if (turns) {
      turns->end_turns();
    } else if (lane) {
      lane->lap(TimeKind::update);
    }
    return finite;
  }

  // Floats that are updated at once: at least a row.
  static Index most_floats(const Net& net) {
    Index most = kUpdateFloats;
    for (const ParameterBlock& block : net.parameter_blocks()) {
      most = std::max(most, block.shape.columns);
    }
    return most;
  }

  // Worker 0 alone, after all have updated: if all new weights are finite, on all ranks of the
  // node, the step counts and the new generation becomes current. (Every node computes the same
  // ones.)
  void record() {
    bool finite = true;
    for (const Flag& flag : finite_) finite = finite && flag.value;
    const Range node = node_ranks(communicator_);
    node_finite_[communicator_.rank() - node.begin].value = finite;
    communicator_.meet(Meeting::update);
    for (Index place = 0; place < node.size(); ++place) {
      finite = finite && node_finite_[place].value;
    }
    if (!finite) return fail_step();
    generations_.flip();
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
  const Backend& backend_;
  const Plan plan_;
  const Sgd optimizer_;
  const Index batch_;  // the largest
  const Index grain_;
  Timeline* const timeline_;
  const std::unique_ptr<Communicator> recorded_;  // where there is a timeline
  Communicator& communicator_;
  const Layout layout_;
  const Normalizer normalizer_;
  Barrier barrier_;
  Generations generations_;
  GradientSum sum_;
  std::optional<TensorRanks> ranks_;
  std::vector<std::unique_ptr<Team>> teams_;
  std::vector<Buffer<float>> sum_scratch_;  // of each worker

  // Of the step in progress; written by worker 0 while all others wait.
  std::vector<TeamPieces> pieces_;
  Tally tally_;
  StretchResult result_;
  bool leave_ = false;
  std::vector<Flag> finite_;
  std::shared_ptr<Flag[]> node_finite_;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const Net& net, const Sgd& optimizer,
                                        const EngineOptions& options, Communicator& communicator) {
  check_options(options, communicator);
  return std::make_unique<CpuEngine>(net, optimizer, options, communicator);
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Backend* backend : backends()) names.emplace_back(backend->name);
  return names;
}

}  // namespace convoy
