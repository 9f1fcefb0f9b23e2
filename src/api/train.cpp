// SPDX-License-Identifier: Apache-2.0
// Makes an engine and a run from the options of a program.
#include "convoy/train.hpp"

#include <fmt/format.h>

#include <optional>
#include <system_error>
#include <utility>

#include "api/access.hpp"
#include "base/check.hpp"
#include "base/safe_text.hpp"
#include "data/catalog.hpp"
#include "parallel/collectives.hpp"
#include "runtime/engine.hpp"
#include "train/agreement.hpp"
#include "train/data_fit.hpp"
#include "train/find_checkpoint.hpp"
#include "train/initial_weights.hpp"
#include "train/run_folder.hpp"
#include "train/trainer.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using detail::Access;

void refuse(std::string_view problem, std::string_view why, std::string_view remedy) {
  throw UserError(Fault::usage, problem, why, remedy);
}

void check(const TrainOptions& options) {
  if (options.folder.empty() && options.resume != Resume::never) {
    refuse("TrainOptions::resume is set and TrainOptions::folder is empty",
           "only a run that has a folder can be continued", "name the folder, or leave resume out");
  }
  if (!(options.validation >= 0 && options.validation < 1)) {
    refuse(
        fmt::format("the fraction held out (TrainOptions::validation) is {}", options.validation),
        "", "give a number from 0 to less than 1");
  }
  if (options.checkpoint_every.count < 1) {
    refuse(
        fmt::format("TrainOptions::checkpoint_every.count is {}", options.checkpoint_every.count),
        "", "give a whole number of at least 1");
  }
  if (options.verify_every < 0) {
    refuse(fmt::format("TrainOptions::verify_every is {}", options.verify_every), "",
           "give a number of steps, or 0 for never");
  }
  if (options.compute.threads < 0) {
    refuse(fmt::format("ComputeOptions::threads is {}", options.compute.threads), "",
           "give a number of threads, or 0 for the default");
  }
}

// The data set's own samples would be held out whatever the fraction is.
void check_validation(const TrainOptions& options, const TrainAndTest& data) {
  if (options.validation == 0 || (data.validation.empty() && !data.states_validation)) return;
  refuse(
      fmt::format("TrainOptions::validation is {}", options.validation),
      fmt::format("the data set {} itself holds out {} samples", data.name, data.validation.size()),
      "leave it 0; DataOptions::validation says which pictures are held out");
}

// Checked first, because ranks with different options would wait for different things.
void agree_on(const TrainOptions& options, Communicator& communicator) {
  const ComputeOptions& compute = options.compute;
  RunFacts facts;
  facts.layout = fmt::format(
      "device {}\nthreads_by {}\nisa {}\nresume {}\nfolder {}\ncheckpoint_every {} {}\n"
      "verify_every {}\ninitial_weights {}",
      compute.device == Device::cuda ? "cuda" : "cpu",
      compute.threads_by == Parallelism::tensor ? "tensor" : "data", compute.isa,
      static_cast<int>(options.resume), options.folder.string(), options.checkpoint_every.count,
      static_cast<int>(options.checkpoint_every.unit), options.verify_every,
      options.initial_weights.string());
  agree(communicator, facts);
}

// Whether the run in the folder is continued. Collective.
bool continues_run(const TrainOptions& options, Communicator& communicator) {
  if (options.resume != Resume::if_present) return options.resume == Resume::always;
  const std::string continues = on_first_rank(communicator, [&] {
    std::error_code error;
    const fs::file_status status = fs::status(options.folder, error);
    const bool is_empty = fs::is_directory(status) && fs::is_empty(options.folder, error) && !error;
    return fs::exists(status) && !is_empty ? std::string("yes") : std::string();
  });
  return !continues.empty();
}

// Checks the weights that a run began with, if they can still be found. Collective.
void check_same_beginning(const TrainOptions& options, Communicator& communicator) {
  if (options.initial_weights.empty()) return;
  on_first_rank(communicator, [&] {
    check_initial_weights(options.folder, open_run(options.folder).initial_weights_sha256,
                          options.initial_weights, "TrainOptions::initial_weights");
    return std::string();
  });
}

EngineOptions engine_options(const ComputeOptions& compute, const TrainSettings& settings,
                             const Dataset& train, Parallelism ranks_by) {
  EngineOptions options;
  options.device = compute.device;
  options.cpu.threads = compute.threads;
  options.cpu.threads_by = compute.threads_by;
  options.ranks_by = ranks_by;
  options.cpu.oversubscribe = compute.oversubscribe;
  options.cpu.isa = compute.isa;
  options.batch = largest_batch(settings, train);
  options.grain = settings.grain;
  return options;
}

RunTrainer make_trainer(const ModelFile& model, const TrainAndTest& data,
                        const TrainOptions& options, bool resumes, Engine& engine,
                        Communicator& communicator) {
  const DataSettings settings{lasting_name(data), options.limit, options.validation};
  if (resumes) {
    return RunTrainer::resume(model, data, settings, engine, communicator, options.folder);
  }
  Beginning beginning;
  if (!options.initial_weights.empty()) {
    fs::path found;
    beginning.weights = load_initial_weights(communicator, options.initial_weights, model, found);
  }
  return RunTrainer(model, data, settings, engine, communicator, options.folder, beginning);
}

}  // namespace

struct Trainer::State {
  // `given` is null, or a session that outlives this object.
  State(const Model& run_model, const TrainAndTest& data, const TrainOptions& run_options,
        Session* given)
      : model(run_model), options(run_options) {
    check(options);
    check_validation(options, data);
    if (given == nullptr) given = &own.emplace(Session::alone());
    Communicator& communicator = Access::communicator(*given);
    agree_on(options, communicator);
    const ModelFile& file = Access::file(model);
    resumed = continues_run(options, communicator);
    if (resumed) check_same_beginning(options, communicator);
    engine = make_engine(
        file.net, optimizer_of(file.net, file.train),
        engine_options(options.compute, file.train, data.train, Access::ranks_by(*given)),
        communicator);
    trainer.emplace(make_trainer(file, data, options, resumed, *engine, communicator));
    warnings = engine->warnings();
  }

  // The order of members matters: the engine refers to the net and to the communicator, the trainer
  // to the engine.
  Model model;
  TrainOptions options;
  bool resumed = false;
  std::optional<Session> own;  // if no session was given
  std::unique_ptr<Engine> engine;
  std::optional<RunTrainer> trainer;
  std::vector<std::string> warnings;  // of the engine, not yet reported
};

Trainer::Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options)
    : state_(std::make_unique<State>(model, data, options, nullptr)) {}
Trainer::Trainer(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                 Session& session)
    : state_(std::make_unique<State>(model, data, options, &session)) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

TrainResult Trainer::run() {
  Observer silent;
  return run(silent);
}

TrainResult Trainer::run(Observer& observer) {
  for (const std::string& warning : std::exchange(state_->warnings, {})) observer.warning(warning);
  const TrainOptions& options = state_->options;
  return state_->trainer->train(observer, Access::requested(options.stop), options.checkpoint_every,
                                options.verify_every);
}

const fs::path& Trainer::folder() const {
  return state_->trainer->folder();
}

bool Trainer::resumed() const {
  return state_->resumed;
}

int Trainer::threads() const {
  return state_->engine->threads();
}

std::string Trainer::device() const {
  return state_->engine->device();
}

std::string Trainer::isa() const {
  return state_->engine->isa();
}

std::vector<NamedTensor> Trainer::weights(WeightsCopy copy) const {
  const ModelState state = state_->engine->state();
  const bool has_average = exists(state_->engine->optimizer().average);
  const Buffer<float>& arena =
      copy == WeightsCopy::average && has_average ? state.slots.back() : state.parameters;
  std::vector<NamedTensor> tensors;
  for (const ParameterTensor& tensor : Access::file(state_->model).net.tensors()) {
    const auto values = arena.span().subspan(static_cast<std::size_t>(tensor.offset),
                                             static_cast<std::size_t>(tensor.size));
    tensors.push_back({tensor.name, tensor.shape, {values.begin(), values.end()}});
  }
  return tensors;
}

TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options) {
  return Trainer(model, data, options).run();
}

TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer) {
  return Trainer(model, data, options).run(observer);
}

TrainResult train(const Model& model, const TrainAndTest& data, const TrainOptions& options,
                  Observer& observer, Session& session) {
  return Trainer(model, data, options, session).run(observer);
}

DataOptions data_options(const Model& model) {
  return data_options(Access::file(model));
}

Model model_of_run(const fs::path& folder) {
  return Access::model(open_run(folder).model);
}

}  // namespace convoy
