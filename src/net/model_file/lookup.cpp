// SPDX-License-Identifier: Apache-2.0
// Finds model files by name.
#include <fmt/format.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "base/check.hpp"
#include "base/suggest.hpp"
#include "net/library_folder.hpp"
#include "net/model_reader.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

fs::path program_folder() {
  std::error_code error;
  fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) {  // where /proc is not mounted, the kernel still tells the path that was executed
    // NOLINTNEXTLINE(performance-no-int-to-ptr): getauxval() returns an address as a number
    const auto* executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    program = executed == nullptr ? fs::path() : fs::absolute(executed, error);
  }
  return error ? fs::path() : program.parent_path();
}

// The folders that may hold models: $CONVOY_MODELS; those beside this program or the library, which
// may have been moved since they were installed; and those that the build recorded
// (CMakeLists.txt).
std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    std::error_code error;
    fs::path real = fs::canonical(folder, error);
    if (error) real = folder.lexically_normal();
    if (std::find(folders.begin(), folders.end(), real) == folders.end()) folders.push_back(real);
  };
  const char* chosen = std::getenv("CONVOY_MODELS");
  if (chosen != nullptr && *chosen != '\0') add(chosen);
  if (const fs::path folder = program_folder(); !folder.empty()) {
    add(folder / CONVOY_MODELS_FROM_BIN);
    // In a build, a program lies in the top folder or in a folder directly below it.
    add(folder / "share/convoy/models");
    add(folder / "../share/convoy/models");
  }
  if (const fs::path folder = library_folder(); !folder.empty()) {
    add(folder / CONVOY_MODELS_FROM_LIB);
  }
  if (const fs::path folder = CONVOY_MODELS_SOURCE_DIR; !folder.empty()) add(folder);
  add(CONVOY_MODELS_INSTALL_DIR);
  return folders;
}

[[noreturn]] void fail_unknown(std::string_view name) {
  std::string searched;
  for (const fs::path& folder : model_folders()) {
    searched += (searched.empty() ? "" : ", ") + folder.string();
  }
  const std::vector<ModelEntry> known = known_models();
  std::vector<std::string_view> names;
  for (const ModelEntry& entry : known) names.push_back(entry.name);
  const std::string list = names.empty() ? "no models there" : "known are " + joined(names);
  const std::string_view near = nearest(name, names);
  const std::string remedy =
      names.empty()  ? "set CONVOY_MODELS to the folder with the models, or give a .toml file"
      : near.empty() ? "give one of these, or the path of a .toml file"
                     : fmt::format("did you mean '{}'?", near);
  throw UserError(
      Fault::not_found, fmt::format("unknown model '{}'", name),
      fmt::format("searched in {}; {}", searched.empty() ? "no folder" : searched, list), remedy);
}

}  // namespace

std::string read_config_file(const fs::path& path, std::string_view kind) {
  constexpr std::uintmax_t kLargest = 1 << 20;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found || error == std::errc::filename_too_long) {
    throw UserError(Fault::not_found, fmt::format("no {} file '{}'", kind, path.string()),
                    status.type() == fs::file_type::not_found ? "" : error.message(),
                    "correct the path, or give the name of a known model (convoy info lists them)");
  }
  if (error) throw SystemError(Fault::io, "stat", path.string(), error.value());
  const std::string remedy = fmt::format("give the path of a {}'s .toml file", kind);
  if (!fs::is_regular_file(status)) {
    throw UserError(Fault::bad_data, fmt::format("'{}' is not a file", path.string()), "", remedy);
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && size > kLargest) {
    throw UserError(Fault::bad_data,
                    fmt::format("{}: too large for a {} file", path.string(), kind),
                    fmt::format("{} bytes, at most {}", size, kLargest), remedy);
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(error ? 0 : static_cast<std::size_t>(size), '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    throw SystemError(Fault::io, "read", path.string(), errno == 0 ? EIO : errno);
  }
  return text;
}

std::vector<ModelEntry> known_models() {
  std::vector<ModelEntry> models;
  for (const fs::path& folder : model_folders()) {
    std::error_code error;
    for (fs::directory_iterator file(folder, error), end; !error && file != end;
         file.increment(error)) {
      const std::string name = file->path().stem().string();
      const bool is_hidden_by_earlier = std::any_of(
          models.begin(), models.end(), [&](const ModelEntry& m) { return m.name == name; });
      if (file->path().extension() == ".toml" && is_model_name(name) && !is_hidden_by_earlier) {
        models.push_back({name, file->path()});
      }
    }
  }
  std::sort(models.begin(), models.end(),
            [](const ModelEntry& a, const ModelEntry& b) { return a.name < b.name; });
  return models;
}

ModelFile load_model_file(std::string_view name_or_path, std::span<const Override> overrides) {
  if (name_or_path.ends_with(".toml") || name_or_path.find('/') != std::string_view::npos) {
    const fs::path path(name_or_path);
    return parse_model_file(read_config_file(path, "model"), path.string(), overrides);
  }
  for (const ModelEntry& entry : known_models()) {
    if (entry.name == name_or_path) {
      return parse_model_file(read_config_file(entry.path, "model"), entry.path.string(),
                              overrides);
    }
  }
  fail_unknown(name_or_path);
}

}  // namespace convoy
