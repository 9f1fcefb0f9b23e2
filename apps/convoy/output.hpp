// SPDX-License-Identifier: Apache-2.0
// stdout carries data only; everything else goes to stderr.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "convoy/convoy.hpp"

namespace convoy::app {

using Json = nlohmann::ordered_json;  // keys stay in the order in which they are documented

// Call first: a standard stream that was closed gets a harmless end, so that no file of ours is
// opened in its place.
void secure_standard_streams();

// To stdout, all of it, or throws SystemError(io). A reader that left (`| head`) ends the program
// the usual way, by SIGPIPE.
void write_stdout(std::string_view text);
void write_json(const Json& document);  // one line

// To stderr, whatever becomes of it.
void write_stderr(std::string_view text);

Json to_json(const TrainSettings& settings);
Json to_json(const MachineFacts& facts);
Json to_json(const EpochMetrics& metrics);

}  // namespace convoy::app
