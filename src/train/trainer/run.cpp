// SPDX-License-Identifier: Apache-2.0
// The run itself: epochs, divided into step ranges that end at the next log, checkpoint or
// evaluation. The division changes no weight and no metric.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <span>
#include <sstream>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "parallel/collectives.hpp"
#include "runtime/timeline.hpp"
#include "train/agreement.hpp"
#include "train/data_fit.hpp"
#include "train/schedule.hpp"
#include "train/trainer/state.hpp"

namespace convoy {
namespace {

constexpr Index kLogsPerEpoch = 100;
// Threads are woken once per step range, which takes milliseconds on a busy machine, so a step
// range has at least this much work, some hundredths of a second.
constexpr Index kStepRangeFlops = 5'000'000'000;
// If a thread waits for others for this part of the steps' time or more, fewer threads are as fast.
// Shorter waits than this are not reported.
constexpr double kMostWaiting = 0.5, kLeastSecondsWaited = 0.05;

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

struct Score {
  double loss = 0;
  double accuracy = 0;
};

// Compares two validations: by higher accuracy, then by lower loss; the earlier wins if both are
// equal.
bool is_better(const EpochMetrics& candidate, const EpochMetrics& best) {
  if (candidate.validation_accuracy != best.validation_accuracy) {
    return candidate.validation_accuracy > best.validation_accuracy;
  }
  return candidate.validation_loss < best.validation_loss;
}

// The mean loss per sample of a net that gives every class the same probability (with a loss that
// treats outputs separately: 0.5 for each output; the least mean squared error is that of equal
// outputs, too).
double loss_of_guessing(const Loss& loss) {
  const auto classes = static_cast<double>(loss.classes);
  switch (loss.function) {
    case LossFunction::softmax_cross_entropy:
      return std::log(classes);
    case LossFunction::sigmoid_binary_cross_entropy:
      return classes * std::log(2.0);
    case LossFunction::mean_squared_error:
      break;
  }
  return (classes - 1) / (classes * classes);
}

// The number with the fewest decimal digits that rounds to this rate: 0.1, as people write it, and
// not 0.10000000149.
double in_decimals(float rate) {
  std::istringstream digits(fmt::format("{}", rate));
  digits.imbue(std::locale::classic());
  double value = 0;
  digits >> value;
  return value;
}

// What to do when training diverges. A tenth of the rate is a first try, which can be pasted.
std::string remedy_for_divergence(const TrainSettings& settings) {
  const std::string warm_up =
      settings.schedule == ScheduleKind::one_cycle
          ? fmt::format("rise (train.pct_start, now {})", settings.pct_start)
          : fmt::format("warm-up (train.warmup_epochs, now {})", settings.warmup_epochs);
  return fmt::format(
      "begin a new run with a lower rate (--set optimizer.learning_rate={:.3g}; now {}) or a "
      "longer {}, or check the input's scale",
      learning_rate(settings.optimizer) / 10, learning_rate(settings.optimizer), warm_up);
}

double rate(double amount, double seconds) {
  return seconds > 0 ? amount / seconds : 0;
}

}  // namespace

// One call of RunTrainer::train().
class Training {
 public:
  Training(RunTrainer::State& state, Observer& observer, const std::atomic<bool>* stop,
           CheckpointEvery every, Index verify_every)
      : state_(state),
        observer_(observer),
        stop_(stop),
        every_(every),
        verify_every_(state.communicator.size() > 1 ? verify_every : 0),
        log_every_(steps_per_log(state)),
        first_step_(state.position.step) {
    learning_rates_.reserve(static_cast<std::size_t>(std::min(log_every_, state.steps_per_epoch)));
  }

  TrainResult run() {
    for (const std::string& warning : state_.warnings) observer_.warning(warning);
    state_.warnings.clear();
    if (!state_.complete()) report("running", "");
    while (!state_.complete()) {
      start_epoch();
      while (position().epoch_step < state_.steps_per_epoch) {
        const StepRangeResult result = run_step_range();
        if (result.outcome == Outcome::not_finite) return not_finite(result);
        if (result.outcome == Outcome::stopped) {
          save();
          return finish(RunStatus::stopped, "");
        }
        if (verify_every_ > 0 && position().step % verify_every_ == 0) verify();
        if (position().epoch_step < state_.steps_per_epoch && checkpoint_due()) save();
      }
      finish_epoch();
    }
    return finish(RunStatus::done, "");
  }

 private:
  RunPosition& position() { return state_.position; }

  void start_epoch() {
    const auto& samples = state_.split.train;
    order_ = epoch_order(state_.order, static_cast<Index>(samples.size()), state_.model.train.seed,
                         position().epoch);
    order_.resize(static_cast<std::size_t>(state_.samples_per_epoch));
    for (std::uint32_t& position : order_) position = samples[position];
  }

  static Index steps_per_log(const RunTrainer::State& state) {
    const Index step_flops =
        std::max<Index>(state.model.net.flops_per_sample() * state.model.train.batch, 1);
    return std::max(
        {state.steps_per_epoch / kLogsPerEpoch, kStepRangeFlops / step_flops, Index{1}});
  }

  Index step_range_end() {
    const Index begin = position().epoch_step;
    Index end = std::min(begin - begin % log_every_ + log_every_, state_.steps_per_epoch);
    if (every_.unit == CheckpointEvery::Unit::steps) end = std::min(end, next(every_.count));
    if (verify_every_ > 0) end = std::min(end, next(verify_every_));
    return end;
  }

  // The step of the epoch after which the run's step is a multiple of `count`.
  Index next(Index count) {
    const Index ahead = count - position().step % count;
    const Index begin = position().epoch_step;
    return ahead < state_.steps_per_epoch - begin ? begin + ahead : state_.steps_per_epoch;
  }

  StepRangeResult run_step_range() {
    StepRange step_range;
    step_range.data = &state_.train;
    step_range.order = order_;
    step_range.steps = {position().epoch_step, step_range_end()};
    step_range.first_step = position().step - position().epoch_step;
    step_range.batch = largest_batch(state_.model.train, state_.train);
    learning_rates_.clear();
    for (Index i = 0; i < step_range.steps.size(); ++i) {
      learning_rates_.push_back(
          learning_rate(state_.model.train, position().step + i, state_.steps_per_epoch));
    }
    step_range.learning_rates = learning_rates_;
    step_range.stop = stop_;
    step_range.before = position().epoch_sums;
    step_range.seed = state_.model.train.seed;
    step_range.epoch = static_cast<std::uint32_t>(position().epoch);

    const Stopwatch watch;
    const StepRangeResult result = state_.engine.run(step_range);
    const double seconds = watch.seconds();

    const Index samples = result.total.samples - position().epoch_sums.samples;
    CONVOY_ASSERT(samples >= result.steps_done);
    position().epoch_sums = result.total;
    position().epoch_sums.flags = 0;
    position().epoch_step += result.steps_done;
    position().step += result.steps_done;
    position().epoch_seconds += seconds;
    seconds_ += seconds;
    waited_ += result.waited;
    if (result.outcome != Outcome::not_finite) tell_progress(samples, seconds);
    return result;
  }

  void tell_progress(Index step_range_samples, double seconds) {
    const StepMetrics& sums = position().epoch_sums;
    const auto samples = static_cast<double>(sums.samples);
    const auto run_samples = static_cast<double>(state_.samples_per_epoch) *
                             static_cast<double>(state_.model.train.epochs - position().epoch + 1);
    Progress progress;
    progress.epoch = position().epoch;
    progress.epochs = state_.model.train.epochs;
    progress.step = position().epoch_step;
    progress.steps_per_epoch = state_.steps_per_epoch;
    progress.samples = sums.samples;
    progress.loss = sums.loss / samples;
    progress.images_per_second = rate(static_cast<double>(step_range_samples), seconds);
    progress.seconds_left = (run_samples - samples) * position().epoch_seconds / samples;
    observer_.progress(progress);
  }

  // Called at the end of a step range or of an epoch. The result is the same on all ranks, because
  // only the clock of rank 0 counts.
  bool checkpoint_due() {
    switch (every_.unit) {
      case CheckpointEvery::Unit::steps:
        return position().step % every_.count == 0;
      case CheckpointEvery::Unit::epochs:
        return position().epoch_step == 0 && (position().epoch - 1) % every_.count == 0;
      case CheckpointEvery::Unit::minutes:
      case CheckpointEvery::Unit::seconds:
        return broadcast(state_.communicator, is_time() ? "yes" : "no", SyncPoint::checkpoint) ==
               "yes";
    }
    return false;
  }

  bool is_time() const {
    const double unit = every_.unit == CheckpointEvery::Unit::minutes ? 60 : 1;
    return since_checkpoint_.seconds() >= unit * static_cast<double>(every_.count);
  }

  Score evaluate(const Dataset& data, std::span<const std::uint32_t> samples) {
    if (samples.empty()) return {kNotMeasured, kNotMeasured};
    state_.communicator.publish(Activity::evaluating, position().step);
    const StepMetrics sums = state_.engine.evaluate(data, samples).metrics;
    const auto count = static_cast<double>(sums.samples);
    return {sums.loss / count, static_cast<double>(sums.correct) / count};
  }

  EpochMetrics measure_epoch() {
    EpochMetrics metrics;
    metrics.epoch = position().epoch;
    const auto samples = static_cast<double>(position().epoch_sums.samples);
    metrics.train_loss = position().epoch_sums.loss / samples;
    metrics.train_accuracy = static_cast<double>(position().epoch_sums.correct) / samples;
    metrics.learning_rate =
        in_decimals(learning_rate(state_.model.train, position().step - 1, state_.steps_per_epoch));
    metrics.seconds = position().epoch_seconds;
    metrics.images_per_second = rate(samples, metrics.seconds);
    if (!state_.split.validation.empty()) {
      const Score score = evaluate(state_.train, state_.split.validation);
      metrics.validation_loss = score.loss;
      metrics.validation_accuracy = score.accuracy;
    }
    const Score score = evaluate(state_.test, state_.test_samples);
    metrics.test_loss = score.loss;
    metrics.test_accuracy = score.accuracy;
    return metrics;
  }

  // Metrics and best epoch are written to the disk before the checkpoint after them. So a resumed
  // run removes only what it will measure again, and never lacks anything else.
  void finish_epoch() {
    const EpochMetrics metrics = measure_epoch();
    position().epoch += 1;
    position().epoch_step = 0;
    position().epoch_sums = {};
    position().epoch_seconds = 0;
    if (state_.folder) {
      const TimeSpan span(state_.engine.timeline(), TimeKind::checkpoint);
      state_.folder->append(metrics);
      if (is_best(metrics)) state_.folder->save_best(state_.checkpoint());
    }
    state_.epochs.push_back(metrics);
    observer_.epoch(metrics);
    warn_of_divergence(metrics);
    if (std::exchange(first_epoch_, false)) warn_of_waiting();
    if (checkpoint_due() || state_.complete()) save();
  }

  // Numbers can stay finite long after training has become useless.
  void warn_of_divergence(const EpochMetrics& metrics) {
    constexpr double kFar = 10;
    const double guessing = loss_of_guessing(state_.model.net.loss());
    if (has_warned_of_divergence_ || !(metrics.train_loss > kFar * guessing)) return;
    has_warned_of_divergence_ = true;
    observer_.warning(fmt::format(
        "training diverges: the mean training loss of epoch {} is {:.4g}, but guessing "
        "gives {:.3g}: {}",
        metrics.epoch, metrics.train_loss, guessing, remedy_for_divergence(state_.model.train)));
  }

  // The causes are steps shorter than a barrier of the threads, or cores that are busy with other
  // work.
  void warn_of_waiting() {
    if (waited_ < std::max(kMostWaiting * seconds_, kLeastSecondsWaited)) return;
    observer_.warning(
        fmt::format("the {} threads have waited for each other for {:.0f} % of their steps' time "
                    "so far, because the steps are short ({:.2g} ms) or other programs use the "
                    "machine: fewer threads (--threads 1) may be faster, with the same weights",
                    state_.engine.threads(), 100 * waited_ / seconds_,
                    1e3 * seconds_ / static_cast<double>(position().step - first_step_)));
  }

  bool is_best(const EpochMetrics& metrics) const {
    if (!metrics.validation_accuracy) return false;
    return std::all_of(state_.epochs.begin(), state_.epochs.end(),
                       [&](const EpochMetrics& other) { return is_better(metrics, other); });
  }

  void verify() {
    const TimeSpan span(state_.engine.timeline(), TimeKind::verification);
    verify_weights(state_.communicator,
                   state_sha256(state_.model.net, state_.engine.state(), position().step),
                   position().step);
  }

  void save() {
    if (!state_.keeps) return;
    if (state_.communicator.size() > 1) verify();
    // All ranks publish this, although one writes: their next collective call carries the step,
    // which must be equal on all of them.
    state_.communicator.publish(Activity::saving, position().step);
    if (!state_.folder) return;
    const TimeSpan span(state_.engine.timeline(), TimeKind::checkpoint);
    const Checkpoint checkpoint = state_.checkpoint();
    state_.newest = state_.folder->save(checkpoint);
    state_.folder->report({"running", position(), checkpoint.weights_sha256, ""});
    since_checkpoint_.restart();
    observer_.checkpoint(state_.newest);
  }

  void report(std::string_view status, const std::string& message) {
    if (!state_.folder) return;
    state_.folder->report({status, position(), state_.checkpoint().weights_sha256, message});
  }

  TrainResult not_finite(const StepRangeResult& result) {
    const TrainSettings& settings = state_.model.train;
    std::string message = fmt::format(
        "epoch {}, step {} of {}: the loss ({}) or its gradient is not finite; the weights are "
        "those before that step: {}",
        position().epoch, position().epoch_step + 1, state_.steps_per_epoch, result.last_loss,
        remedy_for_divergence(settings));
    if (!state_.newest.empty()) {
      message += fmt::format("; the last checkpoint is {}", state_.newest.string());
    }
    return finish(RunStatus::not_finite, message);
  }

  TrainResult finish(RunStatus status, const std::string& message) {
    const Checkpoint last = state_.checkpoint();
    if (state_.folder) {
      state_.folder->report({to_string(status), position(), last.weights_sha256, message});
    }
    TrainResult result;
    result.status = status;
    result.message = message;
    result.epochs = state_.epochs;
    result.steps = position().step - first_step_;
    result.train_seconds = position().epoch_seconds;
    for (const EpochMetrics& metrics : state_.epochs) result.train_seconds += metrics.seconds;
    result.weights_sha256 = last.weights_sha256;
    result.average_sha256 = last.average_sha256;
    result.state_sha256 = last.state_sha256;
    result.checkpoint = state_.newest;
    result.best = best();
    result.initial_weights_sha256 = state_.initial_weights_sha256;
    return result;
  }

  std::optional<BestEpoch> best() const {
    const EpochMetrics* best = nullptr;
    for (const EpochMetrics& metrics : state_.epochs) {
      if (!metrics.validation_accuracy) continue;
      if (best == nullptr || is_better(metrics, *best)) best = &metrics;
    }
    if (best == nullptr) return std::nullopt;
    return BestEpoch{best->epoch, *best->validation_accuracy,
                     state_.folder ? best_checkpoint_of(state_.path) : std::filesystem::path()};
  }

  RunTrainer::State& state_;
  Observer& observer_;
  const std::atomic<bool>* stop_;
  CheckpointEvery every_;
  Index verify_every_;
  Index log_every_;
  const Index first_step_;  // of the run
  std::vector<std::uint32_t> order_;
  std::vector<float> learning_rates_;
  double seconds_ = 0, waited_ = 0;  // of all steps of this call, and waited in them
  bool first_epoch_ = true;          // until this call has finished its first epoch
  Stopwatch since_checkpoint_;
  bool has_warned_of_divergence_ = false;
};

TrainResult RunTrainer::train(Observer& observer, const std::atomic<bool>* stop,
                              CheckpointEvery checkpoint_every, Index verify_every) {
  try {
    return Training(*state_, observer, stop, checkpoint_every, verify_every).run();
  } catch (const std::exception& error) {
    if (state_->folder) report_end(state_->path, "failed", error.what());
    throw;
  }
}

}  // namespace convoy
