// SPDX-License-Identifier: Apache-2.0
// The engine of one GPU a rank. What it does with a step is compiled from the plan once
// (cuda/compile.hpp) and lies on the device, as data, weights and optimizer state do. A stretch is
//
//   stages      launches: one for each code of a step, and one that ends the step
//   graph       one launch: a graph that repeats these as long as there are steps
//   persistent  one launch: a kernel whose blocks stay (cuda/kernels.cuh)
//
// With several ranks every step meets on the host (cuda/rank_sum.hpp). What step it is at is
// published with each launch.
#include <map>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "parallel/collectives.hpp"
#include "runtime/check_use.hpp"
#include "runtime/cuda/choices.hpp"
#include "runtime/cuda/device_data.hpp"
#include "runtime/cuda/device_model.hpp"
#include "runtime/cuda/device_program.hpp"
#include "runtime/cuda/evaluator.hpp"
#include "runtime/cuda/part_table.hpp"
#include "runtime/cuda/rank_sum.hpp"
#include "runtime/cuda/stage_clock.hpp"
#include "runtime/engine.hpp"
#include "runtime/recorded_communicator.hpp"
#include "runtime/score_sharing.hpp"

namespace convoy {
namespace {

using cuda::DeviceArray, cuda::DeviceProgram, cuda::Division, cuda::PinnedArray;
using cuda::Run, cuda::RunOutcome;

// Steps whose launches wait in the stream at a time.
constexpr Index kStepsAhead = 64;

class CudaEngine final : public Engine {
 public:
  CudaEngine(const Net& net, const Sgd& optimizer, const EngineOptions& options,
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
        launching_(cuda::choose_launching(options, communicator,
                                          DeviceProgram::fits(gpu_, plan_, options.grain))),
        data_(gpu_, net),
        model_(gpu_, plan_, optimizer),
        parts_(gpu_, communicator, options.grain),
        sum_(gpu_, communicator_, options, plan_, parts_.most_samples(options.batch), nodes()),
        step_(gpu_, shared(), parts_.most_samples(options.batch),
              launching_ == Launching::persistent ? Division::sample : Division::batch,
              DeviceProgram::Use::training, nodes()),
        evaluator_(gpu_, shared()),
        run_(gpu_, 1, "the state of a run"),
        host_run_(gpu_, 1),
        stop_(gpu_, 1) {
    if (launching_ == Launching::graph) loop_ = step_.make_loop(run_.data());
    if (options.timeline) {
      options.timeline->prepare(plan_, 1);
      clock_.emplace(gpu_, *options.timeline, step_.codes().size());
    }
    warnings_ = cuda::warnings(communicator);
  }

  StretchResult run(const Stretch& stretch) override {
    check_stretch(net_, options_.batch, stretch);
    const FloatEnvironment environment;
    result_ = {Outcome::finished, 0, stretch.before, 0};
    if (clock_) all_gather(communicator_, "", Meeting::update);
    const StretchSpan span(options_.timeline, result_.steps_done);
    if (clock_) clock_->lane().start();
    prepare(stretch);
    if (communicator_.size() > 1) {
      run_with_others(stretch);
    } else {
      run_alone(stretch);
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
    communicator_.pulse();
    evaluator_.score(
        data_.images(data), model_.current(),
        samples.subspan(static_cast<std::size_t>(mine.begin),
                        static_cast<std::size_t>(mine.size())),
        {losses_.data(), hits_.data(), evaluation.predictions.data() + mine.begin,
         with_probabilities ? evaluation.probabilities.data() + mine.begin * classes : nullptr});
    evaluation.tally = sum_.sum_tallies(list.count(), grains, losses_, hits_);
    share_scores(communicator_, list, classes, evaluation);
    return evaluation;
  }

  ModelState state() const override { return model_.state(); }
  void set_state(const ModelState& state) override {
    check_state(net_, state);
    model_.set_state(state);
  }

  Index grain() const override { return options_.grain; }
  Sgd optimizer() const override { return optimizer_; }
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
  // Nodes of the tree that go through the host; none where no other rank has any.
  Index nodes() const { return communicator_.size() > 1 ? parts_.most_nodes(options_.batch) : 0; }

  cuda::Shared shared() const {
    return {&plan_, optimizer_, options_.grain, {model_.generation(0), model_.generation(1)}};
  }

  // The host's copy of the run's state is what the device gets with the next launch.
  Run& host_run() { return host_run_[0]; }
  void send_run() { run_.write(gpu_, host_run_.data(), 1); }
  void receive_run() { run_.read(gpu_, host_run_.data(), 1); }

  template <class T>
  static void send(gpu::Gpu& gpu, DeviceArray<T>& to, const T* from, Index count,
                   std::string_view what) {
    if (to.size() < count) to = DeviceArray<T>(gpu, count, what);
    to.write(gpu, from, count);
  }

  static Index samples_of(const Stretch& stretch, Index step) {
    const Index begin = step * stretch.batch;
    return std::min(stretch.batch, static_cast<Index>(stretch.order.size()) - begin);
  }

  void prepare(const Stretch& stretch) {
    const Index steps = stretch.steps.size(), first = stretch.steps.begin * stretch.batch;
    const Index end =
        std::min(stretch.steps.end * stretch.batch, static_cast<Index>(stretch.order.size()));
    send(gpu_, order_, stretch.order.data() + first, end - first, "the order of an epoch");
    send(gpu_, rates_, stretch.learning_rates.data(), steps, "the learning rates");
    if (step_losses_.size() < steps) {
      step_losses_ = {gpu_, steps, "the losses of steps"};
      step_correct_ = {gpu_, steps, "the losses of steps"};
    }
    Run& run = host_run();
    run = Run{};
    cuda::StretchInput& input = run.input;
    input.images = data_.images(*stretch.data);
    input.order = order_.data();
    input.batch = static_cast<int>(stretch.batch);
    input.samples = end - first;
    input.full = parts_.of_batch(std::min(stretch.batch, input.samples)).part;
    const Index rest = input.samples % stretch.batch;
    input.last = rest == 0 ? input.full : parts_.of_batch(rest).part;
    input.rates = rates_.data();
    input.stop = stop_.data();
    input.losses = step_losses_.data();
    input.correct = step_correct_.data();
    run.current = model_.current();
    stop_[0] = 0;
  }

  void look_for_stop(const Stretch& stretch) {
    communicator_.pulse();
    if (stretch.stop && stretch.stop->load(std::memory_order_relaxed)) {
      *static_cast<volatile int*>(stop_.data()) = 1;
    }
  }

  Index steps_of_launch() const {
    if (clock_) return 1;
    if (launching_ == Launching::stages) return kStepsAhead;
    return options_.steps_per_launch;
  }

  void run_alone(const Stretch& stretch) {
    const Index steps = stretch.steps.size(), at_once = steps_of_launch();
    Run& run = host_run();
    while (run.step < steps && run.outcome == RunOutcome::running) {
      communicator_.publish(Activity::training,
                            stretch.first_step + stretch.steps.begin + run.step);
      look_for_stop(stretch);
      run.limit = static_cast<int>(at_once == 0 ? steps : std::min(run.step + at_once, steps));
      const int begin = run.step, limit = run.limit;
      send_run();
      launch(stretch, begin, limit);
      receive_run();
      gpu_.wait([&] { look_for_stop(stretch); });
      model_.set_current(run.current);
      if (clock_) clock_->end(step_.codes());
    }
    collect(stretch);
  }

  void launch(const Stretch& stretch, int begin, int end) {
    if (launching_ == Launching::graph) {
      loop_->launch();
      ++launches_;
    } else if (launching_ == Launching::persistent) {
      step_.launch_steps(run_.data());
      ++launches_;
    } else {
      for (int step = begin; step < end; ++step) {
        launch_codes(stretch, step);
        step_.launch_finish(run_.data());
        ++launches_;
      }
    }
  }

  void launch_codes(const Stretch& stretch, int step) {
    if (clock_) clock_->begin(stretch.first_step + stretch.steps.begin + step);
    for (std::size_t code = 0; code < step_.codes().size(); ++code) {
      step_.launch_code(static_cast<int>(code), run_.data());
      if (clock_) clock_->after_code(code);
    }
    launches_ += static_cast<Index>(step_.codes().size());
  }

  // What the device noted of each step.
  void collect(const Stretch& stretch) {
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
      const Index samples = samples_of(stretch, stretch.steps.begin + step);
      result_.last_loss = losses[i] / static_cast<double>(samples);
      if (step == run.step) break;  // it failed
      result_.total.add({losses[i], correct[i], samples, 0});
    }
    result_.steps_done = run.step;
    if (run.outcome == RunOutcome::stopped) result_.outcome = Outcome::stopped;
    if (failed) result_.outcome = Outcome::not_finite;
  }

  void run_with_others(const Stretch& stretch) {
    const Index steps = stretch.steps.size();
    while (result_.steps_done < steps && result_.outcome == Outcome::finished) {
      run_step_with_others(stretch);
    }
  }

  void run_step_with_others(const Stretch& stretch) {
    Run& run = host_run();
    const Index step = stretch.steps.begin + run.step;
    communicator_.publish(Activity::training, stretch.first_step + step);
    send_run();
    launch_codes(stretch, run.step);
    const bool stop = stretch.stop && stretch.stop->load(std::memory_order_relaxed);
    const cuda::PartTable::Entry& part = parts_.of_batch(samples_of(stretch, step));
    const Tally tally = sum_.finish(part, step_, stop ? Tally::stop_requested : 0U);
    if (clock_) clock_->end(step_.codes());
    result_.last_loss = tally.loss / static_cast<double>(tally.samples);
    bool finite = !(tally.flags & Tally::not_finite);
    if (finite) {
      step_.launch_update(run_.data(), sum_.sums(), part.part.scale);
      ++launches_;
      receive_run();
      gpu_.wait([this] { communicator_.pulse(); });
      finite = run.bad_step != run.step;
    }
    if (clock_) clock_->lane().lap(TimeKind::update);
    if (!finite) {
      result_.outcome = Outcome::not_finite;
      return;
    }
    run.current = 1 - run.current;
    ++run.step;
    model_.set_current(run.current);
    result_.total.add(tally);
    ++result_.steps_done;
    if (tally.flags & Tally::stop_requested) result_.outcome = Outcome::stopped;
  }

  const Net& net_;
  const Plan plan_;
  const Sgd optimizer_;
  const EngineOptions options_;
  const std::unique_ptr<Communicator> recorded_;  // where there is a timeline
  Communicator& communicator_;
  gpu::Gpu gpu_;
  const Launching launching_;
  std::vector<std::string> warnings_;
  cuda::DeviceData data_;
  cuda::DeviceModel model_;
  cuda::PartTable parts_;
  cuda::RankSum sum_;
  DeviceProgram step_;
  std::unique_ptr<gpu::Gpu::Loop> loop_;  // of the launching graph
  cuda::Evaluator evaluator_;
  std::optional<cuda::StageClock> clock_;

  // Of the stretch or the evaluation in progress.
  DeviceArray<Run> run_;
  PinnedArray<Run> host_run_;
  PinnedArray<int> stop_;
  DeviceArray<std::uint32_t> order_;
  DeviceArray<float> rates_;
  DeviceArray<double> step_losses_;
  DeviceArray<long long> step_correct_;
  std::vector<double> losses_;
  std::vector<int> hits_;
  StretchResult result_;
  Index launches_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_cuda_engine(const Net& net, const Sgd& optimizer,
                                         const EngineOptions& options, Communicator& communicator) {
  cuda::check_cuda_options(options, communicator);
  return std::make_unique<CudaEngine>(net, optimizer, options, communicator);
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
