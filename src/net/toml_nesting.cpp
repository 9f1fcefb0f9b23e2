// SPDX-License-Identifier: Apache-2.0
#include "net/toml_nesting.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/nesting.hpp"

namespace convoy {
namespace {

// A document, an array or an inline table that is still open.
struct Open {
  bool array = false;
  bool in_key = true;  // before the = of an entry; an array has no keys
  int parts = 1;       // the number of parts of that entry's key
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<int> scan() {
    while (at_ < text_.size()) {
      if (step(text_[at_]) && too_deep()) return line_;
    }
    return std::nullopt;
  }

 private:
  bool too_deep() const {
    int levels = header_ + static_cast<int>(open_.size()) - 1;
    int longest = header_;
    for (const Open& open : open_) {
      levels += open.parts - 1;
      longest = std::max(longest, open.parts);
    }
    return levels > kDeepestNesting || longest > kDeepestNesting;
  }

  // Takes one character; returns whether it makes the text too deep.
  bool step(char c) {
    Open& innermost = open_.back();
    bool deeper = false;
    switch (c) {
      case '#':
        at_ = std::min(text_.find('\n', at_), text_.size());
        return false;
      case '"':
      case '\'':
        skip_string(c);
        return false;
      case '\n':
        ++line_;
        in_header_ = false;
        if (open_.size() == 1) innermost = {};
        break;
      case '.':
        if (in_header_) {
          ++header_;
        } else if (innermost.in_key) {
          ++innermost.parts;
        }
        deeper = true;
        break;
      case '=':
        innermost.in_key = false;
        break;
      case ',':
        if (!innermost.array && open_.size() > 1) innermost = {};
        break;
      case '[':
        if (open_.size() == 1 && innermost.in_key) {
          in_header_ = true;
          header_ = 1;
        } else {
          open_.push_back({true, false, 1});
        }
        deeper = true;
        break;
      case '{':
        open_.push_back({});
        deeper = true;
        break;
      case ']':
      case '}':
        in_header_ = false;
        if (open_.size() > 1) open_.pop_back();
        break;
      default:
        break;
    }
    ++at_;
    return deeper;
  }

  // Skips a string of one line or, in three quotes, of several lines.
  void skip_string(char quote) {
    const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
    const bool long_one = text_.substr(at_).starts_with(three);
    at_ += long_one ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        if (!long_one) return;  // the string is not closed: parsers stop here
        ++line_;
      } else if (c == '\\' && quote == '"') {
        ++at_;
        if (at_ < text_.size() && text_[at_] == '\n') ++line_;
      } else if (c == quote && (!long_one || text_.substr(at_).starts_with(three))) {
        at_ += long_one ? 3 : 1;
        // Up to two quotes may stand before the three that end it.
        while (long_one && at_ < text_.size() && text_[at_] == quote) ++at_;
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int header_ = 0;  // number of parts of the header above
  bool in_header_ = false;
  std::vector<Open> open_ = {{}};
};

}  // namespace

std::optional<int> line_nested_too_deeply(std::string_view text) {
  return Scanner(text).scan();
}

}  // namespace convoy
