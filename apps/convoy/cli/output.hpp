// SPDX-License-Identifier: Apache-2.0
// stdout carries data only; everything else goes to stderr.
//
// Text that is printed may quote files, the environment or other programs. It is made safe for a
// terminal here, in every function that prints text (convoy::printable... in base/safe_text.hpp),
// so that no caller has to think of it. What a terminal is to obey is written by LiveLine alone.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "internal.hpp"

namespace convoy::app {

using Json = nlohmann::ordered_json;  // keys stay in the order in which they are documented

// Call first: a standard stream that was closed gets a harmless end, so that no file of ours is
// opened in its place.
void secure_standard_streams();

// Lines of text to stdout, all of them, or throws SystemError(io). A reader that left (`| head`)
// ends the program the usual way, by SIGPIPE.
void write_stdout(std::string_view text);
void write_json(const Json& document);  // one line

// To stderr, whatever becomes of it: lines of text, such as those of another program; one line; a
// message of our own, "convoy: problem (why): remedy", and "convoy: warning: ...", whose further
// lines, if it has any, are indented.
void write_stderr(std::string_view text);
void write_line(std::string_view text);
void write_message(std::string_view text);
void write_warning(std::string_view text);

// A line on stderr that is drawn over itself where stderr is a terminal, and is not drawn
// elsewhere. It is gone with the object.
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

// A file that a command makes. Call the first before work begins that would be lost: it throws
// SystemError(io) where the file cannot be written, and changes nothing. The second writes all of
// it, or throws SystemError(io) and leaves what was there. A link in its place is replaced, not
// followed; devices and pipes are written to.
void check_writable(const std::filesystem::path& file);
void save_file(const std::filesystem::path& file, std::string_view text);
// The same, of a text too long to be in memory: `produce` calls its argument with one part after
// the other.
using TextSink = std::function<void(std::string_view)>;
void save_file(const std::filesystem::path& file,
               const std::function<void(const TextSink&)>& produce);

// Rows of text in columns as wide as they must be, two spaces apart; those of `right` are set to
// the right. A cell is one line, whatever it holds.
std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    const std::vector<bool>& right);

Json to_json(const TrainSettings& settings);
Json to_json(const MachineFacts& facts);
Json to_json(const CudaDevice& gpu);
std::string compute_capability(const CudaDevice& gpu);  // "9.0"
Json to_json(const EpochMetrics& metrics);

}  // namespace convoy::app
