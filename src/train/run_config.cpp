// SPDX-License-Identifier: Apache-2.0
// Reads and writes config.toml of a run folder.
#include <fmt/format.h>

#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <type_traits>

#include "base/check.hpp"
#include "base/float_environment.hpp"
#include "base/version.hpp"
#include "net/config_tree.hpp"
#include "train/run_config.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSchema = "convoy.run/2";
// The beginning of the part after the model's text. The model's text has no such table, and no
// value below has a line like this.
constexpr std::string_view kTail = "\n[data]\n";

[[noreturn]] void fail(const fs::path& file, std::string_view location, std::string_view why) {
  throw UserError(Fault::bad_data, fmt::format("{}: {} is wrong", file.string(), location), why,
                  "restore the file as the run wrote it, or begin a new run");
}

// Parses the part after the model's text. It puts as many lines in front as that text has, so that
// messages give the line numbers of the file.
ConfigTable parse_tail(const fs::path& file, std::string_view text, std::size_t cut) {
  const auto lines_before =
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(cut), '\n');
  const std::string lines(static_cast<std::size_t>(lines_before), '\n');
  return std::get<ConfigTable>(
      parse_config(lines + std::string(text.substr(cut)), file.string()).data);
}

// Quotes a text on one line, so that kTail appears only once in the file. (toml++ would choose a
// literal string also for a text with line ends, which such a string may not hold.) The result is
// ASCII, because parse_config() takes nothing else and a folder may have any name.
std::string quoted(const std::string& text) {
  using Flags = toml::format_flags;
  const auto flags = toml::toml_formatter::default_flags &
                     ~(Flags::allow_multi_line_strings | Flags::allow_literal_strings |
                       Flags::allow_unicode_strings);
  std::ostringstream stream;
  stream << toml::toml_formatter(toml::value<std::string>(text), flags);
  return stream.str();
}

template <class T>
T value_of(const fs::path& file, const ConfigTable& root, std::string_view table,
           std::string_view key) {
  const ConfigValue* section = find(root, table);
  const auto* entries = section == nullptr ? nullptr : std::get_if<ConfigTable>(&section->data);
  const ConfigValue* value = entries == nullptr ? nullptr : find(*entries, key);
  if (value != nullptr) {
    if (const T* given = std::get_if<T>(&value->data)) return *given;
    if constexpr (std::is_same_v<T, double>) {  // "0" parses as a whole number
      if (const auto* whole = std::get_if<std::int64_t>(&value->data)) {
        return static_cast<double>(*whole);
      }
    }
  }
  fail(file, fmt::format("{}.{}", table, key), "it is missing or has the wrong type");
}

// A text that may be missing; it is empty then.
std::string optional_text(const fs::path& file, const ConfigTable& root, std::string_view table,
                          std::string_view key) {
  const ConfigValue* section = find(root, table);
  const auto* entries = section == nullptr ? nullptr : std::get_if<ConfigTable>(&section->data);
  if (entries == nullptr || find(*entries, key) == nullptr) return {};
  return value_of<std::string>(file, root, table, key);
}

// The settings that choose the data. Their ranges are those of the command line.
DataSettings data_settings(const fs::path& file, const ConfigTable& root) {
  DataSettings data{value_of<std::string>(file, root, "data", "name"),
                    value_of<Index>(file, root, "data", "limit"),
                    value_of<double>(file, root, "data", "validation"),
                    optional_text(file, root, "data", "validation_sha256")};
  if (data.limit < 0) fail(file, "data.limit", fmt::format("it is {}", data.limit));
  if (!(data.validation >= 0 && data.validation < 1)) {
    fail(file, "data.validation", fmt::format("it is {}", data.validation));
  }
  return data;
}

}  // namespace

std::string run_config_text(const RunIdentity& identity) {
  std::string text = fmt::format(
      "{}{}name = {}\nlimit = {}\nvalidation = {}\ntrain_sha256 = {}\ntest_sha256 = {}\n",
      identity.model.text, kTail, quoted(identity.data.name), identity.data.limit,
      identity.data.validation, quoted(identity.train_sha256), quoted(identity.test_sha256));
  if (!identity.data.validation_sha256.empty()) {
    text += fmt::format("validation_sha256 = {}\n", quoted(identity.data.validation_sha256));
  }
  text += fmt::format("\n[run]\nschema = \"{}\"\norder_version = {}\nversion = \"{}\"\n", kSchema,
                      kOrderVersion, kVersion);
  if (!identity.initial_weights_sha256.empty()) {
    text += fmt::format("initial_weights_sha256 = {}\n", quoted(identity.initial_weights_sha256));
  }
  return text;
}

void check_order_version(Index order_version, std::string_view version, const fs::path& folder) {
  if (order_version == kOrderVersion) return;
  throw OtherVersion(
      Fault::bad_data,
      fmt::format("the run {} cannot continue with the same bits", folder.string()),
      fmt::format("its order_version is {}, but that of this Convoy is {}", order_version,
                  kOrderVersion),
      fmt::format("use the build of Convoy {} that wrote it, or begin a new run", version));
}

RunIdentity parse_run_config(std::string_view text, const fs::path& file) {
  const FloatEnvironment environment;
  const std::size_t cut = text.rfind(kTail);
  if (cut == std::string_view::npos) fail(file, "the table [data]", "it is missing");
  const ConfigTable tail = parse_tail(file, text, cut);
  const auto string = [&](std::string_view table, std::string_view key) {
    return value_of<std::string>(file, tail, table, key);
  };
  const std::string schema = string("run", "schema");
  if (schema != kSchema && schema.starts_with("convoy.run/")) {
    throw OtherVersion(
        Fault::bad_data,
        fmt::format("the run {} has files of another version", file.parent_path().string()),
        fmt::format("the schema of its {} is {}, not {}", file.filename().string(), schema,
                    kSchema),
        fmt::format("use the build of Convoy {} that wrote it, or begin a new run",
                    string("run", "version")));
  }
  if (schema != kSchema) fail(file, "run.schema", fmt::format("it is not {}", kSchema));
  check_order_version(value_of<Index>(file, tail, "run", "order_version"), string("run", "version"),
                      file.parent_path());
  RunIdentity identity{parse_model_file(text.substr(0, cut), file.string()),
                       data_settings(file, tail), string("data", "train_sha256"),
                       string("data", "test_sha256"),
                       optional_text(file, tail, "run", "initial_weights_sha256")};
  return identity;
}

}  // namespace convoy
