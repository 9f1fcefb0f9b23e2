// SPDX-License-Identifier: Apache-2.0
#include "commands/data_facts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "commands/data_loading.hpp"
#include "report/metrics.hpp"

namespace convoy::app {
namespace {

using Row = std::vector<std::string>;

constexpr std::size_t kMostNamed = 20;  // pictures in a warning

std::string text_of_sizes(const Survey& survey) {
  if (survey.has_one_size) return fmt::format("all {}", to_string(survey.smallest));
  return fmt::format("{} to {}, the median {}; {} of {}", to_string(survey.smallest),
                     to_string(survey.largest), to_string(survey.median),
                     with_commas(survey.with_most_frequent), to_string(survey.most_frequent));
}

std::string four_digits(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(fmt::format("{:.4f}", value));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string text_of_channels(const Survey& survey) {
  return survey.channels == 1   ? "1, grey"
         : survey.channels == 3 ? "3: red, green, blue"
                                : std::to_string(survey.channels);
}

Row row_of_unreadable(const Survey& survey) {
  const Survey::Counts& counts = survey.unreadable;
  return {"  unreadable",
          fmt::format("{} of them: {} for training, {} for validation, {} for the test",
                      with_commas(std::ssize(survey.bad)), with_commas(counts[0]),
                      with_commas(counts[1]), with_commas(counts[2]))};
}

// A last column; the first row is the head of the table.
void add_unreadable(const Survey& survey, std::vector<Row>& classes,
                    std::vector<bool>& to_the_right) {
  std::vector<Index> counts(survey.counts.size());
  for (const Survey::Bad& picture : survey.bad) ++counts[picture.label];
  classes[0].emplace_back("unreadable");
  for (std::size_t i = 0; i < counts.size(); ++i) classes[i + 1].push_back(with_commas(counts[i]));
  to_the_right.push_back(true);
}

void warn_of_bad(const Survey& survey) {
  if (survey.bad.empty()) return;
  std::string text = fmt::format("{} {} be read:", with_commas(std::ssize(survey.bad)),
                                 survey.bad.size() == 1 ? "picture cannot" : "pictures cannot");
  for (std::size_t i = 0; i < survey.bad.size() && i < kMostNamed; ++i)
    text += "\n" + survey.bad[i].message;
  if (survey.bad.size() > kMostNamed)
    text += fmt::format("\nand {} more (--json names all)", survey.bad.size() - kMostNamed);
  write_warning(text);
}

Json pair(const Extent& size) {
  return Json::array({size.height, size.width});
}

Json counts_of(const Survey::Counts& counts) {
  return {{"train", counts[0]}, {"validation", counts[1]}, {"test", counts[2]}};
}

}  // namespace

Survey survey_with_progress(const PictureData& data) {
  Survey result;
  {
    LiveLine line;
    const Stopwatch since;
    result = survey(data, 0, [&](std::size_t done) {
      line.show(progress_line(
          {static_cast<Index>(done), static_cast<Index>(data.size()), since.seconds()}));
    });
  }
  for (const std::string& note : data.notes()) write_warning(note);
  warn_of_bad(result);
  return result;
}

std::string text_of(const PictureData& data, const Survey& survey) {
  std::vector<Row> facts;
  if (!data.path().empty()) facts.push_back({"  found in", data.path().string()});
  facts.insert(
      facts.end(),
      {Row{"  images", fmt::format("{}: {} for training, {} for validation, {} for the test",
                                   with_commas(survey.all()), with_commas(survey.total[0]),
                                   with_commas(survey.total[1]), with_commas(survey.total[2]))},
       Row{"  height x width", text_of_sizes(survey)}, Row{"  channels", text_of_channels(survey)},
       Row{"  mean", four_digits(survey.mean) +
                         (survey.are_floats ? "" : "  (of bytes / 255, for training)")},
       Row{"  std", four_digits(survey.stddev)}});
  if (!survey.bad.empty()) facts.insert(facts.end() - 4, row_of_unreadable(survey));
  std::vector<Row> classes{{"  label", "class", "train", "validation", "test"}};
  for (std::size_t i = 0; i < data.classes().size(); ++i) {
    const Survey::Counts& counts = survey.counts[i];
    classes.push_back({fmt::format("  {}", i), data.classes()[i], with_commas(counts[0]),
                       with_commas(counts[1]), with_commas(counts[2])});
  }
  std::vector<bool> to_the_right{true, false, true, true, true};
  if (!survey.bad.empty()) add_unreadable(survey, classes, to_the_right);
  return fmt::format("{}: {} classes\n{}\n{}", data.name(), data.classes().size(),
                     aligned(facts, {false, false}), aligned(classes, to_the_right));
}

Json json_of(const PictureData& data, const Survey& survey) {
  Json classes = Json::array(), bad = Json::array();
  for (std::size_t i = 0; i < data.classes().size(); ++i) {
    Json row{{"name", data.classes()[i]}};
    row.update(counts_of(survey.counts[i]));
    classes.push_back(std::move(row));
  }
  for (const Survey::Bad& picture : survey.bad)
    bad.push_back({{"picture", picture.picture}, {"message", picture.message}});
  Json notes = Json::array();
  for (const std::string& note : data.notes()) notes.push_back(note);
  return {{"name", data.name()},
          {"found", data.path().empty() ? Json(nullptr) : Json(data.path().string())},
          {"images", counts_of(survey.total)},
          {"classes", std::move(classes)},
          {"sizes",
           {{"smallest", pair(survey.smallest)},
            {"largest", pair(survey.largest)},
            {"median", pair(survey.median)},
            {"most_frequent", pair(survey.most_frequent)},
            {"with_most_frequent", survey.with_most_frequent}}},
          {"channels", survey.channels},
          {"pixels", survey.are_floats ? "f32" : "u8"},
          {"mean", survey.mean},
          {"std", survey.stddev},
          {"bad_pictures", std::move(bad)},
          {"notes", std::move(notes)}};
}

}  // namespace convoy::app
