// SPDX-License-Identifier: Apache-2.0
// One file over HTTP or HTTPS, by libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "part_file.hpp"

namespace convoy::app {

struct DownloadLimits {
  std::uint64_t most_bytes = 0;                 // a server that sends more is cut off
  int attempts = 6;                             // connections that broke, or servers that were busy
  std::chrono::milliseconds pause{1000};        // before another attempt that got nothing; doubles
  std::chrono::seconds connect{20}, stall{30};  // without an answer, without a byte
};

struct DownloadResult {
  std::string failure;   // in words; empty: the server says that this is all
  bool resumed = false;  // a part of the bytes came from an earlier call
};

// Bytes so far, and in all (0: the server does not say).
using DownloadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

// Fills `part`, going on where it ends if the server can do that. What is there after a failure
// stays for the next call. Throws what PartFile throws.
DownloadResult download(const std::string& url, PartFile& part, const DownloadLimits& limits,
                        const DownloadProgress& progress);

}  // namespace convoy::app
