// SPDX-License-Identifier: Apache-2.0
#include "commands/train_options.hpp"

#include "cli/help.hpp"

namespace convoy::app {
namespace {

void add_problem_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("MODEL", options.model,
                  "A model's name (see 'convoy info') or a .toml file; default: tiny-relu")
      ->type_name("");
  auto number = [&](const char* name, std::optional<Index>& value, Index highest,
                    const char* text) {
    command.add_option(name, value, text)
        ->check(whole_number(1, highest))
        ->type_name("N")
        ->group(kProblemGroup);
  };
  number("--epochs", options.epochs, kMostEpochs,
         "Passes over the training data; with --resume: the new, larger total");
  number("--batch", options.batch, kLargestBatch, "Samples per step, over all ranks together");
  number("--per-rank-batch", options.per_rank_batch, kLargestBatch,
         "Samples per step for each rank; the batch is N times the number of ranks");
  number("--grain", options.grain, kLargestGrain,
         "Samples per grain, the smallest unit of work that a worker takes");
  command
      .add_option("--seed", options.seed,
                  "Seed for initial weights, sample order and validation split")
      ->check(whole_number(0))
      ->type_name("N")
      ->group(kProblemGroup);
  command.add_option("--order", options.order, "Order in which samples are read")
      ->check(readable([](const std::string& text) { parse_order(text); },
                       "shuffled, sequential or shards:N with N from 1 up"))
      ->type_name("shuffled|sequential|shards:N")
      ->group(kProblemGroup);
  command.add_flag("--no-shuffle", options.no_shuffle, "Same as --order sequential")
      ->group(kProblemGroup);
  command
      .add_option(
          "--set", options.set,
          "Override any key of the model file, for example optimizer.momentum=0.9; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(kProblemGroup);
  command
      .add_option("--init-from", options.init_from,
                  "Begin with the weights of a checkpoint, or of a run's best (else newest) "
                  "checkpoint; names and shapes of all tensors must match")
      ->type_name("RUN|CHECKPOINT")
      ->group(kProblemGroup);
}

void add_data_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option(
          "--data", options.data,
          "A set that 'convoy info' lists, a folder with the files of one or with a folder of "
          "pictures for each class, an .npz file, or a .csv list (docs/data.md)")
      ->type_name("NAME|DIR|FILE")
      ->capture_default_str()
      ->group(kDataGroup);
  command
      .add_option(
          "--validation", options.validation,
          "Hold out this fraction of the training images; used to choose the best checkpoint")
      ->check(fraction())
      ->type_name("FRACTION")
      ->group(kDataGroup);
  command.add_option("--limit", options.limit, "Use only the first N training images")
      ->check(whole_number(1))
      ->type_name("N")
      ->group(kDataGroup);
  add_picture_options(command, options.pictures);
}

void add_output_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("--out", options.out, "Run folder, new or empty; default: runs/MODEL-DATE-TIME")
      ->type_name("DIR")
      ->group(kOutputGroup);
  command.add_option("--resume", options.resume, "Continue the run in DIR")
      ->type_name("DIR")
      ->group(kOutputGroup);
  command
      .add_flag("--resume-if-present", options.resume_if_present,
                "Continue the run in --out if there is one, else start it (safe for jobs that a "
                "scheduler requeues)")
      ->group(kOutputGroup);
  command
      .add_option("--checkpoint-every", options.checkpoint_every,
                  "How often to write a checkpoint, for example 500steps, epoch, 30s, 10min, 1h")
      ->check(readable([](const std::string& text) { parse_checkpoint_every(text); },
                       "a positive number and a unit, as in 500steps, 1epoch, 30s, 10min or 1h"))
      ->type_name("EVERY")
      ->capture_default_str()
      ->group(kOutputGroup);
  command
      .add_option(
          "--trace", options.trace,
          "Write a timeline of all workers to FILE, for ui.perfetto.dev or chrome://tracing")
      ->type_name("FILE")
      ->group(kOutputGroup);
  command
      .add_flag("--profile", options.profile,
                "Report where training time goes: in the JSON document, else on stderr")
      ->group(kOutputGroup);
  command.add_flag("--json", options.json, "Print one JSON document on stdout")
      ->group(kOutputGroup);
  command.add_flag("--quiet", options.quiet, "Print nothing but errors on stderr")
      ->group(kOutputGroup);
}

}  // namespace

void add_train_options(CLI::App& command, TrainOptions& options) {
  constexpr LayoutHelp kHelp{
      "Layout (changes speed, never the weights, except with --reduction fast)", "threads or ranks",
      "one GPU per rank",
      "stages with several ranks, --profile or --trace; else persistent if the net fits, else "
      "graph",
      "until the next log line, evaluation or checkpoint"};
  add_problem_options(command, options);
  add_data_options(command, options);
  add_layout(command, options.layout, kHelp);
  command
      .add_flag("--no-fusion", options.layout.no_fusion,
                "Compute every layer as a separate stage, which is timed separately; slower")
      ->group(kHelp.group);
  add_launching(command, options.layout, kHelp);
  add_ranks(command, options.ranks, kHelp);
  add_output_options(command, options);
}

}  // namespace convoy::app
