// SPDX-License-Identifier: Apache-2.0
// A small HTTP server on this machine that misbehaves where a test wants it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace convoy::testing {

// The server's answers to requests for one path.
struct Page {
  std::vector<std::uint8_t> body;
  bool ranges = true;  // false: always the whole body, with status 200
  int busy = 0;        // number of first requests that get 503
  std::optional<std::size_t> break_after =
      {};                // body bytes after which the server cuts each connection
  bool endless = false;  // states no length, and repeats the body for ever
  bool silent = false;   // answers nothing until the client disconnects
  std::chrono::milliseconds every_byte{0};  // delay before each byte of the body
};

struct Request {
  std::string path;
  std::uint64_t from = 0;  // first byte of the requested range
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
