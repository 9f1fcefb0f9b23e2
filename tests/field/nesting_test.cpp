// SPDX-License-Identifier: Apache-2.0
// Every reader accepts 64 levels of nesting and refuses more with a message. (Each level of these
// files took stack in a parser, in code that walks over its tree, or in its destructor.)
#include "train/strict_json.hpp"  // before nlohmann's header, because it sets a macro for it

#include <gmock/gmock.h>

#include <map>

#include "net/config_tree.hpp"
#include "net/model_file.hpp"
#include "study/record.hpp"
#include "tests/apps/program.hpp"
#include "tests/net/failure.hpp"
#include "tests/study/made_study.hpp"
#include "train/run_folder.hpp"

namespace convoy {
namespace {

using test::ScratchFolder;
using ::testing::HasSubstr;

std::string times(int count, std::string_view text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// TOML with this number of levels, by the kind of nesting.
using Kinds = std::map<std::string, std::string>;
Kinds toml_of(int levels) {
  const int rest = levels - 1;
  return {{"arrays", "a = " + times(levels, "[") + times(levels, "]") + "\n"},
          {"inline tables", "a = " + times(levels, "{ a = ") + "1" + times(levels, " }") + "\n"},
          {"a dotted key", "a" + times(rest, ".a") + " = 1\n"},
          {"a quoted key", "\"#\"" + times(rest, ".'='") + " = 1\n"},
          {"a header", "[a" + times(rest, ".a") + "]\nb = 1\n"},
          {"an array of tables", "[[a" + times(rest, ".a") + "]]\nb = 1\n"},
          {"a key in an inline table", "a = { a" + times(rest, ".a") + " = 1 }\n"},
          {"all of them", "[a.a]\na.a = [{ a.a = " + times(levels - 6, "[") + "1" +
                              times(levels - 6, "]") + " }]\n"}};
}

TEST(Nesting, SixtyFourLevelsAreRead) {
  for (const auto& [kind, text] : toml_of(64)) {
    EXPECT_EQ(failure_of([&text = text] { parse_config(text, "x.toml"); }).message, "") << kind;
  }
}

TEST(Nesting, SixtyFiveLevelsAreRefused) {
  for (const int levels : {65, 100'000}) {
    for (const auto& [kind, text] : toml_of(levels)) {
      const Failure failure = failure_of([&text = text] { parse_config("\n" + text, "x.toml"); });
      EXPECT_EQ(failure.fault, Fault::bad_data) << kind;
      EXPECT_THAT(failure.message, HasSubstr("nested too deeply")) << kind;
      EXPECT_THAT(failure.message, HasSubstr(kind == "all of them" ? "x.toml:3" : "x.toml:2"));
    }
  }
}

TEST(Nesting, ManyTablesSideBySideAreNotDeep) {
  const std::string brackets = times(100, "[{(.");
  for (const std::string& text :
       {times(200, "[[a]]\nb = { c = [1, 2], d.e = 0.5 }\n"), "a = [" + times(200, "[1.5], ") + "]",
        "a = \"" + brackets + "\" # " + brackets, "a = '" + brackets + "'",
        "a = \"\"\"\n" + brackets + "\\\"\"\" \n\"\"\"\"\"",
        "a = \"\"\"\"\"\"\nb = '" + brackets + "'", "a = '''" + brackets + "\n'''",
        "a = { b = 1 }\n# " + brackets + "\nc = 2", "a = [ # " + brackets + "\n1 ]"}) {
    EXPECT_EQ(failure_of([&text = text] { parse_config(text, "x.toml"); }).message, "") << text;
  }
}

TEST(Nesting, OverridesHaveTheSameLimit) {
  const std::string model = test::read_file(known_models().front().path);
  for (const int levels : {65, 100'000}) {
    for (const std::string& override :
         {"optimizer.momentum=" + times(levels, "["),
          "optimizer.momentum=" + times(levels, "[") + times(levels, "]"),
          "optimizer.momentum=" + times(levels, "{a=") + "1" + times(levels, "}"),
          "optimizer.momentum={a" + times(levels, ".a") + "=1}",
          "optimizer.momentum=1\n[a" + times(levels, ".a") + "]",
          "train" + times(levels, ".a") + "=1", "layer.0" + times(levels, ".a") + "=1"}) {
      const Failure failure =
          failure_of([&] { parse_model_file(model, "x.toml", std::vector{Override(override)}); });
      EXPECT_EQ(failure.fault, Fault::usage) << override.substr(0, 40);
      EXPECT_THAT(failure.message, HasSubstr("deep")) << override.substr(0, 40);
    }
  }
}

std::string json_of(int levels, bool objects) {
  return objects ? times(levels, "{\"a\":") + "1" + times(levels, "}")
                 : times(levels, "[") + times(levels, "]");
}

TEST(Nesting, JsonHasTheSameLimit) {
  for (const bool objects : {false, true}) {
    EXPECT_NO_THROW(parse_strict_json(json_of(64, objects)));
    EXPECT_THROW(parse_strict_json(json_of(65, objects)), std::invalid_argument);
    EXPECT_THROW(parse_strict_json(json_of(100'000, objects)), std::invalid_argument);
  }
}

TEST(Nesting, StudyJsonHasTheSameLimit) {
  std::string text = study::to_json(
      test::made_study({{1, 1}, {1, 2}}, 2, 3, [](const study::Grid&, int) { return 1.0; }));
  const auto with = [&](int levels) {
    return "{\"more\": " + json_of(levels, true) + "," + text.substr(text.find('{') + 1);
  };
  EXPECT_NO_THROW(study::parse_study(with(63)));
  EXPECT_THROW(study::parse_study(with(64)), std::invalid_argument);
}

TEST(Nesting, LinesOfMetricsHaveTheSameLimit) {
  const std::string line = metrics_line({});
  const auto with = [&](int levels) {
    return "{\"epoch\": 1, \"more\": " + json_of(levels, false) + line.substr(line.find(','));
  };
  EXPECT_NO_THROW(parse_metrics_line(with(63)));
  EXPECT_THROW(parse_metrics_line(with(64)), std::invalid_argument);
}

// A failed run adds its message to the existing status file.
TEST(Nesting, AStatusFileThatIsTooDeepIsLeftAlone) {
  const ScratchFolder folder;
  const std::string text = "{\"status\": " + json_of(100'000, true) + "}";
  test::write_file(folder / "status.json", text);
  report_failure(folder.path, "a reason");
  EXPECT_EQ(test::read_file(folder / "status.json"), text);
}

TEST(Nesting, TheProgramRefusesItInEveryFile) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "study");
  for (const int levels : {65, 100'000}) {
    for (const auto& [kind, text] : toml_of(levels)) {
      test::write_file(folder / "model.toml", text);
      const test::Ended info = test::run({"info", "model.toml"}, folder);
      EXPECT_EQ(info.code, 65) << kind << info.err;
      EXPECT_TRUE(test::is_message(info, "nested too deeply")) << kind;
      const test::Ended study = test::run({"study", "model.toml"}, folder);
      EXPECT_EQ(study.code, 65) << kind << study.err;
      EXPECT_TRUE(test::is_message(study, "nested too deeply")) << kind;
    }
    test::write_file(folder / "study/study.json", json_of(levels, true));
    EXPECT_EQ(test::run({"report", "study"}, folder).code, 65);
  }
}

}  // namespace
}  // namespace convoy
