// SPDX-License-Identifier: Apache-2.0
// The CUDA engine: each rank uses one GPU. The work of a step is compiled once from the plan
// (cuda/compile.hpp) and stays on the device, with data, weights and optimizer state. A step range
// runs in one of three ways:
//
//   stages      one launch for each code of a step, and one that ends the step
//   graph       one launch of a graph that repeats these launches until the last step
//   persistent  one launch of a kernel that does all steps (cuda/kernels.cuh)
//
// With several ranks the host finishes the sum of every step (cuda/rank_sum.hpp). The engine
// publishes the current step each time that it launches steps.
#include "runtime/cuda_engine.hpp"

#include <map>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "net/fit_batch.hpp"
#include "parallel/collectives.hpp"
#include "runtime/check_use.hpp"
#include "runtime/cuda/choices.hpp"
#include "runtime/cuda/device_data.hpp"
#include "runtime/cuda/device_model.hpp"
#include "runtime/cuda/device_program.hpp"
#include "runtime/cuda/evaluator.hpp"
#include "runtime/cuda/inference.hpp"
#include "runtime/cuda/part_table.hpp"
#include "runtime/cuda/rank_statistics.hpp"
#include "runtime/cuda/rank_sum.hpp"
#include "runtime/cuda/stage_clock.hpp"
#include "runtime/recorded_communicator.hpp"
#include "runtime/score_sharing.hpp"

namespace convoy {
namespace {

using cuda::DeviceArray, cuda::DeviceProgram, cuda::Division, cuda::PinnedArray;
using cuda::Run, cuda::RunOutcome;

// The most steps whose launches wait in the stream at a time.
constexpr Index kStepsAhead = 64;

class SingleGpuEngine final : public CudaEngine {
 public:
  SingleGpuEngine(const Net& net, const NetOptimizer& optimizer, const EngineOptions& options,
                  Communicator& communicator)
      : net_(net),
        plan_(net),
        optimizer_(optimizer),
        options_(options),
        recorded_(options.timeline
                      ? std::make_unique<RecordedCommunicator>(communicator, *options.timeline)
                      : nullptr),
        communicator_(recorded_ ? *recorded_ : communicator),
        gpu_(cuda::device_of(communicator)),
        launching_(cuda::choose_launching(options, communicator, plan_,
                                          DeviceProgram::fits(gpu_, plan_, options.grain))),
        data_(gpu_, net),
        model_(gpu_, plan_, optimizer_),
        parts_(gpu_, communicator, options.grain),
        rank_sum_(gpu_, communicator_, options, plan_, parts_.most_samples(options.batch),
                  subtrees()),
        step_(gpu_, shared(), parts_.most_samples(options.batch),
              launching_ == Launching::persistent ? Division::sample : Division::batch,
              DeviceProgram::Use::training, options.batch, subtrees()),
        rank_statistics_(gpu_, communicator_, options, plan_),
        evaluator_(gpu_, shared_for_evaluations()),
        run_(gpu_, 1, "the state of a run"),
        host_run_(gpu_, 1),
        stop_(gpu_, 1) {
    if (InferenceNet::differs(net)) inference_.emplace(gpu_, net, optimizer_, options.grain);
    if (launching_ == Launching::graph) loop_ = step_.make_loop(run_.data());
    if (options.timeline) {
      options.timeline->prepare(plan_, 1);
      clock_.emplace(gpu_, *options.timeline, step_.codes().size());
    }
    warnings_ = cuda::warnings(communicator);
  }

  StepRangeResult run(const StepRange& step_range) override {
    check_step_range(net_, options_.batch, step_range);
    const FloatEnvironment environment;
    result_ = {Outcome::finished, 0, step_range.before, 0};
    if (clock_) all_gather(communicator_, "", SyncPoint::update);
    const StepRangeSpan span(options_.timeline, result_.steps_done);
    if (clock_) clock_->track().start();
    prepare(step_range);
    if (communicator_.size() > 1) {
      run_with_others(step_range);
    } else {
      run_alone(step_range);
    }
    return result_;
  }

  Evaluation evaluate(const Dataset& data, std::span<const std::uint32_t> samples,
                      bool with_probabilities) override {
    check_data(net_, data, samples);
    const FloatEnvironment environment;
    Evaluation evaluation;
    evaluation.predictions.resize(samples.size());
    const Index classes = net_.loss().classes;
    if (with_probabilities) {
      evaluation.probabilities.resize(samples.size() * static_cast<std::size_t>(classes));
    }
    const TimeSpan span(options_.timeline, TimeKind::evaluation);
    const GrainList list{&data, samples, options_.grain};
    const Range grains = split(list.count(), communicator_.size(), communicator_.rank());
    const Range mine = grains.empty() ? Range{} : list.range(grains);
    losses_.resize(static_cast<std::size_t>(mine.size()));
    hits_.resize(static_cast<std::size_t>(mine.size()));
    communicator_.heartbeat();
    if (inference_) fold();
    (inference_ ? inference_->evaluator() : evaluator_)
        .score(data_.images(data), inference_ ? cuda::Inference::kGeneration : model_.current(),
               samples.subspan(static_cast<std::size_t>(mine.begin),
                               static_cast<std::size_t>(mine.size())),
               {losses_.data(), hits_.data(), evaluation.predictions.data() + mine.begin,
                with_probabilities ? evaluation.probabilities.data() + mine.begin * classes
                                   : nullptr});
    evaluation.metrics = rank_sum_.sum_metrics(list.count(), grains, losses_, hits_);
    share_scores(communicator_, list, classes, evaluation);
    return evaluation;
  }

  ModelState state() const override { return model_.state(); }
  void set_state(const ModelState& state) override {
    check_state(net_, optimizer_, state);
    model_.set_state(state);
  }

  Index grain() const override { return options_.grain; }
  const NetOptimizer& optimizer() const override { return optimizer_; }
  int threads() const override { return 1; }
  std::string isa() const override { return cuda::isa_of(gpu_.facts()); }
  std::string device() const override { return "cuda"; }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  Timeline* timeline() const override { return options_.timeline; }

  Index launches() const override { return launches_; }
  std::vector<StageLaunches> stage_launches() const override {
    std::map<int, StageLaunches> stages;
    for (int code = 0; code < static_cast<int>(step_.codes().size()); ++code) {
      const gpu::GridSize size = step_.size_of(code);
      const int number = step_.codes()[static_cast<std::size_t>(code)].stage;
      StageLaunches& stage = stages[number];
      stage.stage = number;
      ++stage.launches;
      stage.blocks = std::max<Index>(stage.blocks, size.blocks);
      stage.threads = std::max<Index>(stage.threads, Index{size.blocks} * size.threads);
    }
    std::vector<StageLaunches> all;
    for (const auto& [number, stage] : stages) all.push_back(stage);
    return all;
  }

 private:
  void fold() {
    Buffer<float> parameters(net_.arena_size());
    model_.read_evaluated(parameters.data());
    gpu_.wait();
    inference_->fold(parameters.data());
  }

  // The most subtrees that are summed on the host; 0 in a job of one rank.
  Index subtrees() const {
    return communicator_.size() > 1 ? parts_.most_subtrees(options_.batch) : 0;
  }

  cuda::Shared shared() const {
    return {&plan_, &optimizer_, options_.grain, {model_.generation(0), model_.generation(1)}};
  }
  cuda::Shared shared_for_evaluations() const {
    return {&plan_, &optimizer_, options_.grain, {model_.evaluated(0), model_.evaluated(1)}};
  }

  // The host's copy of the run's state; send_run() copies it to the device.
  Run& host_run() { return host_run_[0]; }
  void send_run() { run_.write(gpu_, host_run_.data(), 1); }
  void receive_run() { run_.read(gpu_, host_run_.data(), 1); }

  template <class T>
  static void send(gpu::Gpu& gpu, DeviceArray<T>& to, const T* from, Index count,
                   std::string_view what) {
    if (to.size() < count) to = DeviceArray<T>(gpu, count, what);
    to.write(gpu, from, count);
  }

  static Index samples_of(const StepRange& step_range, Index step) {
    const Index begin = step * step_range.batch;
    return std::min(step_range.batch, static_cast<Index>(step_range.order.size()) - begin);
  }

  void prepare(const StepRange& step_range) {
    const Index steps = step_range.steps.size(), first = step_range.steps.begin * step_range.batch;
    const Index end = std::min(step_range.steps.end * step_range.batch,
                               static_cast<Index>(step_range.order.size()));
    send(gpu_, order_, step_range.order.data() + first, end - first, "the order of an epoch");
    send(gpu_, rates_, step_range.learning_rates.data(), steps, "the learning rates");
    step_factors_.clear();
    for (Index step = 0; step < steps; ++step) {
      step_factors_.push_back(
          step_factors(optimizer_, number_in_run(step_range, step_range.steps.begin + step)));
    }
    send(gpu_, factors_, step_factors_.data(), steps, "the factors of the steps");
    if (step_losses_.size() < steps) {
      step_losses_ = {gpu_, steps, "the losses of steps"};
      step_correct_ = {gpu_, steps, "the losses of steps"};
    }
    Run& run = host_run();
    run = Run{};
    cuda::StepRangeInput& input = run.input;
    input.images = data_.images(*step_range.data);
    input.order = order_.data();
    input.batch = static_cast<int>(step_range.batch);
    input.samples = end - first;
    input.full = parts_.of_batch(std::min(step_range.batch, input.samples)).part;
    const Index rest = input.samples % step_range.batch;
    input.last = rest == 0 ? input.full : parts_.of_batch(rest).part;
    input.rates = rates_.data();
    input.factors = factors_.data();
    input.stop = stop_.data();
    input.context = context_of(step_range, step_range.steps.begin);
    input.losses = step_losses_.data();
    input.correct = step_correct_.data();
    run.current = model_.current();
    stop_[0] = 0;
  }

  void look_for_stop(const StepRange& step_range) {
    communicator_.heartbeat();
    if (step_range.stop && step_range.stop->load(std::memory_order_relaxed)) {
      *static_cast<volatile int*>(stop_.data()) = 1;
    }
  }

  Index steps_of_launch() const {
    if (clock_) return 1;
    if (launching_ == Launching::stages) return kStepsAhead;
    return options_.gpu.steps_per_launch;
  }

  void run_alone(const StepRange& step_range) {
    const Index steps = step_range.steps.size(), at_once = steps_of_launch();
    Run& run = host_run();
    while (run.step < steps && run.outcome == RunOutcome::running) {
      communicator_.publish(Activity::training,
                            step_range.first_step + step_range.steps.begin + run.step);
      look_for_stop(step_range);
      run.limit = static_cast<int>(at_once == 0 ? steps : std::min(run.step + at_once, steps));
      const int begin = run.step, limit = run.limit;
      send_run();
      launch(step_range, begin, limit);
      receive_run();
      gpu_.wait([&] { look_for_stop(step_range); });
      model_.set_current(run.current);
      if (clock_) clock_->end(step_.codes());
    }
    collect(step_range);
  }

  void launch(const StepRange& step_range, int begin, int end) {
    if (launching_ == Launching::graph) {
      loop_->launch();
      ++launches_;
    } else if (launching_ == Launching::persistent) {
      step_.launch_steps(run_.data());
      ++launches_;
    } else {
      for (int step = begin; step < end; ++step) {
        launch_codes(step_range, step);
        step_.launch_finish(run_.data());
        ++launches_;
      }
    }
  }

  void launch_codes(const StepRange& step_range, int step) {
    if (clock_) clock_->begin(step_range.first_step + step_range.steps.begin + step);
    for (std::size_t code = 0; code < step_.codes().size(); ++code) {
      step_.launch_code(static_cast<int>(code), run_.data());
      if (communicator_.size() > 1 && step_.codes()[code].kind == cuda::CodeKind::reduction) {
        finish_statistics(step_range, step, step_.codes()[code].index);
      }
      if (clock_) clock_->after_code(code);
    }
    launches_ += static_cast<Index>(step_.codes().size());
  }

  // Finishes a reduction over the batch with the other ranks.
  void finish_statistics(const StepRange& step_range, int step, int reduction) {
    const Index samples = samples_of(step_range, step_range.steps.begin + step);
    const auto first = static_cast<std::size_t>((step_range.steps.begin + step) * step_range.batch);
    const GrainList list{step_range.data,
                         step_range.order.subspan(first, static_cast<std::size_t>(samples)),
                         options_.grain};
    rank_statistics_.after_reduction(reduction, list, parts_.of_batch(samples).grains, step_,
                                     model_);
  }

  // Reads the results that the device wrote for each step.
  void collect(const StepRange& step_range) {
    const Run& run = host_run();
    const bool failed = run.outcome == RunOutcome::not_finite;
    const Index noted = run.step + (failed ? 1 : 0);
    std::vector<double> losses(static_cast<std::size_t>(noted));
    std::vector<long long> correct(static_cast<std::size_t>(noted));
    step_losses_.read(gpu_, losses.data(), noted);
    step_correct_.read(gpu_, correct.data(), noted);
    gpu_.wait();
    for (Index step = 0; step < noted; ++step) {
      const auto i = static_cast<std::size_t>(step);
      const Index samples = samples_of(step_range, step_range.steps.begin + step);
      result_.last_loss = losses[i] / static_cast<double>(samples);
      if (step == run.step) break;  // this step was not finite
      result_.total.add({losses[i], correct[i], samples, 0});
    }
    result_.steps_done = run.step;
    if (run.outcome == RunOutcome::stopped) result_.outcome = Outcome::stopped;
    if (failed) result_.outcome = Outcome::not_finite;
  }

  void run_with_others(const StepRange& step_range) {
    const Index steps = step_range.steps.size();
    while (result_.steps_done < steps && result_.outcome == Outcome::finished) {
      run_step_with_others(step_range);
    }
  }

  void run_step_with_others(const StepRange& step_range) {
    Run& run = host_run();
    const Index step = step_range.steps.begin + run.step;
    communicator_.publish(Activity::training, step_range.first_step + step);
    send_run();
    launch_codes(step_range, run.step);
    const bool stop = step_range.stop && step_range.stop->load(std::memory_order_relaxed);
    const cuda::PartTable::Entry& part = parts_.of_batch(samples_of(step_range, step));
    const StepMetrics step_metrics = rank_sum_.finish(part, step_, rank_statistics_.statistics(),
                                                      stop ? StepMetrics::stop_requested : 0U);
    if (clock_) clock_->end(step_.codes());
    result_.last_loss = step_metrics.loss / static_cast<double>(step_metrics.samples);
    bool finite = !(step_metrics.flags & StepMetrics::not_finite);
    if (finite) {
      launches_ += step_.launch_update(run_.data());
      receive_run();
      gpu_.wait([this] { communicator_.heartbeat(); });
      finite = run.bad_step != run.step && rank_statistics_.statistics().finite();
    }
    if (clock_) clock_->track().record(TimeKind::update);
    if (!finite) {
      result_.outcome = Outcome::not_finite;
      return;
    }
    run.current = 1 - run.current;
    ++run.step;
    model_.set_current(run.current);
    result_.total.add(step_metrics);
    ++result_.steps_done;
    if (step_metrics.flags & StepMetrics::stop_requested) result_.outcome = Outcome::stopped;
  }

  const Net& net_;
  const Plan plan_;
  const NetOptimizer optimizer_;
  const EngineOptions options_;
  const std::unique_ptr<Communicator> recorded_;  // null without a timeline
  Communicator& communicator_;
  gpu::Gpu gpu_;
  const Launching launching_;
  std::vector<std::string> warnings_;
  cuda::DeviceData data_;
  cuda::DeviceModel model_;
  cuda::PartTable parts_;
  cuda::RankSum rank_sum_;
  DeviceProgram step_;
  std::unique_ptr<gpu::Gpu::Loop> loop_;  // for Launching::graph
  cuda::RankStatistics rank_statistics_;
  cuda::Evaluator evaluator_;
  std::optional<cuda::Inference> inference_;  // where the net that evaluates is another
  std::optional<cuda::StageClock> clock_;

  // State of the step range or the evaluation in progress.
  DeviceArray<Run> run_;
  PinnedArray<Run> host_run_;
  PinnedArray<int> stop_;
  DeviceArray<std::uint32_t> order_;
  DeviceArray<float> rates_;
  std::vector<StepFactors> step_factors_;
  DeviceArray<StepFactors> factors_;
  DeviceArray<double> step_losses_;
  DeviceArray<long long> step_correct_;
  std::vector<double> losses_;
  std::vector<int> hits_;
  StepRangeResult result_;
  Index launches_ = 0;
};

}  // namespace

std::unique_ptr<CudaEngine> make_cuda_engine(const Net& net, const NetOptimizer& optimizer,
                                             const EngineOptions& options,
                                             Communicator& communicator) {
  cuda::check_cuda_options(options, communicator);
  check_groups_fit(net, options.grain);
  return std::make_unique<SingleGpuEngine>(net, optimizer, options, communicator);
}

std::vector<CudaDevice> cuda_devices() {
  std::vector<CudaDevice> devices;
  for (const gpu::Facts& facts : gpu::devices()) {
    devices.push_back(
        {facts.name, facts.compute_capability, facts.multiprocessors, facts.memory_bytes});
  }
  return devices;
}

std::string cuda_library() {
  return gpu::library();
}

}  // namespace convoy
