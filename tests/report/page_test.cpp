// SPDX-License-Identifier: Apache-2.0
#include "report/page.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "report/page_style.hpp"
#include "tests/report/xml.hpp"

namespace convoy::test {
namespace {

const std::string kNasty = "<b> & \"quotes\" </main> \x02 \xff é";
const std::string kShown = "<b> & \"quotes\" </main> \\x02 \\xff é";

Page full_page() {
  Page page(kNasty, kNasty);
  page.section(kNasty);
  page.subsection(kNasty);
  page.paragraph(kNasty);
  page.note(kNasty);
  page.warning(kNasty);
  page.good(kNasty);
  page.section("second");
  page.figure("<svg viewBox=\"0 0 1 1\"></svg>", kNasty);
  page.figures({{"<svg></svg>", kNasty}, {"<svg></svg>", "b"}});
  page.table({"t", kNasty, {{kNasty, false}}, {{kNasty}}});
  page.code("convoy train a\nconvoy train b & c");
  page.facts({{kNasty, kNasty}});
  page.html("<hr/>");
  return page;
}

// A page is well-formed XML, but for its first line.
std::optional<std::vector<std::string>> texts_of_page(const std::string& html) {
  constexpr std::string_view kDoctype = "<!DOCTYPE html>\n";
  if (!html.starts_with(kDoctype)) return {};
  return texts_of_xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
                      html.substr(kDoctype.size()));
}

TEST(Page, IsWellFormedWhateverItsTextsHold) {
  const auto texts = texts_of_page(full_page().text());
  ASSERT_TRUE(texts);
  int shown = 0;
  for (const std::string& text : *texts) shown += text.find(kShown) != text.npos;
  EXPECT_EQ(shown, 17);
  EXPECT_TRUE(std::count(texts->begin(), texts->end(), "convoy train a\nconvoy train b & c") > 0);
}

TEST(Page, RefersToNothingOutside) {
  const std::string html = full_page().text();
  for (const char* part :
       {"http://", "https://", "url(", "@import", "<script", "<link", " src=", "javascript:"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(Page, ContentsLeadToTheSections) {
  const std::string html = full_page().text();
  for (const char* id : {"section-1", "section-2"}) {
    EXPECT_EQ(occurrences(html, "href=\"#" + std::string(id) + "\""), 1);
    EXPECT_EQ(occurrences(html, " id=\"" + std::string(id) + "\""), 1);
  }
  Page one("a", "");
  one.section("only");
  EXPECT_EQ(one.text().find("<nav"), std::string::npos) << "a list of one is none";
}

TEST(Page, FlagsAreToldByAWord) {
  const std::string html = full_page().text();
  EXPECT_EQ(occurrences(html, "<strong>Warning:</strong>"), 1);
  EXPECT_EQ(occurrences(html, "<strong>Checked:</strong>"), 1);
}

using Colour = std::array<double, 3>;

double luminance(const Colour& colour) {
  const auto linear = [](double c) {
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
}

double contrast(const Colour& a, const Colour& b) {
  const double one = luminance(a) + 0.05, other = luminance(b) + 0.05;
  return std::max(one, other) / std::min(one, other);
}

// The colours of the nth block of variables.
std::map<std::string, Colour> colours(int block) {
  std::string_view style = page_style();
  for (int i = 0; i <= block; ++i) style.remove_prefix(style.find("--page:") + (i < block ? 7 : 0));
  style = style.substr(0, style.find('}'));
  std::map<std::string, Colour> result;
  for (auto at = style.find("--"); at != style.npos; at = style.find("--", at + 2)) {
    const auto colon = style.find(": #", at);
    if (colon == style.npos || style.substr(at, colon - at).find(';') != style.npos) continue;
    Colour colour;
    for (std::size_t c = 0; c < 3; ++c) {
      colour[c] = std::stoi(std::string(style.substr(colon + 3 + 2 * c, 2)), nullptr, 16) / 255.0;
    }
    result[std::string(style.substr(at + 2, colon - at - 2))] = colour;
  }
  return result;
}

// WCAG 2, level AA, in light and in dark.
TEST(Page, EverythingHasContrast) {
  for (const int block : {0, 1}) {
    std::map<std::string, Colour> colour = colours(block);
    ASSERT_EQ(colour.size(), 21u) << block;
    for (const char* text : {"ink", "muted", "link"}) {
      EXPECT_GE(contrast(colour[text], colour["page"]), 4.5) << text << block;
      EXPECT_GE(contrast(colour[text], colour["panel"]), 4.5) << text << block;
    }
    for (const std::string flag : {"warn", "good"}) {
      EXPECT_GE(contrast(colour[flag], colour[flag + "-panel"]), 4.5) << flag << block;
    }
    for (int c = 1; c <= 8; ++c) {
      EXPECT_GE(contrast(colour["c" + std::to_string(c)], colour["page"]), 3) << c << block;
    }
  }
}

}  // namespace
}  // namespace convoy::test
