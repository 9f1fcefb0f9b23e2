// SPDX-License-Identifier: Apache-2.0
#include "report/plot_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include "report/plot_script.hpp"
#include "report/svg.hpp"

namespace convoy::gnuplot {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;

struct Tag {
  std::string name;
  Attributes attributes;
  bool closes = false;  // </name>
  bool whole = false;   // <name ... />

  std::string_view operator[](std::string_view key) const {
    for (const auto& [attribute, value] : attributes) {
      if (attribute == key) return value;
    }
    return {};
  }
};

// The ids of gnuplot's plot elements, which their numbers follow.
constexpr std::string_view kPlotId = "gnuplot_plot_";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Replaces runs of white space by one space.
std::string collapsed(std::string_view text) {
  std::string result;
  for (const char c : trimmed(text)) {
    if (!is_blank(c)) {
      result += c;
    } else if (result.back() != ' ') {
      result += ' ';
    }
  }
  return result;
}

// Parses the text between < and >. Values are in quotes of either kind; blanks may surround the =.
Tag parse_tag(std::string_view inside) {
  Tag tag;
  if (inside.starts_with('/')) {
    tag.closes = true;
    inside.remove_prefix(1);
  }
  if (inside.ends_with('/')) {
    tag.whole = true;
    inside.remove_suffix(1);
  }
  const auto name_end = std::min(inside.find_first_of(" \t\n"), inside.size());
  tag.name = inside.substr(0, name_end);
  inside.remove_prefix(name_end);
  while (true) {
    const auto equals = inside.find('=');
    const auto open = inside.find_first_of("'\"", equals == inside.npos ? equals : equals + 1);
    if (open == inside.npos) return tag;
    const auto close = std::min(inside.find(inside[open], open + 1), inside.size() - 1);
    tag.attributes.emplace_back(trimmed(inside.substr(0, equals)),
                                collapsed(inside.substr(open + 1, close - open - 1)));
    inside.remove_prefix(close + 1);
  }
}

// The class that a colour of the script stands for; empty for any other colour.
std::string class_of_colour(std::string_view value) {
  std::string plain;
  for (const char c : value) {
    if (c != ' ') plain += c;
  }
  if (plain == "white") return "page";  // behind marks
  constexpr std::string_view kOurs = "rgb(1,0,";
  if (!plain.starts_with(kOurs)) return {};
  std::size_t number = 0;
  std::from_chars(plain.data() + kOurs.size(), plain.data() + plain.size(), number);
  return class_of(number);
}

bool is_none(std::string_view value) {
  return value == "none";
}

// "1.00" -> "1"
std::string short_decimal(std::string value) {
  if (value.find('.') == value.npos) return value;
  while (value.back() == '0') value.pop_back();
  if (value.back() == '.') value.pop_back();
  return value;
}

class Cleaner {
 public:
  explicit Cleaner(std::string_view name) : name_(name) {}

  // The element's attributes as they are written.
  Attributes clean(const Tag& tag) {
    Attributes result;
    std::string classes;
    for (const auto& [key, value] : tag.attributes) clean(tag, key, value, result, classes);
    if (!classes.empty()) result.insert(result.begin(), {"class", classes});
    return result;
  }

  std::string own_id(std::string_view id) const {
    const bool plot = id.starts_with(kPlotId);
    return fmt::format("{}-{}{}", name_, plot ? "plot-" : "", id.substr(plot ? kPlotId.size() : 0));
  }

 private:
  void clean(const Tag& tag, const std::string& key, const std::string& value, Attributes& result,
             std::string& classes) {
    const bool group = tag.name == "g";
    if (key == "style") {  // of a hatching: "fill:none; stroke:rgb(1,0,2)"
      const auto stroke = value.find("stroke:");
      if (stroke != value.npos) clean(tag, "stroke", value.substr(stroke + 7), result, classes);
    } else if (key == "color") {
      if (!group) classes = class_of_colour(value);
    } else if ((key == "fill" || key == "stroke") && !value.starts_with("url(")) {
      // The svg element has these values already: no fill, and lines in the page's colour.
      if (group && (key == "fill" ? is_none(value) : !is_none(value))) return;
      if (const std::string named = class_of_colour(value); !named.empty()) classes = named;
      result.emplace_back(key, is_none(value) ? value : "currentColor");
    } else if (key == "fill") {
      result.emplace_back(key, fmt::format("url(#{})", own_id(value.substr(5, value.size() - 6))));
    } else if (key == "font-family") {
      if (value.ends_with(":Bold")) result.emplace_back("font-weight", "600");
    } else if (key == "xlink:href") {
      result.emplace_back("href", "#" + own_id(value.substr(1)));
    } else if (key == "id") {
      result.emplace_back(key, own_id(value));
    } else if (key == "stroke-width" && group && short_decimal(value) == "1") {
      return;  // the svg element has the same
    } else if (key == "stroke-width" || key == "font-size" || key == "fill-opacity") {
      result.emplace_back(key, short_decimal(value));
    } else if (key != "class" && key != "stroke-linecap" && key != "stroke-linejoin") {
      result.emplace_back(key, value);
    }
  }

  std::string name_;
};

std::string written(const std::string& name, const Attributes& attributes, bool whole) {
  std::string text = "<" + name;
  for (const auto& [key, value] : attributes) text += fmt::format(" {}=\"{}\"", key, value);
  return text + (whole ? "/>" : ">");
}

class Rewriter {
 public:
  Rewriter(std::string_view name, std::span<const std::string> titles)
      : cleaner_(name), titles_(titles) {}

  void read(std::string_view document) {
    while (true) {
      const auto open = document.find('<');
      if (open == document.npos) return;
      take_text(document.substr(0, open));
      const auto close = document.find('>', open);
      if (close == document.npos) return;
      take(parse_tag(document.substr(open + 1, close - open - 1)));
      document.remove_prefix(close + 1);
    }
  }

  std::string view_box() const { return view_box_; }

  // The marks come first, those that are used, also by other marks.
  std::string body() const {
    std::string text;
    for (const std::string& piece : pieces_) text += piece;
    std::set<std::string> used = used_;
    std::string defs;
    for (auto mark = marks_.rbegin(); mark != marks_.rend(); ++mark) {
      if (!used.contains(mark->id)) continue;
      used.insert(mark->uses);
      defs = mark->text + "\n" + defs;
    }
    return (defs.empty() ? "" : "<defs>\n" + defs + "</defs>\n") + text;
  }

 private:
  struct Mark {
    std::string id, uses, text;
  };
  struct Group {
    std::size_t first;  // number of its first piece
    bool kept;          // it has attributes, so it is written
    std::size_t own;    // number of pieces that are not content
  };

  void take_text(std::string_view text) {
    if (in_text_ && !trimmed(text).empty()) pieces_.emplace_back(trimmed(text));
  }

  void take(const Tag& tag) {
    const bool skipped = tag.name == "desc" || tag.name == "title" || tag.name == "filter";
    if (skipped || skipping_) {
      if (skipped) skipping_ = !tag.closes;
    } else if (tag.name == "svg") {
      if (!tag.closes) view_box_ = tag["viewBox"];
    } else if (tag.name == "g") {
      tag.closes ? close_group() : open_group(tag);
    } else if (tag.name == "text") {
      take_text_tag(tag);
    } else if (tag.name == "defs" && !marks_read_) {
      in_marks_ = !tag.closes;
      marks_read_ = tag.closes;
    } else if (in_marks_) {
      take_mark(tag);
    } else if (tag.closes) {
      pieces_.push_back("</" + tag.name + ">\n");
    } else if (tag.name.starts_with('?') || (tag.name == "rect" && is_none(tag["fill"]))) {
      return;  // prolog, canvas
    } else {
      const Attributes attributes = cleaner_.clean(tag);
      remember_use(tag);
      pieces_.push_back(written(tag.name, attributes, tag.whole) + "\n");
    }
  }

  // A mark of the key belongs to an empty text.
  void take_text_tag(const Tag& tag) {
    in_text_ = !tag.closes;
    if (!tag.closes) {
      pieces_.emplace_back("<text>");
    } else if (pieces_.back() == "<text>") {
      pieces_.pop_back();
    } else {
      pieces_.emplace_back("</text>\n");
    }
  }

  void remember_use(const Tag& tag) {
    if (const auto href = tag["xlink:href"]; !href.empty()) {
      used_.insert(cleaner_.own_id(href.substr(1)));
    }
  }

  void take_mark(const Tag& tag) {
    const auto href = tag["xlink:href"];
    marks_.push_back({cleaner_.own_id(tag["id"]),
                      href.empty() ? std::string() : cleaner_.own_id(href.substr(1)),
                      written(tag.name, cleaner_.clean(tag), true)});
  }

  void open_group(const Tag& tag) {
    const std::string_view id = tag["id"];
    if (id == "gnuplot_canvas") {
      groups_.push_back({pieces_.size(), false, 0});
      return;
    }
    const Attributes attributes = cleaner_.clean(tag);
    groups_.push_back({pieces_.size(), !attributes.empty(), 1});
    if (attributes.empty()) return;
    pieces_.push_back(written("g", attributes, false) + "\n");
    if (!id.starts_with(kPlotId)) return;
    std::size_t number = 0;
    std::from_chars(id.data() + kPlotId.size(), id.data() + id.size(), number);
    if (number < 1 || number > titles_.size()) return;
    pieces_.push_back(fmt::format("<title>{}</title>\n", svg::escaped(titles_[number - 1])));
    groups_.back().own = 2;
  }

  void close_group() {
    if (groups_.empty()) return;
    const Group group = groups_.back();
    groups_.pop_back();
    if (!group.kept) return;
    if (pieces_.size() == group.first + group.own) {
      pieces_.resize(group.first);  // the group is empty
    } else {
      pieces_.emplace_back("</g>\n");
    }
  }

  Cleaner cleaner_;
  std::span<const std::string> titles_;
  std::string view_box_;
  std::vector<std::string> pieces_;
  std::vector<Group> groups_;  // the open ones
  std::vector<Mark> marks_;
  std::set<std::string> used_;
  bool skipping_ = false, in_text_ = false, in_marks_ = false, marks_read_ = false;
};

}  // namespace

std::string page_svg(std::string_view document, std::string_view name, std::string_view title,
                     std::span<const std::string> titles) {
  Rewriter rewriter(name, titles);
  rewriter.read(document);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"{0}\" role=\"img\" "
      "aria-labelledby=\"{1}-title\" fill=\"none\" stroke=\"currentColor\" "
      "stroke-linecap=\"round\" stroke-linejoin=\"round\">\n<title id=\"{1}-title\">{2}</title>\n"
      "{3}</svg>\n",
      rewriter.view_box(), name, svg::escaped(title), rewriter.body());
}

}  // namespace convoy::gnuplot
