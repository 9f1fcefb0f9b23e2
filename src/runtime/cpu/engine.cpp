// SPDX-License-Identifier: Apache-2.0
// The CPU engine, for one or more threads. In a step range every worker does the same four parts
// (compute, reduce, update, commit) for each batch: it computes the gradient of its grains,
// finishes the tree, updates the weights and commits the step. Barriers lie before reduce and
// before commit, one more where sums are exchanged, and one more between reduce and update where an
// update needs the gradients of other weights. Else reduce and update are one loop over each
// worker's rows (step_update.hpp). The ranks of a memory domain wait for each other at these
// barriers, too.
#include "runtime/cpu_engine.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "base/cgroup.hpp"
#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "base/short_slices.hpp"
#include "net/fit_batch.hpp"
#include "parallel/collectives.hpp"
#include "runtime/check_use.hpp"
#include "runtime/cpu/generations.hpp"
#include "runtime/cpu/inference.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/memory_need.hpp"
#include "runtime/cpu/step_update.hpp"
#include "runtime/cpu/worker_groups.hpp"
#include "runtime/cpu/workers.hpp"
#include "runtime/gradient_sum.hpp"
#include "runtime/recorded_communicator.hpp"
#include "runtime/score_sharing.hpp"

namespace convoy {
namespace {

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
        statistics_(communicator_, options, plan_, layout_.groups),
        step_update_(net, optimizer_, layout_, gradient_sum_, statistics_, generations_,
                     communicator_),
        training_(plan_, layout_, communicator_, barrier_, &gradient_sum_, &statistics_),
        finite_(static_cast<std::size_t>(layout_.workers)),
        domain_finite_(allocate<Flag>(communicator_, domain_ranks(communicator).size())) {
    if (InferenceNet::differs(net)) {
      inference_.emplace(net, choose_fusion(options, backend_), layout_, communicator_, barrier_);
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
    WorkerGroups& groups = inference_ ? inference_->groups() : training_;
    const WorkerGroup::Work all{backend_, weights_of_evaluation(), normalizer_, list};
    run_parallel([&](int worker) {
      const WorkerGroups::Membership membership = groups.of(worker);
      const Range mine = gradient_sum_.grains_of_rank(list.count());
      const WorkerGroup::Work work = groups.work_of(membership, all, mine);
      if (!membership.group.evaluate(membership.member, work, sink)) return;
      barrier_.arrive_and_wait(worker, [&] {
        evaluation.metrics = gradient_sum_.sum_metrics(list.count(), groups.pieces());
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
  static std::unique_ptr<Communicator> recorded(Communicator& communicator, Timeline* timeline) {
    if (timeline == nullptr) return nullptr;
    return std::make_unique<RecordedCommunicator>(communicator, *timeline);
  }

  // Seconds that worker 0 has waited so far. (Its worker group is the first.)
  double waited() const { return barrier_.waited() + training_.waited(); }

  // Null where there is no timeline.
  Track* track_of(int worker) const { return timeline_ ? timeline_->tracks() + worker : nullptr; }

  // What an evaluation reads: the current generation of the parameters or of their average. The
  // buffers are those of the parameters in both cases.
  Weights weights_of_evaluation() {
    const Weights weights = generations_.evaluated();
    return inference_ ? inference_->fold(weights.parameters, generations_.weights().parameters)
                      : weights;
  }

  // Runs work(worker) on all workers. Where one of them throws, the call throws the first exception
  // again after all workers have returned.
  template <class Work>
  void run_parallel(const Work& work) {
    std::exception_ptr error;
    std::mutex mutex;
    barrier_.reset();
    training_.reset_barriers();
    if (inference_) inference_->groups().reset_barriers();
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
        training_.abort_barriers();
        if (inference_) inference_->groups().abort_barriers();
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

    if (!compute(worker, list, step_range, step)) return false;
    Track* const track = track_of(worker);
    const bool exchanges = gradient_sum_.exchanges();
    if (!barrier(worker, [&] {
          step_metrics_ = gradient_sum_.publish_and_plan(list.count(), training_.pieces(),
                                                         flags_of(step_range));
          if (!exchanges) end_if_not_finite();
        })) {
      return false;
    }
    if (exchanges) {
      gradient_sum_.add(gradient_sum_.slice_before_exchange(step_update_.slice_of(worker), worker,
                                                            layout_.workers));
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
    if (step_update_.gathers()) {
      step_update_.gather(worker, track);
      if (!barrier(worker, [&] {
            communicator_.barrier(SyncPoint::update);
            if (track) track->record(TimeKind::waiting);
            step_update_.combine(step_metrics_.samples);
            if (track) track->record(TimeKind::reduction);
          })) {
        return false;
      }
    }
    const float rate =
        step_range.learning_rates[static_cast<std::size_t>(step - step_range.steps.begin)];
    finite_[static_cast<std::size_t>(worker)].value = step_update_.update(
        worker,
        {step_metrics_.samples, rate, step_factors(optimizer_, number_in_run(step_range, step))},
        track);
    return barrier(worker, [&] { commit(); });
  }

  // The compute part: all phases, each followed by its reductions. Those of the gradients are the
  // next part of the step.
  bool compute(int worker, const GrainList& list, const StepRange& step_range, Index step) {
    const WorkerGroups::Membership membership = training_.of(worker);
    Track* const track = track_of(worker);
    if (track) track->step(step_range.first_step + step);
    Weights weights = generations_.weights();
    weights.coefficients = statistics_.coefficients();
    const WorkerGroup::Work all{backend_,
                                weights,
                                normalizer_,
                                list,
                                {},
                                0,
                                track ? track - membership.member : nullptr,
                                context_of(step_range, step)};
    const WorkerGroup::Work work =
        training_.work_of(membership, all, gradient_sum_.grains_of_rank(list.count()));
    for (const Phase& phase : plan_.phases()) {
      if (!membership.group.run(membership.member, work, phase)) return false;
      if (phase.reductions.empty()) continue;
      if (!barrier(worker, [&] {
            if (track && layout_.domain_workers > 1) track->record(TimeKind::waiting);
            // The ranks of a memory domain share the parameters, so one of them writes.
            float* const next =
                leads_domain(communicator_) ? generations_.next_parameters() : nullptr;
            statistics_.finish(phase, list, weights.parameters, next);
            if (track) track->record(TimeKind::reduction);
          })) {
        return false;
      }
    }
    return true;
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

  // Worker 0 alone calls it, after all workers have updated. If all new weights on all ranks of the
  // memory domain are finite, the step commits: the new generation becomes current. (Every memory
  // domain computes the same weights.)
  void commit() {
    bool finite = statistics_.finite();
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
  BatchStatistics statistics_;
  StepUpdate step_update_;
  WorkerGroups training_;
  std::optional<Inference> inference_;  // where the net that evaluates is another

  // State of the step in progress. Worker 0 writes it while all others wait; finite_ has one entry
  // for each worker.
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
  check_groups_fit(net, options.grain);
  return std::make_unique<CpuEngine>(net, optimizer, options, communicator);
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Backend* backend : backends()) names.emplace_back(backend->name);
  return names;
}

}  // namespace convoy
