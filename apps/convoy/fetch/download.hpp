// SPDX-License-Identifier: Apache-2.0
// Downloads one file over HTTP or HTTPS with libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "fetch/part_file.hpp"

namespace convoy::app {

// Limits for one file from one server. Without a byte received, a download ends after at most
// `patience` + `connect` + `stall`, which is less than two minutes. A download that receives at
// least `slowest` bytes per second may take any time.
struct DownloadLimits {
  std::uint64_t most_bytes = 0;           // a download that exceeds them is stopped
  int attempts = 6;                       // tries after broken connections or busy servers
  std::chrono::milliseconds pause{1000};  // before another try if the last got nothing; doubles
  std::chrono::seconds patience{60};      // after the last byte; later there is no further try
  std::chrono::seconds connect{10};  // until the server answers; after that there is no further try
  std::chrono::seconds stall{20};    // at less than `slowest`; after that there is no further try
  std::uint64_t slowest = 1000;      // bytes per second
};

struct DownloadResult {
  std::string failure;   // empty: the server says that the file is complete
  bool resumed = false;  // whether a part of the bytes came from an earlier call
};

// Called with the bytes so far and in all (0: the server does not say).
using DownloadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

// Throws UserError(usage), without the password in it, if libcurl does not accept the address, or
// if it is neither http nor https.
void check_address(const std::string& url);

// Fills `part`, and continues after its last byte if the server can do that. After a failure the
// bytes stay for the next call. Throws the errors of PartFile.
DownloadResult download(const std::string& url, PartFile& part, const DownloadLimits& limits,
                        const DownloadProgress& progress);

}  // namespace convoy::app
