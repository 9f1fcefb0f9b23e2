// SPDX-License-Identifier: Apache-2.0
#include "report/plots.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "report/gnuplot.hpp"
#include "report/page_style.hpp"
#include "report/plot_script.hpp"
#include "report/plot_svg.hpp"

namespace convoy {
namespace {

std::string installed_gnuplot() {
  std::string program = gnuplot::find();
  if (program.empty()) {
    throw UserError(Fault::unavailable, "gnuplot is not installed",
                    "it is needed to draw the plots of a report", "apt-get install gnuplot-nox");
  }
  return program;
}

[[maybe_unused]] bool is_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// The beginning of a document, which may follow the end of another one.
constexpr std::string_view kSvg = "<?xml ", kPdf = "%PDF-", kPdfEnd = "%%EOF\n";

std::vector<std::string_view> documents(std::string_view output, std::string_view begin,
                                        std::string_view end) {
  const std::string between = fmt::format("{}{}", end, begin);
  std::vector<std::string_view> result;
  for (auto at = output.find(begin); at < output.size();) {
    const auto next = output.find(between, at + 1);
    const auto stop = next == output.npos ? output.size() : next + end.size();
    result.push_back(output.substr(at, stop - at));
    at = stop;
  }
  return result;
}

gnuplot::Script script_of(const Plot& plot) {
  return std::visit([](const auto& one) { return gnuplot::script_of(one); }, plot);
}

void check_count(const std::string& program, std::size_t drawn, std::size_t wanted) {
  if (drawn == wanted) return;
  throw SystemError(Fault::io, "drawing", program, "some plots are missing from its output");
}

// Removes the date that Cairo writes; it always has the same number of digits.
void forget_date(std::string& pdf) {
  constexpr std::string_view kDate = "/CreationDate (D:", kThen = "20000101000000";
  const auto at = pdf.find(kDate);
  if (at == pdf.npos) return;
  const auto digits = at + kDate.size();
  if (pdf.find_first_not_of("0123456789", digits) == digits + kThen.size()) {
    pdf.replace(digits, kThen.size(), kThen);
  }
}

}  // namespace

void require_gnuplot() {
  installed_gnuplot();
}

std::vector<std::string> draw(std::span<const Plot> plots) {
  const std::string program = installed_gnuplot();
  if (plots.empty()) return {};
  std::vector<gnuplot::Script> scripts;
  std::string script;
  for (const Plot& plot : plots) {
    scripts.push_back(script_of(plot));
    script += gnuplot::begin_svg(scripts.back()) + scripts.back().text;
  }
  const std::string output = gnuplot::run(program, script);
  const std::vector<std::string_view> drawn = documents(output, kSvg, "");
  check_count(program, drawn.size(), plots.size());
  std::vector<std::string> result;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    result.push_back(std::visit(
        [&](const auto& plot) {
          CONVOY_ASSERT(is_name(plot.name));
          return gnuplot::page_svg(drawn[i], plot.name, plot.title, scripts[i].titles);
        },
        plots[i]));
  }
  return result;
}

std::string svg_file(std::string_view drawn) {
  constexpr std::string_view kBox = " viewBox=\"0 0 ";
  const auto box = drawn.find(kBox), head_end = drawn.find('>');
  CONVOY_ASSERT(box < head_end && head_end != drawn.npos);
  const std::string_view size = drawn.substr(box + kBox.size());
  const std::string_view width = size.substr(0, size.find(' '));
  const std::string_view height = size.substr(width.size() + 1, size.find('"') - width.size() - 1);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{} width=\"{}\" height=\"{}\">\n<style>\n{}"
      "</style>{}",
      drawn.substr(0, head_end), width, height, plot_style(), drawn.substr(head_end + 1));
}

std::vector<std::string> draw_pdf(std::span<const Plot> plots) {
  const std::string program = installed_gnuplot();
  if (plots.empty()) return {};
  std::string script;
  for (const Plot& plot : plots) {
    const gnuplot::Script one = script_of(plot);
    script += gnuplot::begin_pdf(one) + one.text + "set output\n";
  }
  const std::string output = gnuplot::run(program, script);
  std::vector<std::string> result;
  for (const std::string_view pdf : documents(output, kPdf, kPdfEnd)) {
    forget_date(result.emplace_back(pdf));
  }
  check_count(program, result.size(), plots.size());
  return result;
}

const std::string& name_of(const Plot& plot) {
  return std::visit([](const auto& one) -> const std::string& { return one.name; }, plot);
}

}  // namespace convoy
