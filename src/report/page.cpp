// SPDX-License-Identifier: Apache-2.0
#include "report/page.hpp"

#include <fmt/format.h>

#include "report/page_style.hpp"
#include "report/svg.hpp"

namespace convoy {
namespace {

// Valid HTML that is also valid XML, so that both kinds of parsers can read it.
constexpr std::string_view kHead =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
    "<meta name=\"color-scheme\" content=\"light dark\"/>\n";

std::string figure_html(std::string_view svg, std::string_view caption) {
  return fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", svg,
                     svg::escaped(caption));
}

std::string flag_html(std::string_view kind, std::string_view mark, std::string_view word,
                      std::string_view text) {
  return fmt::format(
      "<p class=\"flag {}\"><span aria-hidden=\"true\">{}</span> <strong>{}:</strong> {}</p>\n",
      kind, mark, word, svg::escaped(text));
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::section(std::string_view heading) {
  ++sections_;
  const std::string text = svg::escaped(heading);
  contents_ += fmt::format("<li><a href=\"#section-{}\">{}</a></li>\n", sections_, text);
  body_ += fmt::format("<h2 id=\"section-{}\">{}</h2>\n", sections_, text);
}

void Page::subsection(std::string_view heading) {
  body_ += fmt::format("<h3>{}</h3>\n", svg::escaped(heading));
}

void Page::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", svg::escaped(text));
}

void Page::note(std::string_view text) {
  body_ += fmt::format("<p class=\"note\">{}</p>\n", svg::escaped(text));
}

void Page::warning(std::string_view text) {
  body_ += flag_html("warning", "\u25B2", "Warning", text);
}

void Page::good(std::string_view text) {
  body_ += flag_html("good", "\u2713", "Checked", text);
}

void Page::figure(std::string_view svg, std::string_view caption) {
  body_ += figure_html(svg, caption);
}

void Page::figures(const std::vector<std::pair<std::string, std::string>>& svg_and_caption) {
  body_ += "<div class=\"pair\">\n";
  for (const auto& [svg, caption] : svg_and_caption) body_ += figure_html(svg, caption);
  body_ += "</div>\n";
}

void Page::table(const Table& table) {
  body_ += to_html(table);
}

void Page::code(std::string_view text) {
  body_ += fmt::format("<pre tabindex=\"0\"><code>{}</code></pre>\n", svg::escaped_lines(text));
}

void Page::facts(const std::vector<std::pair<std::string, std::string>>& names_and_values) {
  body_ += "<dl class=\"facts\">\n";
  for (const auto& [name, value] : names_and_values) {
    body_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", svg::escaped(name), svg::escaped(value));
  }
  body_ += "</dl>\n";
}

void Page::html(std::string_view html) {
  body_ += html;
}

std::string Page::text() const {
  const std::string title = svg::escaped(title_);
  std::string text = fmt::format(
      "{}<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n", kHead,
      title, page_style(), title);
  if (!subtitle_.empty()) {
    text += fmt::format("<p class=\"subtitle\">{}</p>\n", svg::escaped(subtitle_));
  }
  if (sections_ > 1) {
    text += fmt::format("<nav aria-label=\"Contents\">\n<ol>\n{}</ol>\n</nav>\n", contents_);
  }
  return text + fmt::format("</header>\n<main>\n{}</main>\n</body>\n</html>\n", body_);
}

}  // namespace convoy
