// SPDX-License-Identifier: Apache-2.0
// A small HTTP server on this machine that can be told to misbehave.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace convoy::testing {

// How a path is served.
struct Page {
  std::vector<std::uint8_t> body;
  bool ranges = true;  // false: always the whole body, with status 200
  int busy = 0;        // so many requests get 503 first
  std::optional<std::size_t> break_after =
      {};                // bytes of the body after which each connection is cut
  bool endless = false;  // no length is stated, and the body repeats for ever
};

struct Request {
  std::string path;
  std::uint64_t from = 0;  // where the range that is asked for begins
};

// Serves one request a connection, one connection at a time, until it is destroyed.
class HttpServer {
 public:
  HttpServer();
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;  // http://127.0.0.1:PORT/
  void put(const std::string& path, Page page);
  std::vector<Request> requests() const;

 private:
  void serve();
  void answer(int connection);
  Page next_page(const Request& request, int& status);

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Page> pages_;
  std::vector<Request> requests_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace convoy::testing
