// SPDX-License-Identifier: Apache-2.0
// The run itself: epochs, cut into stretches that end at the next log, checkpoint or evaluation.
// Where they end never shows in a weight nor in a metric.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <locale>
#include <span>
#include <sstream>
#include <utility>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "parallel/collectives.hpp"
#include "runtime/timeline.hpp"
#include "train/agreement.hpp"
#include "train/schedule.hpp"
#include "train/trainer/state.hpp"

namespace convoy {
namespace {

constexpr Index kLogsPerEpoch = 100;
// Threads are woken once a stretch, which takes milliseconds on a busy machine: a stretch is at
// least so much work, some hundredths of a second.
constexpr Index kStretchFlops = 5'000'000'000;
// From this part of the steps' time on that a thread waits for others, fewer threads are as fast;
// of less time than this nobody needs to know.
constexpr double kMostWaiting = 0.5, kLeastSecondsWaited = 0.05;

struct Score {
  double loss = 0;
  double accuracy = 0;
};

// Of two validations: the higher accuracy, then the lower loss, then the earlier.
bool is_better(const EpochMetrics& candidate, const EpochMetrics& best) {
  if (candidate.validation_accuracy != best.validation_accuracy) {
    return candidate.validation_accuracy > best.validation_accuracy;
  }
  return candidate.validation_loss < best.validation_loss;
}

// Of a sample, where every class is held for equally likely (each output for as likely as not).
double loss_of_guessing(const Loss& loss) {
  const auto classes = static_cast<double>(loss.classes);
  return loss.function == LossFunction::softmax_cross_entropy ? std::log(classes)
                                                              : classes * std::log(2.0);
}

// The number with the fewest decimal digits that is this rate: 0.1, as people set it, and not
// 0.10000000149.
double in_decimals(float rate) {
  std::istringstream digits(fmt::format("{}", rate));
  digits.imbue(std::locale::classic());
  double value = 0;
  digits >> value;
  return value;
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
      while (place().epoch_step < state_.steps_per_epoch) {
        const StretchResult result = run_stretch();
        if (result.outcome == Outcome::not_finite) return not_finite(result);
        if (result.outcome == Outcome::stopped) {
          save();
          return finish(RunStatus::stopped, "");
        }
        if (verify_every_ > 0 && place().step % verify_every_ == 0) verify();
        if (place().epoch_step < state_.steps_per_epoch && checkpoint_due()) save();
      }
      finish_epoch();
    }
    return finish(RunStatus::done, "");
  }

 private:
  RunPosition& place() { return state_.position; }

  void start_epoch() {
    const auto& samples = state_.split.train;
    order_ = epoch_order(state_.order, static_cast<Index>(samples.size()), state_.model.train.seed,
                         place().epoch);
    for (std::uint32_t& position : order_) position = samples[position];
  }

  static Index steps_per_log(const RunTrainer::State& state) {
    const Index step_flops =
        std::max<Index>(state.model.net.flops_per_sample() * state.model.train.batch, 1);
    return std::max({state.steps_per_epoch / kLogsPerEpoch, kStretchFlops / step_flops, Index{1}});
  }

  Index stretch_end() {
    const Index begin = place().epoch_step;
    Index end = std::min(begin - begin % log_every_ + log_every_, state_.steps_per_epoch);
    if (every_.unit == CheckpointEvery::Unit::steps) end = std::min(end, next(every_.count));
    if (verify_every_ > 0) end = std::min(end, next(verify_every_));
    return end;
  }

  // The step of the epoch after which the run's step is a multiple of `count`.
  Index next(Index count) {
    const Index ahead = count - place().step % count;
    const Index begin = place().epoch_step;
    return ahead < state_.steps_per_epoch - begin ? begin + ahead : state_.steps_per_epoch;
  }

  StretchResult run_stretch() {
    Stretch stretch;
    stretch.data = &state_.train;
    stretch.order = order_;
    stretch.steps = {place().epoch_step, stretch_end()};
    stretch.first_step = place().step - place().epoch_step;
    stretch.batch = state_.model.train.batch;
    learning_rates_.clear();
    for (Index i = 0; i < stretch.steps.size(); ++i) {
      learning_rates_.push_back(
          learning_rate(state_.model.train, place().step + i, state_.steps_per_epoch));
    }
    stretch.learning_rates = learning_rates_;
    stretch.stop = stop_;
    stretch.before = place().epoch_tally;

    const Stopwatch watch;
    const StretchResult result = state_.engine.run(stretch);
    const double seconds = watch.seconds();

    const Index samples = result.total.samples - place().epoch_tally.samples;
    CONVOY_ASSERT(samples >= result.steps_done);
    place().epoch_tally = result.total;
    place().epoch_tally.flags = 0;
    place().epoch_step += result.steps_done;
    place().step += result.steps_done;
    place().epoch_seconds += seconds;
    seconds_ += seconds;
    waited_ += result.waited;
    if (result.outcome != Outcome::not_finite) tell_progress(samples, seconds);
    return result;
  }

  void tell_progress(Index stretch_samples, double seconds) {
    const Tally& tally = place().epoch_tally;
    const auto samples = static_cast<double>(tally.samples);
    const auto run_samples = static_cast<double>(state_.split.train.size()) *
                             static_cast<double>(state_.model.train.epochs - place().epoch + 1);
    Progress progress;
    progress.epoch = place().epoch;
    progress.epochs = state_.model.train.epochs;
    progress.step = place().epoch_step;
    progress.steps_per_epoch = state_.steps_per_epoch;
    progress.samples = tally.samples;
    progress.loss = tally.loss / samples;
    progress.images_per_second = rate(static_cast<double>(stretch_samples), seconds);
    progress.seconds_left = (run_samples - samples) * place().epoch_seconds / samples;
    observer_.progress(progress);
  }

  // At the end of a stretch, or of an epoch. The same on all ranks: of clocks, that of rank 0
  // counts.
  bool checkpoint_due() {
    switch (every_.unit) {
      case CheckpointEvery::Unit::steps:
        return place().step % every_.count == 0;
      case CheckpointEvery::Unit::epochs:
        return place().epoch_step == 0 && (place().epoch - 1) % every_.count == 0;
      case CheckpointEvery::Unit::minutes:
      case CheckpointEvery::Unit::seconds:
        return broadcast(state_.communicator, is_time() ? "yes" : "no", Meeting::checkpoint) ==
               "yes";
    }
    return false;
  }

  bool is_time() const {
    const double unit = every_.unit == CheckpointEvery::Unit::minutes ? 60 : 1;
    return since_checkpoint_.seconds() >= unit * static_cast<double>(every_.count);
  }

  Score evaluate(const Dataset& data, std::span<const std::uint32_t> samples) {
    if (samples.empty()) return {};
    state_.communicator.publish(Activity::evaluating, place().step);
    const Tally tally = state_.engine.evaluate(data, samples).tally;
    const auto count = static_cast<double>(tally.samples);
    return {tally.loss / count, static_cast<double>(tally.correct) / count};
  }

  EpochMetrics measure_epoch() {
    EpochMetrics metrics;
    metrics.epoch = place().epoch;
    const auto samples = static_cast<double>(place().epoch_tally.samples);
    metrics.train_loss = place().epoch_tally.loss / samples;
    metrics.train_accuracy = static_cast<double>(place().epoch_tally.correct) / samples;
    metrics.learning_rate =
        in_decimals(learning_rate(state_.model.train, place().step - 1, state_.steps_per_epoch));
    metrics.seconds = place().epoch_seconds;
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

  // Metrics and best come to the disk before the checkpoint that lies behind them: a resumed run
  // drops what it will measure again, and never lacks what it won't.
  void finish_epoch() {
    const EpochMetrics metrics = measure_epoch();
    place().epoch += 1;
    place().epoch_step = 0;
    place().epoch_tally = {};
    place().epoch_seconds = 0;
    if (state_.folder) {
      const TimeSpan span(state_.engine.timeline(), TimeKind::checkpoint);
      state_.folder->append(metrics);
      if (is_best(metrics)) state_.folder->save_best(state_.checkpoint());
    }
    state_.epochs.push_back(metrics);
    observer_.epoch(metrics);
    warn_of_divergence(metrics);
    if (std::exchange(first_epoch_, false)) tell_of_waiting();
    if (checkpoint_due() || state_.complete()) save();
  }

  // Numbers can stay finite for long after training has become useless.
  void warn_of_divergence(const EpochMetrics& metrics) {
    constexpr double kFar = 10;
    const double guessing = loss_of_guessing(state_.model.net.loss());
    if (has_warned_of_divergence_ || !(metrics.train_loss > kFar * guessing)) return;
    has_warned_of_divergence_ = true;
    observer_.warning(fmt::format(
        "training diverges: the mean training loss of epoch {} is {:.4g}, and a net that guesses "
        "has {:.3g}; lower train.learning_rate (now {}), warm up with train.warmup_epochs, or "
        "check the input's scale",
        metrics.epoch, metrics.train_loss, guessing, state_.model.train.learning_rate));
  }

  // Steps shorter than a meeting of the threads, or a machine whose cores are busy with other work.
  void tell_of_waiting() {
    if (waited_ < std::max(kMostWaiting * seconds_, kLeastSecondsWaited)) return;
    observer_.warning(fmt::format(
        "the {} threads waited for each other in {:.0f} % of the time of their steps so far, since "
        "the steps are short ({:.2g} ms) or the machine has other work: fewer threads (--threads "
        "1) may be faster, with the same weights",
        state_.engine.threads(), 100 * waited_ / seconds_,
        1e3 * seconds_ / static_cast<double>(place().step - first_step_)));
  }

  bool is_best(const EpochMetrics& metrics) const {
    if (!metrics.validation_accuracy) return false;
    return std::all_of(state_.epochs.begin(), state_.epochs.end(),
                       [&](const EpochMetrics& other) { return is_better(metrics, other); });
  }

  void verify() {
    const TimeSpan span(state_.engine.timeline(), TimeKind::verification);
    verify_weights(state_.communicator,
                   state_sha256(state_.model.net, state_.engine.state(), place().step),
                   place().step);
  }

  void save() {
    if (!state_.keeps) return;
    if (state_.communicator.size() > 1) verify();
    // On all ranks, though one writes: what they meet for next carries the step.
    state_.communicator.publish(Activity::saving, place().step);
    if (!state_.folder) return;
    const TimeSpan span(state_.engine.timeline(), TimeKind::checkpoint);
    const Checkpoint checkpoint = state_.checkpoint();
    state_.newest = state_.folder->save(checkpoint);
    state_.folder->report({"running", place(), checkpoint.weights_sha256, ""});
    since_checkpoint_.restart();
    observer_.checkpoint(state_.newest);
  }

  void report(std::string_view status, const std::string& message) {
    if (!state_.folder) return;
    state_.folder->report({status, place(), state_.checkpoint().weights_sha256, message});
  }

  TrainResult not_finite(const StretchResult& result) {
    const TrainSettings& settings = state_.model.train;
    std::string message = fmt::format(
        "epoch {}, step {} of {}: the loss ({}) or its gradient is not finite; the weights are "
        "those before that step: lower train.learning_rate (now {}), warm up with "
        "train.warmup_epochs, or check the input's scale",
        place().epoch, place().epoch_step + 1, state_.steps_per_epoch, result.last_loss,
        settings.learning_rate);
    if (!state_.newest.empty()) {
      message += fmt::format("; the last checkpoint is {}", state_.newest.string());
    }
    return finish(RunStatus::not_finite, message);
  }

  TrainResult finish(RunStatus status, const std::string& message) {
    const Checkpoint last = state_.checkpoint();
    if (state_.folder) {
      state_.folder->report({to_string(status), place(), last.weights_sha256, message});
    }
    TrainResult result;
    result.status = status;
    result.message = message;
    result.epochs = state_.epochs;
    result.steps = place().step - first_step_;
    result.train_seconds = place().epoch_seconds;
    for (const EpochMetrics& metrics : state_.epochs) result.train_seconds += metrics.seconds;
    result.weights_sha256 = last.weights_sha256;
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
  bool first_epoch_ = true;          // of this call is not through
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
