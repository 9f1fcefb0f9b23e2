// SPDX-License-Identifier: Apache-2.0
#include "data/npy_header.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace convoy {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";
constexpr std::size_t kMostDimensions = 64;  // as in NumPy

// Reads the few kinds of Python literals that a header has.
class Parser {
 public:
  Parser(const Content& content, std::string_view text) : content_(content), text_(text) {}

  NpyHeader header() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!takes('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !has_type) {
        has_type = true;
        read_type(header);
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.is_fortran_order = boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = tuple();
      } else {
        fail("a key that is unknown or given twice");
      }
      if (!takes(',') && !sees('}')) fail("no comma behind a value");
    }
    skip_space();
    if (at_ < text_.size()) fail("text behind the dictionary");
    if (!has_type || !has_order || !has_shape) fail("descr, fortran_order or shape is not given");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    content_.refuse("has a header that is not one of NumPy",
                    fmt::format("{} at character {}", why, at_),
                    "write it with np.save or np.savez_compressed");
  }

  void skip_space() {
    while (at_ < text_.size() && kSpace.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool sees(char wanted) {
    skip_space();
    return at_ < text_.size() && text_[at_] == wanted;
  }

  bool takes(char wanted) {
    const bool is_there = sees(wanted);
    if (is_there) ++at_;
    return is_there;
  }

  void expect(char wanted) {
    if (!takes(wanted)) fail(fmt::format("no '{}'", wanted));
  }

  std::string_view quoted() {
    const char mark = takes('\'') ? '\'' : takes('"') ? '"' : '\0';
    if (mark == '\0') fail("no text in quotation marks");
    const std::size_t end = text_.find(mark, at_);
    if (end == std::string_view::npos) fail("a text without its end");
    const std::string_view inside = text_.substr(at_, end - at_);
    if (inside.find('\\') != std::string_view::npos) fail("a backslash");
    at_ = end + 1;
    return inside;
  }

  bool boolean() {
    skip_space();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return word == "True";
    }
    fail("neither True nor False");
  }

  std::uint64_t whole_number() {
    skip_space();
    std::uint64_t number = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (error != std::errc()) fail("no size, or one that is too large,");
    at_ += static_cast<std::size_t>(end - begin);
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // a long integer of Python 2
    return number;
  }

  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> sizes;
    expect('(');
    while (!takes(')')) {
      if (sizes.size() == kMostDimensions) fail("too many dimensions");
      sizes.push_back(whole_number());
      if (!takes(',') && (sizes.size() == 1 || !sees(')'))) fail("no comma behind a size");
    }
    return sizes;
  }

  // '<f4': the order of bytes, the kind, and the bytes of a number.
  void read_type(NpyHeader& header) {
    if (sees('['))
      content_.refuse("holds records instead of numbers", "its type has fields",
                      "write one array of numbers for the images and one for the labels");
    const std::string_view type = quoted();
    header.type = type;
    if (type == "|O" || type == "O")
      content_.refuse("holds Python objects instead of numbers", "its type is 'O'",
                      "write an array of numbers, all images of one size; a list of arrays of "
                      "different sizes has this type");
    if (type.size() < 3 || std::string_view("<>|").find(type[0]) == std::string_view::npos)
      fail("an unknown type");
    header.is_big_endian = type[0] == '>';
    header.kind = type[1];
    const auto [end, error] =
        std::from_chars(type.data() + 2, type.data() + type.size(), header.item);
    if (error != std::errc() || end != type.data() + type.size() || header.item == 0)
      fail("an unknown type");
  }

  const Content& content_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(const Content& content, std::string_view text) {
  return Parser(content, text).header();
}

}  // namespace convoy
