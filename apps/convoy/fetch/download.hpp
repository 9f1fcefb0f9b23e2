// SPDX-License-Identifier: Apache-2.0
// One file over HTTP or HTTPS, by libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "fetch/part_file.hpp"

namespace convoy::app {

// One server and file takes at most `patience`, `connect` and `stall` (less than two minutes)
// without bringing a byte. What brings at least `slowest` bytes a second is waited for.
struct DownloadLimits {
  std::uint64_t most_bytes = 0;           // a server that sends more is cut off
  int attempts = 6;                       // connections that broke, or servers that were busy
  std::chrono::milliseconds pause{1000};  // before another attempt that got nothing; doubles
  std::chrono::seconds patience{60};      // no other attempt so long after the last byte
  std::chrono::seconds connect{10};       // until it answers: there is no other attempt
  std::chrono::seconds stall{20};         // with less than `slowest`: the same
  std::uint64_t slowest = 1000;           // bytes a second
};

struct DownloadResult {
  std::string failure;   // in words; empty: the server says that this is all
  bool resumed = false;  // a part of the bytes came from an earlier call
};

// Bytes so far, and in all (0: the server does not say).
using DownloadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

// Throws UserError(usage), without the password in it, where libcurl would not take the address, or
// it is neither http nor https.
void check_address(const std::string& url);

// Fills `part`, going on where it ends if the server can do that. What is there after a failure
// stays for the next call. Throws what PartFile throws.
DownloadResult download(const std::string& url, PartFile& part, const DownloadLimits& limits,
                        const DownloadProgress& progress);

}  // namespace convoy::app
