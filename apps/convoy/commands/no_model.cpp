// SPDX-License-Identifier: Apache-2.0
#include "commands/no_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "data/not_a_set.hpp"
#include "internal.hpp"

namespace convoy::app {

void check_is_model(const std::string& model) {
  namespace fs = std::filesystem;
  std::vector<std::string_view> names;
  const std::vector<ModelEntry> models = known_models();
  for (const ModelEntry& entry : models) names.emplace_back(entry.name);
  if (std::ranges::count(names, model) > 0 || model.ends_with(".toml")) return;
  std::error_code error;
  if (fs::exists(model, error))
    throw UserError(Fault::not_found,
                    fmt::format("{} is a {}, not a model", model,
                                fs::is_directory(model, error) ? "folder" : "file"),
                    "a model is a name that convoy info lists, or a .toml file",
                    fmt::format("to see the data set in it: convoy info --data {}",
                                shell_path(fs::path(model))));
  if (model.find('/') != std::string::npos) return;  // load_model_file() has the message
  const std::string problem = fmt::format("'{}' is neither a model nor a data set", model);
  if (const std::string sets = sets_in_folder(model); !sets.empty())
    throw UserError(Fault::not_found, problem, fmt::format("it is the folder of {}", sets),
                    "name one of these");
  const std::vector<CatalogEntry> data = catalog();
  for (const CatalogEntry& entry : data) names.emplace_back(entry.name);
  const std::string_view near = nearest(model, names);
  throw UserError(Fault::not_found, problem, fmt::format("known are {}", joined(names)),
                  near.empty() ? "give one of these, the path of a .toml file, or a folder or file "
                                 "of data with --data"
                               : fmt::format("did you mean '{}'?", near));
}

}  // namespace convoy::app
