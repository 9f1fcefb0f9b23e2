// SPDX-License-Identifier: Apache-2.0
#include "cli/other_spellings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

namespace convoy::app {
namespace {

// Spellings without their dashes, with '-' for '_', and the equivalent here. "{}" stands for the
// value. A remedy is offered for commands that have all of its options; one that does not begin
// with an option is for `train`.
struct Spelling {
  std::string_view others;  // separated by spaces
  std::string_view remedy;
  std::string_view example;  // the value, if none was given; empty: the remedy takes none
};

constexpr Spelling kSpellings[] = {
    {"lr learning-rate base-lr", "--set optimizer.learning_rate={}", "0.01"},
    {"optimizer optim opt", "--set optimizer.type={}", "adam"},
    {"momentum", "--set optimizer.momentum={}", "0.9"},
    {"nesterov", "--set optimizer.nesterov=true", ""},
    {"weight-decay wd l2", "--set optimizer.weight_decay={}", "0.0005"},
    {"scheduler lr-scheduler schedule lr-schedule lr-policy", "--set train.schedule={}", "cosine"},
    {"warmup warmup-epochs lr-warmup-epochs", "--set train.warmup_epochs={}", "1"},
    {"gamma lr-gamma lr-decay decay-factor", "--set train.step_factor={}", "0.1"},
    {"step-size lr-step-size", "--set train.step_epochs={}", "10"},
    {"milestones lr-milestones lr-steps", "--set 'train.milestones=[{}]'", "10, 15"},
    {"pct-start", "--set train.pct_start={}", "0.3"},
    {"div-factor", "--set train.div_factor={}", "25"},
    {"min-lr lr-min final-lr eta-min", "--set train.final_learning_rate={}", "0.0001"},
    {"loss criterion", "--set loss.type={}", "softmax_cross_entropy"},
    {"label-smoothing smoothing", "--set loss.label_smoothing={}", "0.1"},
    {"batch-size batchsize bs b train-batch-size global-batch-size", "--batch {}", "32"},
    {"per-device-batch-size per-gpu-batch-size micro-batch-size per-device-train-batch-size",
     "--per-rank-batch {}", "32"},
    {"num-epochs n-epochs max-epochs nb-epochs e num-train-epochs", "--epochs {}", "10"},
    {"random-seed manual-seed rng-seed random-state s", "--seed {}", "1"},
    {"shuffle", "--order shuffled", ""},
    {"dataset data-dir datadir dataset-path data-path data-root root train-data d", "--data {}",
     "fashion-mnist"},
    {"val-split validation-split val-fraction val-ratio valid-size holdout", "--validation {}",
     "0.1"},
    {"max-samples num-samples subset max-train-samples limit-samples", "--limit {}", "1000"},
    {"workers num-workers n-workers j jobs num-threads n-threads nthreads cpus cores ncores",
     "--threads {}", "2"},
    {"gpu cuda use-cuda use-gpu accelerator", "--device cuda", ""},
    {"gpus num-gpus ngpus devices n-gpu", "--device cuda --ranks {}", "2"},
    {"cpu no-cuda no-gpu", "--device cpu", ""},
    {"np nproc nprocs n num-processes nproc-per-node world-size ntasks", "--ranks {}", "2"},
    {"host hostfile nodes nnodes", "--ranks 4 --hosts HOST:2,HOST:2", ""},
    {"save save-dir output output-dir outdir o log-dir logdir run-dir work-dir checkpoint-dir "
     "save-path default-root-dir project",
     "--out {}", "runs/a"},
    {"checkpoint ckpt load load-checkpoint restore resume-from resume-from-checkpoint continue "
     "auto-resume",
     "--resume RUN", ""},
    {"weights pretrained init-weights finetune-from init", "--init-from {}", "CHECKPOINT"},
    {"save-every save-interval save-freq save-steps checkpoint-interval checkpoint-freq "
     "checkpoint-steps",
     "--checkpoint-every {}", "1epoch"},
    {"silent q no-progress no-progress-bar", "--quiet", ""},
    {"topk top-k k", "--top {}", "5"},
    {"profiler", "--profile", ""},
    {"timeline tracing", "--trace {}", "trace.json"},
    // These have no equivalent option.
    {"model arch net network architecture config cfg", "give it without an option: convoy train {}",
     "lenet5"},
    {"precision fp32 dtype", "leave it out: Convoy computes in single precision", ""},
    {"deterministic reproducible",
     "leave it out: the same command gives the same bits on any number of threads and ranks", ""},
    {"verbose v", "leave it out: progress is shown unless --quiet is given", ""},
};

bool is_one_of(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// "--Learning_Rate" -> "learning-rate"
std::string without_dashes(std::string_view option) {
  option.remove_prefix(std::min(option.find_first_not_of('-'), option.size()));
  std::string word(option);
  for (char& c : word) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return word;
}

bool has_option(const CLI::App& command, std::string_view name) {
  const auto options = command.get_options();
  return std::any_of(options.begin(), options.end(), [&](const CLI::Option* option) {
    return option->check_name(std::string(name));
  });
}

// Whether the command has all words of the remedy that begin with two dashes.
bool has_options(const CLI::App& command, std::string_view remedy) {
  for (std::size_t at = remedy.find("--"); at != std::string_view::npos;
       at = remedy.find("--", at + 2)) {
    if (!has_option(command, remedy.substr(at, remedy.find(' ', at) - at))) return false;
  }
  return true;
}

// Whether every shell reads the word unchanged.
bool is_plain(std::string_view value) {
  return !value.empty() && value.size() <= 64 && value.front() != '-' &&
         std::all_of(value.begin(), value.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' ||
                               c == '/' || c == '+');
         });
}

std::string filled(const Spelling& spelling, std::string_view value) {
  std::string text(spelling.remedy);
  const std::size_t at = text.find("{}");
  if (at == std::string::npos) return text;
  return text.replace(at, 2, is_plain(value) ? value : spelling.example);
}

}  // namespace

std::optional<std::string> remedy_for_spelling(const CLI::App& command, std::string_view option,
                                               std::string_view value) {
  const std::string word = without_dashes(option);
  for (const Spelling& spelling : kSpellings) {
    if (!is_one_of(spelling.others, word)) continue;
    if (!spelling.remedy.starts_with("--")) {
      if (command.get_name() != "train") return std::nullopt;
      return filled(spelling, value);
    }
    if (!has_options(command, spelling.remedy)) return std::nullopt;
    // A single letter has many meanings in other programs, so the remedy is a question.
    return word.size() == 1 ? fmt::format("did you mean {}?", filled(spelling, value))
                            : fmt::format("write {}", filled(spelling, value));
  }
  return std::nullopt;
}

}  // namespace convoy::app
