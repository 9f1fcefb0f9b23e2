// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/http_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace convoy::testing {
namespace {

bool send_all(int connection, const void* bytes, std::size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::send(connection, next, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    next += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string read_head(int connection) {
  std::string head;
  for (char c = 0; head.find("\r\n\r\n") == std::string::npos && ::recv(connection, &c, 1, 0) == 1;)
    head += c;
  return head;
}

Request parse(const std::string& head) {
  Request request;
  const auto slash = head.find('/');
  if (slash == std::string::npos) return request;
  request.path = head.substr(slash + 1, head.find(' ', slash) - slash - 1);
  constexpr const char* kRange = "Range: bytes=";
  const auto range = head.find(kRange);
  if (range != std::string::npos)
    request.from = std::stoull(head.substr(range + std::string(kRange).size()));
  return request;
}

}  // namespace

HttpServer::HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* general = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, general, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, general, &size) != 0)
    throw std::runtime_error("no socket on 127.0.0.1");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  stop_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
  thread_.join();
  ::close(listener_);
}

std::string HttpServer::url() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/";
}

void HttpServer::put(const std::string& path, Page page) {
  const std::lock_guard lock(mutex_);
  pages_[path] = std::move(page);
}

std::vector<Request> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::serve() {
  while (!stop_) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

Page HttpServer::next_page(const Request& request, int& status) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  const auto it = pages_.find(request.path);
  if (it == pages_.end()) {
    status = 404;
    return {};
  }
  Page& page = it->second;
  const bool part = page.ranges && request.from > 0;
  status = page.busy > 0 ? 503 : part && request.from >= page.body.size() ? 416 : part ? 206 : 200;
  page.busy = std::max(0, page.busy - 1);
  return status == 200 || status == 206 ? page : Page{};
}

void HttpServer::answer(int connection) {
  const Request request = parse(read_head(connection));
  int status = 0;
  const Page page = next_page(request, status);
  const std::size_t begin = status == 206 ? request.from : 0, all = page.body.size();
  std::string head = "HTTP/1.1 " + std::to_string(status) + " x\r\nConnection: close\r\n";
  if (status == 206)
    head += "Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(all - 1) + "/" +
            std::to_string(all) + "\r\n";
  if (!page.endless) head += "Content-Length: " + std::to_string(all - begin) + "\r\n";
  if (!send_all(connection, (head + "\r\n").data(), head.size() + 2)) return;
  const std::size_t size = std::min(all - begin, page.break_after.value_or(all));
  bool open = send_all(connection, page.body.data() + begin, size);
  while (page.endless && open && !stop_) open = send_all(connection, page.body.data(), all);
}

}  // namespace convoy::testing
