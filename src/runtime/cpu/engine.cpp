// SPDX-License-Identifier: Apache-2.0
// The CPU engine, for one or more threads. In a step range every worker does the same four parts
// (compute, reduce, update, commit) for each batch: it computes the gradient of its grains,
// finishes the tree, updates the weights and commits the step. Barriers lie before reduce and
// before commit, and one more where sums are exchanged; reduce and update are one loop over each
// worker's rows. The ranks of a memory domain wait for each other at these barriers, too.
#include "runtime/cpu_engine.hpp"

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
#include "runtime/cpu/worker_group.hpp"
#include "runtime/cpu/workers.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/recorded_communicator.hpp"
#include "runtime/score_sharing.hpp"

namespace convoy {
namespace {

constexpr Index kUpdateFloats = 1024;

// Checks the memory need before any of it is allocated.
Layout fitting_layout(const EngineOptions& options, const Plan& plan, const NetOptimizer& optimizer,
                      Communicator& communicator) {
  Layout layout = choose_layout(options, plan, communicator);
  check_memory(memory_need(plan, optimizer, layout, communicator), memory_held(), communicator,
               cgroup_memory_limit());
  return layout;
}

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Net& net, const NetOptimizer& optimizer, const EngineOptions& options,
            Communicator& communicator)
      : net_(net),
        backend_(find_backend(options.cpu.isa)),
        plan_(net, choose_fusion(options, backend_)),
        optimizer_(optimizer),
        batch_(options.batch),
        grain_(options.grain),
        timeline_(options.timeline),
        recorded_(recorded(communicator, options.timeline)),
        communicator_(recorded_ ? *recorded_ : communicator),
        layout_(fitting_layout(options, plan_, optimizer_, communicator)),
        normalizer_(net.normalization(), net.input().channels, backend_),
        barrier_(layout_.workers, layout_.spins),
        generations_(plan_, optimizer_, backend_, communicator_),
        gradient_sum_(communicator_, options, plan_, layout_.members, backend_, layout_.groups,
                      WorkerGroup::slots_of(layout_.share)),
        finite_(static_cast<std::size_t>(layout_.workers)),
        domain_finite_(allocate<Flag>(communicator_, domain_ranks(communicator).size())) {
    if (options.ranks_by == Parallelism::tensor && communicator.size() > 1) {
      tensor_ranks_.emplace(plan_, layout_.members, communicator_, barrier_,
                            layout_.share.microbatch_grains * grain_, layout_.groups);
    }
    for (int t = 0; t < layout_.groups; ++t) {
      const GroupConfig config{t, layout_.members, tensor_ranks_ ? &*tensor_ranks_ : nullptr,
                               layout_.spins};
      groups_.push_back(std::make_unique<WorkerGroup>(plan_, config, layout_.share,
                                                      gradient_sum_.slots(t), communicator_));
    }
    pieces_.resize(groups_.size());
    for (int w = 0; w < layout_.workers; ++w) {
      sum_scratch_.emplace_back(GradientSum::scratch_rows() * most_floats(net));
    }
    if (timeline_) timeline_->prepare(plan_, layout_.workers);
    // Where the threads can't be created, this throws before any work begins.
    run_workers(layout_.workers, [](int) {});
  }

  StepRangeResult run(const StepRange& step_range) override {
    check_step_range(net_, batch_, step_range);
    result_ = {Outcome::finished, 0, step_range.before, 0, 0};
    ends_ = false;
    const double waited_before = waited();
    // All ranks begin together, so that the steps of none begin with a wait for the work that
    // another rank does between step ranges.
    if (timeline_) all_gather(communicator_, "", SyncPoint::update);
    const StepRangeSpan span(timeline_, result_.steps_done);
    run_parallel([&](int worker) {
      if (Track* const track = track_of(worker)) track->start();
      for (Index step = step_range.steps.begin; step < step_range.steps.end && !ends_; ++step) {
        if (!run_step(worker, step_range, step)) return;
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
      const Membership membership = member_of(worker);
      const WorkerGroup::Work work = work_of(membership, list, generations_.evaluated(), nullptr);
      if (!membership.group.evaluate(membership.member, work, sink)) return;
      barrier_.arrive_and_wait(worker, [&] {
        evaluation.metrics = gradient_sum_.sum_metrics(list.count(), pieces_of_groups());
      });
    });
    if (layout_.members.all == layout_.members.local) {
      share_scores(communicator_, list, net_.loss().classes, evaluation);
    }
    return evaluation;
  }

  ModelState state() const override { return generations_.state(); }
  void set_state(const ModelState& state) override {
    check_state(net_, optimizer_, state);
    generations_.set_state(state);
  }

  Index grain() const override { return grain_; }
  const NetOptimizer& optimizer() const override { return optimizer_; }
  int threads() const override { return layout_.workers; }
  std::string isa() const override { return backend_.name; }
  std::string device() const override { return "cpu"; }
  const std::vector<std::string>& warnings() const override { return layout_.warnings; }
  Timeline* timeline() const override { return timeline_; }

 private:
  // A worker's group, the group's number, and the worker's number in it.
  struct Membership {
    WorkerGroup& group;
    int number;
    int member;
  };

  Membership member_of(int worker) {
    const int group = worker / layout_.members.local;
    return {*groups_[static_cast<std::size_t>(group)], group, worker % layout_.members.local};
  }

  static std::unique_ptr<Communicator> recorded(Communicator& communicator, Timeline* timeline) {
    if (timeline == nullptr) return nullptr;
    return std::make_unique<RecordedCommunicator>(communicator, *timeline);
  }

  // Seconds that worker 0 has waited so far. (Its worker group is the first.)
  double waited() const { return barrier_.waited() + groups_.front()->barrier().waited(); }

  // Null where there is no timeline.
  Track* track_of(int worker) const { return timeline_ ? timeline_->tracks() + worker : nullptr; }

  WorkerGroup::Work work_of(const Membership& membership, const GrainList& list,
                            const Weights& weights, Track* tracks) {
    const Range mine = gradient_sum_.grains_of_rank(list.count());
    const Range part = split(mine.size(), layout_.groups, membership.number);
    const Range grains{mine.begin + part.begin, mine.begin + part.end};
    // Tensor-parallel ranks compute the stages together, so worker groups without a grain left take
    // part, too.
    const Index microbatches = membership.group.microbatches_of(
        tensor_ranks_ ? split(mine.size(), layout_.groups, 0).size() : grains.size());
    return {backend_, weights, normalizer_, list, grains, microbatches, tracks};
  }

  std::span<const GroupPieces> pieces_of_groups() {
    for (std::size_t t = 0; t < groups_.size(); ++t) pieces_[t] = groups_[t]->pieces();
    return pieces_;
  }

  // Runs work(worker) on all workers. Where one of them throws, the call throws the first exception
  // again after all workers have returned.
  template <class Work>
  void run_parallel(const Work& work) {
    std::exception_ptr error;
    std::mutex mutex;
    barrier_.reset();
    for (const auto& group : groups_) group->barrier().reset();
    std::optional<ShortSlices> slices;
    if (layout_.workers > 1 || communicator_.size() > 1) slices.emplace();
    run_workers(layout_.workers, [&](int worker) {
      const FloatEnvironment environment;
      // Threads of the pool keep short time slices: they sleep between step ranges and must wake
      // soon.
      if (worker > 0) shorten_slices();
      try {
        work(worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        barrier_.abort();
        for (const auto& group : groups_) group->barrier().abort();
      }
    });
    if (error) std::rethrow_exception(error);
  }

  // Does the four parts (compute, reduce, update, commit). Returns false where another worker
  // failed.
  bool run_step(int worker, const StepRange& step_range, Index step) {
    const auto first = static_cast<std::size_t>(step * step_range.batch);
    const auto size =
        std::min(static_cast<std::size_t>(step_range.batch), step_range.order.size() - first);
    const GrainList list{step_range.data, step_range.order.subspan(first, size), grain_};
    if (worker == 0) communicator_.publish(Activity::training, step_range.first_step + step);

    const Membership membership = member_of(worker);
    Track* const track = track_of(worker);
    if (track) track->step(step_range.first_step + step);
    const WorkerGroup::Work work = work_of(membership, list, generations_.weights(),
                                           track ? track - membership.member : nullptr);
    if (!membership.group.compute_gradients(membership.member, work)) return false;

    const bool exchanges = gradient_sum_.exchanges();
    if (!barrier(worker, [&] {
          step_metrics_ = gradient_sum_.publish_and_plan(list.count(), pieces_of_groups(),
                                                         flags_of(step_range));
          if (!exchanges) end_if_not_finite();
        })) {
      return false;
    }
    if (exchanges) {
      gradient_sum_.add(
          gradient_sum_.slice_before_exchange(slice_of(worker), worker, layout_.workers));
      if (track) track->record(TimeKind::reduction);
      if (!barrier(worker, [&] {
            if (track) track->record(TimeKind::waiting);
            step_metrics_ = gradient_sum_.exchange();
            end_if_not_finite();
            if (track) track->record(TimeKind::reduction);
          })) {
        return false;
      }
    }
    if (ends_) return true;
    const float rate =
        step_range.learning_rates[static_cast<std::size_t>(step - step_range.steps.begin)];
    finite_[static_cast<std::size_t>(worker)].value = update(
        worker,
        {step_metrics_.samples, rate, step_factors(optimizer_, number_in_run(step_range, step))});
    return barrier(worker, [&] { commit(); });
  }

  // Waits for all workers of this rank; then worker 0 runs `completion`. Where `completion` waits
  // for the other ranks of the memory domain, this is a barrier of all its workers. Returns false
  // where another worker failed.
  template <class Completion>
  bool barrier(int worker, const Completion& completion) {
    if (!barrier_.arrive_and_wait(worker, completion)) return false;
    if (Track* const track = track_of(worker); track && layout_.domain_workers > 1) {
      track->record(TimeKind::waiting);
    }
    return true;
  }

  // The flags of this rank, which reach all ranks.
  static std::uint32_t flags_of(const StepRange& step_range) {
    const bool stop = step_range.stop && step_range.stop->load(std::memory_order_relaxed);
    return stop ? StepMetrics::stop_requested : 0U;
  }

  // Worker 0 alone calls it, once it has the step metrics of all ranks. Where they are not finite,
  // the step does not commit.
  void end_if_not_finite() {
    if (!(step_metrics_.flags & StepMetrics::not_finite)) return;
    fail_step();
    communicator_.barrier(
        SyncPoint::update);  // all ranks of the domain have read what the next step overwrites
  }

  Range slice_of(int worker) const {
    return split(net_.arena_size(), layout_.domain_workers, layout_.first_domain_worker + worker,
                 kFloatsPerLine);
  }

  // Finishes the tree over this worker's slice of the arena and updates the weights there, a few
  // rows at a time, so that their sums stay in the cache.
  bool update(int worker, const Generations::Step& numbers) {
    const Range slice = slice_of(worker);
    float* scratch = sum_scratch_[static_cast<std::size_t>(worker)].data();
    Track* const track = track_of(worker);
    Track* const turns = gradient_sum_.exchanges() || !gradient_sum_.adds() ? nullptr : track;
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
        const float* sum = gradient_sum_.exchanges() ? gradient_sum_.root() + elements.begin
                                                     : gradient_sum_.sum(elements, scratch);
        if (turns) turns->turn(TimeKind::reduction);
        finite = generations_.update_rows(block, some, sum, numbers) && finite;
        if (turns) turns->turn(TimeKind::update);
      }
    }
    if (turns) {
      turns->end_turns();
    } else if (track) {
      track->record(TimeKind::update);
    }
    return finite;
  }

  // The most floats that are updated at once: at least a row.
  static Index most_floats(const Net& net) {
    Index most = kUpdateFloats;
    for (const ParameterBlock& block : net.parameter_blocks()) {
      most = std::max(most, block.shape.columns);
    }
    return most;
  }

  // Worker 0 alone calls it, after all workers have updated. If all new weights on all ranks of the
  // memory domain are finite, the step commits: the new generation becomes current. (Every memory
  // domain computes the same weights.)
  void commit() {
    bool finite = true;
    for (const Flag& flag : finite_) finite = finite && flag.value;
    const Range domain = domain_ranks(communicator_);
    domain_finite_[communicator_.rank() - domain.begin].value = finite;
    communicator_.barrier(SyncPoint::update);
    for (Index local_rank = 0; local_rank < domain.size(); ++local_rank) {
      finite = finite && domain_finite_[local_rank].value;
    }
    if (!finite) return fail_step();
    generations_.flip();
    result_.total.add(step_metrics_);
    result_.last_loss = step_metrics_.loss / static_cast<double>(step_metrics_.samples);
    ++result_.steps_done;
    if (step_metrics_.flags & StepMetrics::stop_requested) {
      result_.outcome = Outcome::stopped;
      ends_ = true;
    }
  }

  void fail_step() {
    result_.outcome = Outcome::not_finite;
    result_.last_loss = step_metrics_.loss / static_cast<double>(step_metrics_.samples);
    ends_ = true;
  }

  struct alignas(kAlignment) Flag {
    bool value = true;
  };

  const Net& net_;
  const Backend& backend_;
  const Plan plan_;
  const NetOptimizer optimizer_;
  const Index batch_;  // the largest
  const Index grain_;
  Timeline* const timeline_;
  const std::unique_ptr<Communicator> recorded_;  // null without a timeline
  Communicator& communicator_;
  const Layout layout_;
  const Normalizer normalizer_;
  Barrier barrier_;
  Generations generations_;
  GradientSum gradient_sum_;
  std::optional<TensorRanks> tensor_ranks_;
  std::vector<std::unique_ptr<WorkerGroup>> groups_;
  std::vector<Buffer<float>> sum_scratch_;  // of each worker

  // State of the step in progress. Worker 0 writes it while all others wait; finite_ has one entry
  // for each worker.
  std::vector<GroupPieces> pieces_;
  StepMetrics step_metrics_;
  StepRangeResult result_;
  bool ends_ = false;
  std::vector<Flag> finite_;
  std::shared_ptr<Flag[]> domain_finite_;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const Net& net, const NetOptimizer& optimizer,
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
