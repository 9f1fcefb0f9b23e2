// SPDX-License-Identifier: Apache-2.0
#include "report/page_style.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/check.hpp"

namespace convoy {
namespace {

// The colours of plots. c1 .. c8 are those of Okabe and Ito, darker or lighter where they would be
// too close to the page's colour. All text has a contrast of at least 4.5 to its background, all
// lines of plots one of at least 3 (WCAG AA).
struct PlotColour {
  std::string_view name;
  unsigned light, dark;  // 0xRRGGBB
};
constexpr PlotColour kPlotColours[] = {
    {"page", 0xffffff, 0x14181d}, {"ink", 0x1c2127, 0xdde3e9}, {"muted", 0x57606a, 0x9ba6b2},
    {"grid", 0xe4e8ec, 0x283039}, {"c1", 0x0072b2, 0x4da3e0},  {"c2", 0xd55e00, 0xff8a3c},
    {"c3", 0x008a63, 0x2fc49a},   {"c4", 0xb8528e, 0xe08fc0},  {"c5", 0xa87300, 0xf0b429},
    {"c6", 0x2a8fc4, 0x8fd0f7},   {"c7", 0x4a5058, 0xc5ccd4},  {"c8", 0x807600, 0xe6db4f}};

constexpr std::string_view kBegin = R"css(
:root {
  color-scheme: light dark;
)css";

// The style between the light colours and the dark ones.
constexpr std::string_view kMiddle =
    R"css(  --rule: #d4d9df; --panel: #f6f7f9; --link: #0b5a8c; --heat: 0 114 178; --heat-miss: 213 94 0;
  --warn: #7a3e00; --warn-panel: #fff5e8; --warn-rule: #d98a2b;
  --good: #17603a; --good-panel: #eef8f2; --good-rule: #3c9b68;
  --serif: Charter, "Bitstream Charter", "Source Serif 4", "Source Serif Pro", Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
)css";

constexpr std::string_view kRest =
    R"css(    --rule: #353d46; --panel: #1b2027; --link: #7cc0ee; --heat: 77 163 224; --heat-miss: 255 138 60;
    --warn: #ffc078; --warn-panel: #2a2115; --warn-rule: #b9752a;
    --good: #86d6a6; --good-panel: #15261d; --good-rule: #3c9b68;
  }
}
* { box-sizing: border-box; }
html { background: var(--page); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 0 1.25rem 4rem; max-width: 62rem; font: 1.0625rem/1.6 var(--serif); }
header { padding: 3.5rem 0 1.25rem; border-bottom: 1px solid var(--rule); }
h1, h2, h3 { font-family: var(--sans); line-height: 1.2; text-wrap: balance; break-after: avoid; }
h1 { margin: 0; font-size: 2.1rem; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 3.25rem 0 1rem; font-size: 1.4rem; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h3 { margin: 2.25rem 0 0.75rem; font-size: 1.06rem; font-weight: 650; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; max-width: 43rem; overflow-wrap: break-word; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.subtitle { margin: 0.6rem 0 0; color: var(--muted); font-size: 1.12rem; line-height: 1.45; }
nav { margin: 1.25rem 0 0; font: 0.9rem/1.5 var(--sans); }
nav ol { display: flex; flex-wrap: wrap; gap: 0.3rem 1.5rem; margin: 0; padding: 0; list-style: none; counter-reset: entry; }
nav li { counter-increment: entry; }
nav li::before { content: counter(entry) "\2002"; color: var(--muted); font-variant-numeric: tabular-nums; }
nav a { color: inherit; text-decoration-color: var(--rule); }
nav a:hover { text-decoration-color: currentColor; }
.note { color: var(--muted); font: 0.86rem/1.5 var(--sans); }
.flag { max-width: 43rem; padding: 0.6rem 0.9rem; border-left: 4px solid; border-radius: 0 4px 4px 0; font: 0.93rem/1.5 var(--sans); break-inside: avoid; }
.flag + .flag { margin-top: -0.4rem; }
.warning { color: var(--warn); background: var(--warn-panel); border-color: var(--warn-rule); }
.good { color: var(--good); background: var(--good-panel); border-color: var(--good-rule); }
figure { margin: 1.75rem 0; break-inside: avoid; }
figure svg { display: block; width: 100%; max-width: 37rem; height: auto; }
figcaption { color: var(--muted); font: 0.86rem/1.45 var(--sans); text-align: left; }
figcaption { margin-top: 0.4rem; max-width: 41rem; }
.table { break-inside: auto; }
.table figcaption { margin: 0 0 0.5rem; break-after: avoid; }
.table .scroll { margin: 0; width: fit-content; max-width: max(100%, min(100vw - 2.5rem, 50vw + 28.5rem)); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1.5rem 2rem; margin: 1.75rem 0; }
.pair figure { margin: 0; }
.plot { color: var(--ink); font-family: var(--sans); }
.plot .c1 { color: var(--c1); } .plot .c2 { color: var(--c2); } .plot .c3 { color: var(--c3); }
.plot .c4 { color: var(--c4); } .plot .c5 { color: var(--c5); } .plot .c6 { color: var(--c6); }
.plot .c7 { color: var(--c7); } .plot .c8 { color: var(--c8); }
.plot .ideal { color: var(--muted); } .plot .grid { color: var(--grid); } .plot .page { color: var(--page); }
.plot .halo text { stroke: var(--page); stroke-width: 3px; paint-order: stroke; font-size: 11px; }
.plot text { font-variant-numeric: tabular-nums; }
.scroll { margin: 1.5rem 0; overflow-x: auto; }
table { border-collapse: collapse; font: 0.86rem/1.4 var(--sans); font-variant-numeric: tabular-nums; }
th, td { padding: 0.32rem 0.5rem; text-align: left; vertical-align: baseline; }
th:first-child, td:first-child { padding-left: 0.25rem; }
th:last-child, td:last-child { padding-right: 0.25rem; }
th { font-weight: 400; }
thead { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
thead th { font-weight: 600; vertical-align: bottom; }
tbody { border-bottom: 2px solid var(--ink); }
tbody tr + tr { border-top: 1px solid var(--grid); }
tr { break-inside: avoid; }
.number { text-align: right; }
td.number, .short { white-space: nowrap; }
.facts { display: grid; grid-template-columns: fit-content(15rem) 1fr; gap: 0.25rem 1.5rem; margin: 1.25rem 0; font: 0.9rem/1.5 var(--sans); }
.facts dt { color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 1.25rem 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--rule); border-radius: 4px; font: 0.83rem/1.5 var(--mono); }
code { font-family: var(--mono); }
details { margin: 1.25rem 0; font: 0.9rem/1.5 var(--sans); }
summary { cursor: pointer; color: var(--link); }
.confusion td { min-width: 3.1rem; padding: 0.4rem 0.5rem; text-align: right; }
.confusion thead th { max-width: 7rem; padding: 0.3rem 0.5rem; text-align: right; overflow-wrap: break-word; font-weight: 400; }
.confusion thead tr:first-child th { max-width: none; font-weight: 600; }
.confusion thead th[scope="colgroup"] { text-align: left; }
.confusion tbody th { white-space: nowrap; }
.confusion tbody tr + tr { border-top: 1px solid var(--page); }
.confusion .hit { background: rgb(var(--heat) / var(--share)); }
.confusion .miss { background: rgb(var(--heat-miss) / var(--share)); }
.confusion .zero { color: var(--muted); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.6rem, 1fr)); gap: 1.1rem 0.9rem; margin: 1.25rem 0; padding: 0; list-style: none; }
.gallery li { break-inside: avoid; font: 0.78rem/1.35 var(--sans); }
.gallery img { display: block; width: 5rem; height: 5rem; margin-bottom: 0.35rem; object-fit: contain; image-rendering: pixelated; border: 1px solid var(--rule); }
.gallery span { display: block; color: var(--muted); }
@media (max-width: 40rem) {
  body { font-size: 1rem; padding: 0 1rem 3rem; }
  header { padding-top: 2rem; }
  h1 { font-size: 1.6rem; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 0.5rem; }
}
@page { margin: 18mm 16mm; }
@media print {
  :root { color-scheme: light; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  header { padding-top: 0; }
  a { color: inherit; text-decoration: none; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; }
  th, td { padding: 0.25rem 0.5rem; }
  .pair { grid-template-columns: 1fr 1fr; gap: 1rem; }
  pre { overflow: visible; white-space: pre-wrap; overflow-wrap: anywhere; break-inside: avoid; }
  p { orphans: 3; widows: 3; }
  p:has(+ .gallery) { break-after: avoid; }
  .facts { break-inside: avoid; }
  details:not([open]) { display: none; }
}
)css";

std::string variables(unsigned PlotColour::*value) {
  std::string text;
  for (const PlotColour& colour : kPlotColours) {
    text += fmt::format("  --{}: #{:06x};\n", colour.name, colour.*value);
  }
  return text;
}

}  // namespace

std::string_view page_style() {
  static const std::string style = fmt::format("{}{}{}{}{}", kBegin, variables(&PlotColour::light),
                                               kMiddle, variables(&PlotColour::dark), kRest);
  return style;
}

unsigned light_colour(std::string_view plot_class) {
  const std::string_view name = plot_class == "ideal"  ? "muted"
                                : plot_class == "halo" ? "ink"
                                                       : plot_class;
  const auto found = std::ranges::find(kPlotColours, name, &PlotColour::name);
  CONVOY_ASSERT(found != std::end(kPlotColours));
  return found->light;
}

std::string plot_style() {
  std::string text = ".plot { font-family: sans-serif; font-variant-numeric: tabular-nums; }\n";
  const auto add = [&](std::string_view selector, std::string_view property, std::string_view of) {
    text += fmt::format("{} {{ {}: #{:06x}; }}\n", selector, property, light_colour(of));
  };
  add(".plot", "color", "ink");
  for (const char* name :
       {"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "ideal", "grid", "page"}) {
    add(fmt::format(".plot .{}", name), "color", name);
  }
  add(".plot .halo text", "stroke", "page");
  return text + ".plot .halo text { stroke-width: 3px; paint-order: stroke; font-size: 11px; }\n";
}

}  // namespace convoy
