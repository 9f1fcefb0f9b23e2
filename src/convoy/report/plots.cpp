// SPDX-License-Identifier: Apache-2.0
#include "convoy/report/plots.hpp"

#include <algorithm>

#include "convoy/base/check.hpp"
#include "convoy/report/gnuplot.hpp"
#include "convoy/report/plot_script.hpp"
#include "convoy/report/plot_svg.hpp"

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

// Each <?xml ...?> begins one.
std::vector<std::string_view> documents(std::string_view output) {
  constexpr std::string_view kBegin = "<?xml ";
  std::vector<std::string_view> result;
  auto at = output.find(kBegin);
  while (at != output.npos) {
    const auto next = output.find(kBegin, at + 1);
    result.push_back(output.substr(at, next == output.npos ? next : next - at));
    at = next;
  }
  return result;
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
    scripts.push_back(std::visit([](const auto& one) { return gnuplot::script_of(one); }, plot));
    script += scripts.back().text;
  }
  const std::string output = gnuplot::run(program, script);
  const std::vector<std::string_view> drawn = documents(output);
  if (drawn.size() != plots.size()) {
    throw SystemError(Fault::io, "drawing", program, "some plots are missing from its output");
  }
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

}  // namespace convoy
