// SPDX-License-Identifier: Apache-2.0
#include "fetch/download.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <exception>
#include <memory>
#include <new>
#include <thread>

#include "cli/address.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;

struct Transfer {
  CURL* curl;
  PartFile& part;
  const DownloadLimits& limits;
  const DownloadProgress& progress;
  std::uint64_t begin = 0;  // size of the earlier part
  std::exception_ptr disk;  // an error; libcurl is C, so no exception may pass through it
  bool too_long = false;
};

// libcurl calls this for every piece of the body.
std::size_t take(char* bytes, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t n = size * count;
  constexpr std::size_t kStop = 0;
  try {
    transfer.too_long = transfer.part.size() + n > transfer.limits.most_bytes;
    if (transfer.too_long) return kStop;
    transfer.part.append({reinterpret_cast<const std::byte*>(bytes), n});
    curl_off_t rest = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &rest);
    transfer.progress(transfer.part.size(),
                      rest > 0 ? transfer.begin + static_cast<std::uint64_t>(rest) : 0);
  } catch (...) {
    transfer.disk = std::current_exception();
    return kStop;
  }
  return n;
}

void prepare(Transfer& transfer, const std::string& url, char* error) {
  CURL* curl = transfer.curl;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "convoy");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(transfer.limits.connect.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(transfer.limits.slowest));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(transfer.limits.stall.count()));
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.begin));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
}

enum class Outcome { done, start_again, try_again, give_up };

Outcome judge(CURLcode code, CURL* curl) {
  constexpr long kTimeout = 408, kTooMany = 429, kServerError = 500;
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  switch (code) {
    case CURLE_OK:  // also 416: there are no bytes after those that we have
      return Outcome::done;
    case CURLE_RANGE_ERROR:  // the server sends the whole file when asked for a part
    case CURLE_BAD_DOWNLOAD_RESUME:
      return Outcome::start_again;
    case CURLE_HTTP_RETURNED_ERROR:
      return status >= kServerError || status == kTimeout || status == kTooMany ? Outcome::try_again
                                                                                : Outcome::give_up;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return Outcome::try_again;
    default:
      return Outcome::give_up;
  }
}

std::string in_words(CURLcode code, CURL* curl, const char* detail, const DownloadLimits& limits) {
  long status = 0;
  double connected = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME, &connected);
  if (code == CURLE_OPERATION_TIMEDOUT && connected > 0)
    return fmt::format("it sent fewer than {} bytes per second for {} s", limits.slowest,
                       limits.stall.count());
  if (code == CURLE_OPERATION_TIMEDOUT)
    return fmt::format("it did not answer within {} s", limits.connect.count());
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
    return fmt::format("the host name cannot be resolved; is this machine offline? ({})", detail);
  if (code == CURLE_HTTP_RETURNED_ERROR) return fmt::format("the server answers HTTP {}", status);
  return *detail ? detail : curl_easy_strerror(code);
}

}  // namespace

void check_address(const std::string& url) {
  const auto refuse = [&](std::string_view why, std::string_view remedy) {
    throw UserError(Fault::usage, fmt::format("cannot fetch from '{}'", shown_address(url)), why,
                    remedy);
  };
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    refuse("", "give an address that begins with http:// or https://");
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed) throw std::bad_alloc();
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    refuse("it is not a valid address",
           "write / as %2F, @ as %40 and : as %3A in a name or password");
}

DownloadResult download(const std::string& url, PartFile& part, const DownloadLimits& limits,
                        const DownloadProgress& progress) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Handle handle(initialised == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!handle) throw std::bad_alloc();
  DownloadResult result;
  result.resumed = part.size() > 0;
  auto pause = limits.pause;
  Stopwatch since_byte;
  for (int attempt = 1;; ++attempt) {
    curl_easy_reset(handle.get());
    char detail[CURL_ERROR_SIZE] = "";
    Transfer transfer{handle.get(), part, limits, progress, part.size(), nullptr, false};
    prepare(transfer, url, detail);
    const CURLcode code = curl_easy_perform(handle.get());
    if (transfer.disk) std::rethrow_exception(transfer.disk);
    result.failure = code == CURLE_OK ? "" : in_words(code, handle.get(), detail, limits);
    if (transfer.too_long)
      result.failure = fmt::format("the server sends more than the expected maximum of {} bytes",
                                   limits.most_bytes);
    const Outcome outcome = transfer.too_long ? Outcome::give_up : judge(code, handle.get());
    if (outcome == Outcome::done || outcome == Outcome::give_up) return result;
    if (part.size() > transfer.begin) since_byte.restart();
    const std::chrono::duration<double> patience = limits.patience;
    if (attempt >= limits.attempts || since_byte.seconds() > patience.count()) return result;
    if (outcome == Outcome::start_again) {
      part.clear();
      result.resumed = false;
    } else if (part.size() == transfer.begin) {
      std::this_thread::sleep_for(pause);
      pause *= 2;
    }
  }
}

}  // namespace convoy::app
