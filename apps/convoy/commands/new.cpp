// SPDX-License-Identifier: Apache-2.0
// convoy new: writes a first model for a data set.
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/commands.hpp"
#include "commands/data_facts.hpp"
#include "survey/array_keys.hpp"
#include "survey/new_model.hpp"

namespace convoy::app {
namespace {

constexpr Index kLongestSide = 4096;

struct NewOptions {
  std::string data, size;
  std::optional<Index> epochs;
  std::vector<std::string> set;
};

// "32", or "32x48": height x width.
Extent size_of(const std::string& text) {
  const auto side = [&](std::string_view digits) {
    Index number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || number < 1 ||
        number > kLongestSide)
      throw UserError(Fault::usage, "--size " + text + " is no size",
                      "a side is from 1 to " + std::to_string(kLongestSide),
                      "write a number, or height and width such as 32x48");
    return number;
  };
  const std::string_view view = text;
  const auto cross = view.find('x');
  if (cross == std::string_view::npos) return {side(view), side(view)};
  return {side(view.substr(0, cross)), side(view.substr(cross + 1))};
}

// The file that stdout leads to, below the current folder if it lies there; empty if stdout is no
// file, or its name is not known.
std::string file_of_stdout() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path file = fs::read_symlink("/proc/self/fd/1", error);
  if (error || !fs::is_regular_file(file, error)) return "";
  const fs::path here = file.lexically_relative(fs::current_path(error));
  return (here.empty() || *here.begin() == ".." ? file : here).string();
}

int make_new(const NewOptions& options) {
  NewModelOptions wanted{.data = options.data,
                         .file = file_of_stdout(),
                         .size = {},
                         .epochs = options.epochs,
                         .keys = array_keys(options.set)};
  if (!options.size.empty()) wanted.size = size_of(options.size);
  const PictureData data(options.data, wanted.keys);
  const Survey survey = survey_with_progress(data);
  const std::string text = new_model(data, survey, wanted);
  parse_model_file(text, "the new model");  // or this message is better than that of a later run
  write_stdout(text);
  return kDone;
}

}  // namespace

void add_new(CLI::App& app, std::function<int()>& action) {
  CLI::App* command =
      app.add_subcommand("new", "Write a first model for a data set: a .toml file, on stdout");
  auto options = std::make_shared<NewOptions>();
  command
      ->add_option("--data", options->data,
                   "A folder with a folder of pictures for each class, a list of pictures (.csv, "
                   ".tsv), or another data set that 'convoy train' reads (docs/data.md)")
      ->type_name("NAME|DIR|FILE")
      ->required()
      ->group(kDataGroup);
  command
      ->add_option("--size", options->size,
                   "Size of the input, to which pictures are resized; default: theirs if all have "
                   "one and no side is over 64, else the median, at most 64 and in steps of 8")
      ->type_name("N|HxW");
  command
      ->add_option("--epochs", options->epochs,
                   "Passes over the training data; default: 5 to 50, the fewer the more images")
      ->check(whole_number(1, kMostEpochs))
      ->type_name("N");
  command
      ->add_option("--set", options->set,
                   "Say how arrays are stored: input.transpose=true, input.first_label=1; "
                   "repeatable. The model gets these keys")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(kDataGroup);
  command->footer(
      "Examples:\n  convoy new --data pets > pets.toml\n"
      "  convoy train pets.toml --data pets --test-fraction 0.2\n"
      "  convoy new --data mnist --epochs 2 > mine.toml");
  command->callback([options, &action] { action = [options] { return make_new(*options); }; });
}

}  // namespace convoy::app
