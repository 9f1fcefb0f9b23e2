// SPDX-License-Identifier: Apache-2.0
// A small convoy train, on many ranks of which one fails. It trains a tiny net in the folder OUT,
// or continues the run in that folder; the reporter prints the digest of the last state.
//
//   faulty_rank supervise OUT WORD...   three ranks; prints exit code, message and output
//   faulty_rank rank OUT WORD...        one of them, or the only one
//   faulty_rank launcher OUT WORD...    prints the command that supervise would start
//
// Words are memory=messages|window, threads=N, ranks-by=data|tensor, verify-every=N, stall=SECONDS,
// start=SECONDS and fault=KIND@RANK:MOMENT (faulty_communicator.hpp).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "cli/output.hpp"
#include "runtime/cpu_engine.hpp"
#include "supervision/launcher_call.hpp"
#include "supervision/ranks.hpp"
#include "supervision/signals.hpp"
#include "supervision/supervisor.hpp"
#include "tests/faults/user/faulty_communicator.hpp"
#include "tests/train/support.hpp"
#include "train/run_folder.hpp"

namespace {

using namespace convoy;
using namespace convoy::app;

constexpr int kRanks = 3;
constexpr Index kSaveEvery = 5;  // steps; an epoch has eight

struct Options {
  std::filesystem::path out;
  std::map<std::string, std::string> words{
      {"memory", "window"}, {"threads", "1"}, {"ranks-by", "data"},      {"verify-every", "0"},
      {"stall", "30"},      {"start", "60"},  {"fault", "none@-1:never"}};
  const std::string& operator[](const std::string& name) const { return words.at(name); }
};

Options parse(int argc, char** argv) {
  Options options;
  options.out = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    options.words.at(word.substr(0, equals)) = word.substr(equals + 1);
  }
  return options;
}

int supervise_it(const Options& options, int argc, char** argv) {
  Job job;
  job.ranks = kRanks;
  job.quiet = true;
  job.stall_timeout = std::stod(options["stall"]);
  job.start_timeout = std::stod(options["start"]);
  // Starts the ranks as convoy train --ranks does.
  LauncherCall call = launcher_call(kRanks, "");
  job.command = std::move(call.words);
  job.variables = std::move(call.variables);
  job.folder_variables = std::move(call.folder_variables);
  job.command.insert(job.command.end(), {argv[0], "rank"});
  job.command.insert(job.command.end(), argv + 2, argv + argc);
  const JobEnd end = supervise(job);
  write_stdout(fmt::format("{}|{}|{}", end.ending.code, end.ending.message, end.output));
  return end.ending.code;
}

// Flips a bit of one rank's weights after the fault's step.
class Flips final : public Observer {
 public:
  Flips(const test::InjectedFault& fault, Engine& engine, int rank)
      : fault_(fault), engine_(engine), rank_(rank) {}
  void progress(const Progress& at) override {
    if (fault_.kind != "flip" || (at.epoch - 1) * at.steps_per_epoch + at.step != fault_.step) {
      return;
    }
    ModelState state = engine_.state();
    if (rank_ == fault_.rank) {
      auto* bytes = reinterpret_cast<unsigned char*>(state.parameters.data());
      bytes[0] ^= 1U;
    }
    engine_.set_state(state);
  }

 private:
  const test::InjectedFault& fault_;
  Engine& engine_;
  int rank_;
};

void train(const Options& options, const test::InjectedFault& fault, Communicator& communicator,
           const std::atomic<bool>* stop, bool& began) {
  const ModelFile model = train_tests::tiny_model();
  const TrainAndTest data = train_tests::tiny_data();
  EngineOptions how;
  how.cpu.threads = std::stoi(options["threads"]);
  how.ranks_by = options["ranks-by"] == "tensor" ? Parallelism::tensor : Parallelism::data;
  how.cpu.oversubscribe = true;
  how.batch = model.train.batch;
  how.grain = model.train.grain;
  const auto engine =
      make_cpu_engine(model.net, optimizer_of(model.net, model.train), how, communicator);
  const bool continues = on_first_rank(communicator, [&] {
                           return std::string(exists(options.out) ? "yes" : "no");
                         }) == "yes";
  RunTrainer trainer =
      continues
          ? RunTrainer::resume(model, data, {"synthetic", 0, 0}, *engine, communicator, options.out)
          : RunTrainer(model, data, {"synthetic", 0, 0}, *engine, communicator, options.out);
  began = true;
  Flips observer(fault, *engine, communicator.rank());
  const TrainResult result =
      trainer.train(observer, stop, {CheckpointEvery::Unit::steps, kSaveEvery},
                    std::stoll(options["verify-every"]));
  if (is_rank_zero()) write_stdout(result.state_sha256);
}

void be_rank(const Options& options) {
  const StopSignals signals(true);
  RanksOptions together;
  together.memory = options["memory"] == "messages" ? RanksOptions::Memory::messages
                                                    : RanksOptions::Memory::window;
  together.stall_timeout = std::stod(options["stall"]);
  together.terminated = signals.terminated();
  arrive();
  const test::InjectedFault fault = test::parse_fault(options["fault"]);
  if (fault.moment == "init" && fault.rank == announced_rank()) test::inject(fault);
  const std::unique_ptr<Communicator> communicator =
      job_communicator(together, std::stod(options["start"]));
  bool began = false;
  try {
    test::FaultyCommunicator faulty(*communicator, fault);
    train(options, fault, faulty, signals.requested(), began);
  } catch (const test::Leaves&) {
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    const std::string message = fail_job(*communicator, error);
    if (!message.empty() && is_rank() && began) report_failure(options.out, message);
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argv[1];
  const Options options = parse(argc, argv);
  if (role == "supervise") return supervise_it(options, argc, argv);
  if (role == "launcher") {
    const LauncherCall call = launcher_call(kRanks, "");
    std::vector<std::string> words{"/usr/bin/env"};
    words.insert(words.end(), call.variables.begin(), call.variables.end());
    words.insert(words.end(), call.words.begin(), call.words.end());
    write_stdout(fmt::format("{}", fmt::join(words, "\n")));
    return 0;
  }
  join_job();
  Ending ending;
  try {
    be_rank(options);
  } catch (...) {
    ending = ending_of(std::current_exception());
  }
  return leave_job(ending);
}
