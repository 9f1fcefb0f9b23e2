// SPDX-License-Identifier: Apache-2.0
// Names and texts that others chose (of files, classes, tensors, studies, environment variables,
// other programs) may hold what a terminal, a shell or a page obeys instead of showing it. These
// functions turn any bytes into text that is only shown, or taken as one word.
//
// Nothing needs to call them before it throws or reports: the program applies them where it prints
// (apps/convoy/cli/output.hpp, ProgressReport), and the writers of reports where they write. A
// command that a user may paste is another matter: each name in it goes through shell_word() or
// shell_path() when the sentence is made.
//
// Pure functions, safe to call from any thread. They throw std::bad_alloc and nothing else.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "convoy/error.hpp"

namespace convoy {

// A character at the beginning of a text.
struct Character {
  std::size_t bytes = 0;  // that it takes; of a byte that is no UTF-8 (RFC 3629) 1
  char32_t code = 0;      // its code point; of such a byte its value
  bool is_utf8 = false;
  bool is_shown = false;  // as itself, and nothing else happens
};

// The first character of `text`, which must not be empty. Not shown as themselves are: bytes that
// are no UTF-8; control characters (C0 with tab and line end, DEL, C1); line and paragraph
// separators; marks that change the direction of writing; invisible marks and tags; what Unicode
// calls noncharacters.
Character first_character(std::string_view text);

// Every character of `text` is shown as itself.
bool is_printable(std::string_view text);

// printable(), for one line, and printable_message() are public: convoy/error.hpp. This can't be
// undone: a backslash stays as it is.

// As printable(), for a text of several lines: line ends (also CR LF, which becomes LF) and tabs
// are kept.
std::string printable_lines(std::string_view text);

// Characters of a text of UTF-8, a byte that is none counted as one.
std::size_t characters(std::string_view text);

// A word of a command line of bash, zsh and their kind, on one line and printable: as it is where
// that is safe, else in quotes ('two words', $'a line\012end'). The shell makes `word` of it again,
// byte for byte; `word` must not hold a zero byte, which no argument can.
std::string shell_word(std::string_view word);

// A path as such a word that no program takes for an option: "-x" becomes "./-x".
std::string shell_path(const std::filesystem::path& path);

// The words of a command, each by shell_word(), separated by spaces.
std::string shell_command(std::span<const std::string> words);

// A JSON document (RFC 8259) with the same value: what is not shown as itself, which can only stand
// in strings, becomes \uXXXX. `json` must be UTF-8; line ends between its values are kept.
std::string printable_json(std::string_view json);

}  // namespace convoy
