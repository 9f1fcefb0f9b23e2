// SPDX-License-Identifier: Apache-2.0
#include "commands/run_choice.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <string_view>

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// Turns short options into keys of the model file, which become part of the text that a run keeps.
std::vector<Override> overrides(const TrainOptions& options, int ranks) {
  std::vector<Override> result;
  auto add = [&](std::string_view option, std::string_view key, const std::string& value) {
    for (const std::string& set : options.set) {
      if (std::string_view(set).substr(0, set.find('=')) == key) {
        throw UserError(Fault::usage, fmt::format("{} and --set {} name the same key", option, set),
                        "", "give one of them");
      }
    }
    result.push_back(fmt::format("{}={}", key, value));
  };
  auto add_number = [&](std::string_view option, std::string_view key, std::optional<Index> value) {
    if (value) add(option, key, fmt::format("{}", *value));
  };
  add_number("--epochs", "train.epochs", options.epochs);
  add_number("--batch", "train.batch", options.batch);
  if (options.per_rank_batch) {
    if (options.batch) {
      throw UserError(Fault::usage, "--batch and --per-rank-batch contradict each other", "",
                      "give one of them");
    }
    if (*options.per_rank_batch > kLargestBatch / ranks) {
      throw UserError(Fault::usage,
                      fmt::format("--per-rank-batch {} is too large", *options.per_rank_batch),
                      fmt::format("with {} ranks the batch would have more than {} samples", ranks,
                                  kLargestBatch),
                      "give a smaller one");
    }
    add_number("--per-rank-batch", "train.batch", *options.per_rank_batch * ranks);
  }
  add_number("--grain", "train.grain", options.grain);
  add_number("--seed", "train.seed", options.seed);
  if (options.order) {
    const Order order = parse_order(*options.order);
    if (options.no_shuffle && order.kind == Order::Kind::shuffled) {
      throw UserError(Fault::usage, "--no-shuffle and --order shuffled contradict each other", "",
                      "give one of them");
    }
    add("--order", "train.order", fmt::format("\"{}\"", to_string(order)));
  } else if (options.no_shuffle) {
    add("--no-shuffle", "train.order", "\"sequential\"");
  }
  result.insert(result.end(), options.set.begin(), options.set.end());
  return result;
}

// runs/<model>-<date>-<time>. If two begin in the same second, the later one adds a number.
fs::path default_folder(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\0') c = '-';
  }
  return fs::path("runs") /
         fmt::format("{}-{:%Y%m%d-%H%M%S}", name, fmt::localtime(std::time(nullptr)));
}

bool is_empty_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(fs::symlink_status(path, error)) && fs::is_empty(path, error) && !error;
}

DataSettings data_settings(const TrainOptions& options) {
  DataSettings settings{lasting_name(options.data), options.limit, options.validation};
  apply(options.pictures, settings);
  return settings;
}

// Names derived from a folder's name are some bytes longer, and file systems allow 255.
void check_name_length(const fs::path& out) {
  constexpr std::size_t kLongest = 200;
  const std::string name = out.lexically_normal().filename().string();
  if (name.size() <= kLongest) return;
  throw UserError(Fault::usage, fmt::format("the name --out {}... is too long", name.substr(0, 40)),
                  fmt::format("{} bytes, at most {}", name.size(), kLongest),
                  "choose a shorter one");
}

// With --resume the run folder determines the run.
[[noreturn]] void refuse_with_resume(std::string_view option) {
  throw UserError(Fault::usage, fmt::format("{} cannot be combined with --resume", option),
                  "a run keeps its original settings",
                  fmt::format("leave {} out, or start a new run", option));
}

Run new_run(const TrainOptions& options, int ranks) {
  const fs::path out(options.out);
  check_name_length(out);
  if (!out.empty() && fs::exists(fs::symlink_status(out)) && !is_empty_folder(out)) {
    std::error_code ignored;
    const bool is_run = fs::is_directory(checkpoints_of(out), ignored);
    throw UserError(
        Fault::usage, fmt::format("--out {} exists", options.out),
        is_run ? "a run never overwrites another" : "it is neither a run nor an empty folder",
        is_run ? fmt::format("choose another folder, or continue the run: convoy train --resume {}",
                             shell_path(options.out))
               : "choose another folder");
  }
  ModelFile model = load_model_file(options.model, overrides(options, ranks));
  const std::string name = model.net.name();
  return {std::move(model),
          data_settings(options),
          out.empty() ? default_folder(name) : out,
          false,
          out.empty() ? Taken::numbered : Taken::refused,
          options.init_from};
}

ModelFile with_epochs(const ModelFile& model, std::string_view source, Index epochs) {
  const Override override = fmt::format("train.epochs={}", epochs);
  return parse_model_file(model.text, source, {&override, 1});
}

// `given` are the options of the command line. Those for the data are used if the run has lost its
// own.
Run rest_of_run(const fs::path& folder, const TrainOptions& options, const CLI::App& given) {
  FoundRun config = open_run(folder);
  const bool knows_data = !config.data.name.empty();
  for (const char* name : {"--validation", "--limit", "--test-fraction", "--bad-images"}) {
    if (knows_data && given.count(name) > 0) refuse_with_resume(name);
  }
  if (!knows_data && given.count("--data") == 0) {
    throw UserError(
        Fault::not_found,
        fmt::format("{} no longer records which data it was trained on", folder.string()),
        config.lost + ", and its checkpoints, from an older version, do not record it",
        "give --data, and --limit and --validation if the run was started with them");
  }
  if (!knows_data) config.data = data_settings(options);
  if (options.epochs && *options.epochs < config.model.train.epochs) {
    throw UserError(Fault::usage, fmt::format("--epochs {} would shorten the run", *options.epochs),
                    fmt::format("it was started with {}", config.model.train.epochs),
                    "--epochs can only extend a run; leave it out");
  }
  if (options.epochs) {
    config.model = with_epochs(config.model, (folder / "config.toml").string(), *options.epochs);
  }
  if (given.count("--data") > 0) config.data.name = lasting_name(options.data);
  Run run{std::move(config.model), config.data, folder, true};
  return run;
}

// --out with --resume-if-present: the same command line begins the run and continues it. (The
// trainer refuses if the command line describes another run than the one in the folder.)
Run new_or_rest_of_run(const TrainOptions& options, int ranks) {
  if (!fs::exists(options.out) || is_empty_folder(options.out)) return new_run(options, ranks);
  const FoundRun begun = open_run(options.out);
  ModelFile asked = load_model_file(options.model, overrides(options, ranks));
  check_initial_weights(options.out, begun.initial_weights_sha256, options.init_from,
                        "--init-from");
  Run run{std::move(asked), data_settings(options), options.out, true};
  const Index epochs = begun.model.train.epochs;
  if (run.model.train.epochs < epochs) {
    run.warnings.push_back(fmt::format(
        "{} was started with, or extended to, {} epochs, so it continues to these, not to {}",
        options.out, epochs, run.model.train.epochs));
    run.model = with_epochs(run.model, options.model, epochs);
  }
  return run;
}

// Refuses other options that would make it another run.
void check_resume(const CLI::App& command) {
  for (const char* name : {"MODEL", "--batch", "--per-rank-batch", "--grain", "--seed",
                           "--no-shuffle", "--order", "--set", "--init-from"}) {
    if (command.count(name) > 0) refuse_with_resume(name);
  }
}

// Writes the members as text for a message to the other ranks. A number is written so that reading
// gives exactly the same number.
std::string to_message(const Run& run) {
  const std::string words[] = {run.model.text,
                               run.data.name,
                               fmt::format("{}", run.data.limit),
                               fmt::format("{}", run.data.validation),
                               fmt::format("{}", run.data.test_fraction),
                               to_string(run.data.bad_images),
                               run.folder.string(),
                               run.resumed ? "resumed" : "",
                               run.taken == Taken::numbered ? "numbered" : "",
                               run.initial_weights};
  return pack(words);
}

Run from_message(std::string_view message) {
  const std::vector<std::string> words = unpack(message);
  if (words.size() != 10) throw SystemError(Fault::peer, "reading the run", "rank 0", "cut off");
  DataSettings data{words[1], std::stoll(words[2]), std::stod(words[3])};
  data.test_fraction = std::stod(words[4]);
  data.bad_images = bad_images_from(words[5]).value_or(BadImages::stop);
  return {parse_model_file(words[0], "the run's model"),       data,    words[6], !words[7].empty(),
          words[8].empty() ? Taken::refused : Taken::numbered, words[9]};
}

}  // namespace

Run choose_run(const CLI::App& command, const TrainOptions& options, int ranks) {
  if (!options.resume.empty()) {
    check_resume(command);
    return rest_of_run(options.resume, options, command);
  }
  return options.resume_if_present ? new_or_rest_of_run(options, ranks) : new_run(options, ranks);
}

Run choose_run(const CLI::App& command, const TrainOptions& options, Communicator& communicator) {
  std::optional<Run> chosen;
  const std::string message = on_first_rank(communicator, [&] {
    chosen = choose_run(command, options, communicator.size());
    return communicator.size() > 1 ? to_message(*chosen) : std::string();
  });
  return chosen ? *std::move(chosen) : from_message(message);
}

}  // namespace convoy::app
