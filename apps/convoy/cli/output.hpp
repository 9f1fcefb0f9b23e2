// SPDX-License-Identifier: Apache-2.0
// stdout carries data only; everything else goes to stderr.
//
// Printed text may quote files, the environment or other programs. Every function here that prints
// text makes it safe for a terminal (convoy::printable... in base/safe_text.hpp), so that callers
// need not. Only LiveLine writes control characters for a terminal.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

using Json = nlohmann::ordered_json;  // keys keep their documented order

// Call this first. It opens a closed standard stream on a harmless target, so that no file of ours
// gets its number.
void secure_standard_streams();

// Writes lines of text to stdout, all of them, or throws SystemError(io). If the reader has left
// (`| head`), SIGPIPE ends the program as usual.
void write_stdout(std::string_view text);
void write_json(const Json& document);  // one line

// These write to stderr, and ignore errors: lines of text, such as those of another program; one
// line; our own message, "convoy: problem (why): remedy"; and "convoy: warning: ...". Further lines
// of a message are indented.
void write_stderr(std::string_view text);
void write_line(std::string_view text);
void write_message(std::string_view text);
void write_warning(std::string_view text);

// A line on stderr that is redrawn in place if stderr is a terminal, and is not drawn elsewhere.
// The destructor removes it.
class LiveLine {
 public:
  LiveLine();
  ~LiveLine() { clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  bool live() const { return live_; }
  void show(std::string_view text);
  void clear();

 private:
  bool live_;
  bool shown_ = false;
};

// For a file that a command makes. Call check_writable() before work that would be lost: it throws
// SystemError(io) if the file cannot be written, and changes nothing. save_file() writes all of the
// text, or throws SystemError(io) and leaves the old file. A link in its place is replaced, not
// followed; devices and pipes are written to.
void check_writable(const std::filesystem::path& file);
void save_file(const std::filesystem::path& file, std::string_view text);
// The same for a text that is too long for memory: `produce` calls its argument with one part after
// the other.
using TextSink = std::function<void(std::string_view)>;
void save_file(const std::filesystem::path& file,
               const std::function<void(const TextSink&)>& produce);

// Rows of text in columns of the necessary width, two spaces apart; columns of `right` are aligned
// to the right. A cell is always one line.
std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    const std::vector<bool>& right);

Json to_json(const TrainSettings& settings);
Json to_json(const MachineFacts& facts);
Json to_json(const CudaDevice& gpu);
std::string compute_capability(const CudaDevice& gpu);  // "9.0"
Json to_json(const EpochMetrics& metrics);

}  // namespace convoy::app
