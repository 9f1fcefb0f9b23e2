// SPDX-License-Identifier: Apache-2.0
// Names and texts from outside (of files, classes, tensors, studies, environment variables, other
// programs) may hold characters that a terminal, a shell or a web page obeys instead of showing.
// These functions turn any bytes into text that is only shown, or that is read as one word.
//
// Code need not call them before it throws or reports: the program applies them where it prints
// (apps/convoy/cli/output.hpp, ProgressReport), and the writers of reports apply them where they
// write. A command that a user may paste is different: each name in it goes through shell_word() or
// shell_path() when the sentence is made.
//
// All functions are pure and thread-safe. They throw std::bad_alloc and nothing else.
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
  std::size_t bytes = 0;  // its length; 1 for a byte that is not UTF-8 (RFC 3629)
  char32_t code = 0;      // its code point; the value of a byte that is not UTF-8
  bool is_utf8 = false;
  bool is_shown = false;  // the character is shown as itself and has no other effect
};

// The first character of `text`, which must not be empty. These are not shown as themselves: bytes
// that are not UTF-8; control characters (C0 with tab and line end, DEL, C1); line and paragraph
// separators; marks that change the direction of writing; invisible marks and tags; the code points
// that Unicode calls noncharacters.
Character first_character(std::string_view text);

// Whether every character of `text` is shown as itself.
bool is_printable(std::string_view text);

// The public header convoy/error.hpp has printable(), for one line, and printable_message(). What
// they return cannot be turned back: a backslash stays as it is.

// Like printable(), for a text of several lines: line ends (also CR LF, which becomes LF) and tabs
// are kept.
std::string printable_lines(std::string_view text);

// The number of characters of a UTF-8 text; a byte that is not UTF-8 counts as one.
std::size_t characters(std::string_view text);

// A word for the command line of bash, zsh and similar shells, printable and on one line. The word
// stays as it is where that is safe, and is quoted otherwise ('two words', $'a line\012end'). The
// shell turns it into `word` again, byte for byte. `word` must not hold a zero byte, which no
// argument can hold.
std::string shell_word(std::string_view word);

// A path as such a word that no program reads as an option: "-x" becomes "./-x".
std::string shell_path(const std::filesystem::path& path);

// The words of a command, each quoted by shell_word(), separated by spaces.
std::string shell_command(std::span<const std::string> words);

// A JSON document (RFC 8259) with the same value. Each character that is not shown as itself, which
// can only stand in strings, becomes \uXXXX. `json` must be UTF-8; line ends between its values are
// kept.
std::string printable_json(std::string_view json);

}  // namespace convoy
