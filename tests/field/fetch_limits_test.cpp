// SPDX-License-Identifier: Apache-2.0
// The time limits of `convoy fetch`, and that no message shows a password.
#include <gmock/gmock.h>

#include "cli/address.hpp"
#include "fetch/fetch.hpp"
#include "internal.hpp"
#include "tests/apps/http_server.hpp"
#include "tests/apps/program.hpp"
#include "tests/data/files.hpp"

namespace convoy::app {
namespace {

using testing::Bytes;
using testing::error_of;
using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::Not;
using testing::Page;

class FetchLimits : public ::testing::Test {
 protected:
  FetchLimits() {
    set_.name = "digits";
    set_.files.push_back({"a", {body_.size(), sha256(std::as_bytes(std::span(body_)))}});
    set_.most_bytes = 1 << 20;
    set_.mirrors = {server_.url()};
    options_.to = folder_ / "digits";
    options_.limits.stall = std::chrono::seconds(1);
  }

  const testing::ScopedVariable direct_{"no_proxy", "*"};
  const Bytes body_ = testing::random_bytes(5000, 1);
  testing::TempFolder folder_;
  HttpServer server_;
  RemoteSet set_;
  FetchOptions options_;
};

TEST_F(FetchLimits, ASilentServerIsAskedOnce) {
  Page page;
  page.silent = true;
  server_.put("a.gz", page);
  const auto [fault, message] = error_of([&] { fetch(options_, set_); });
  EXPECT_EQ(fault, Fault::unavailable);
  EXPECT_THAT(message, HasSubstr("fewer than 1000 bytes per second for 1 s"));
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(FetchLimits, AServerOfFiveBytesASecondIsGivenUpAndWhatCameStays) {
  Page page{body_};
  page.every_byte = std::chrono::milliseconds(200);
  server_.put("a.gz", page);
  options_.limits.stall = std::chrono::seconds(2);
  const auto [fault, message] = error_of([&] { fetch(options_, set_); });
  EXPECT_EQ(fault, Fault::unavailable);
  EXPECT_THAT(message, HasSubstr("fewer than 1000 bytes per second for 2 s"));
  EXPECT_EQ(server_.requests().size(), 1U);
  const auto part = options_.to / "a.gz.part";
  ASSERT_TRUE(testing::fs::exists(part));
  const std::size_t had = testing::fs::file_size(part);
  EXPECT_GT(had, 0U);
  EXPECT_LT(had, body_.size());

  server_.put("a.gz", {body_});
  EXPECT_EQ(fetch(options_, set_), 0);
  EXPECT_EQ(testing::read_file(options_.to / "a.gz"), body_);
  EXPECT_EQ(server_.requests().back().from, had);
}

TEST_F(FetchLimits, ASlowServerIsNoReasonNotToAskTheNext) {
  Page page;
  page.silent = true;
  server_.put("a.gz", page);
  HttpServer next;
  next.put("a.gz", {body_});
  set_.mirrors.push_back(next.url());
  EXPECT_EQ(fetch(options_, set_), 0);
  EXPECT_EQ(testing::read_file(options_.to / "a.gz"), body_);
}

TEST_F(FetchLimits, TheTimeLimitEndsTheAttempts) {
  Page page;
  page.busy = 100;
  server_.put("a.gz", page);
  options_.limits.pause = std::chrono::milliseconds(1);
  options_.limits.patience = std::chrono::seconds(0);
  EXPECT_EQ(error_of([&] { fetch(options_, set_); }).first, Fault::unavailable);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(FetchLimits, NoMessageShowsAPassword) {
  const test::ScratchFolder scratch;
  const std::string host = server_.url().substr(std::string("http://").size());
  const std::string good = "http://me:secret@" + host;
  const std::vector<test::Arguments> lines = {
      {"fetch", "mnist", "--from", good},
      {"fetch", "mnist", "--from", good + "?key=secret"},
      {"fetch", "mnist", "--from", "http://me:p/secret@" + host},
      {"fetch", "mnist", "--from", "http://me:p?secret@" + host},
      {"fetch", "mnist", "--from", "http://me:p#secret@x@" + host},
      {"fetch", "mnist", "--from", "http://me:p secret@" + host},
      {"fetch", "mnist", "--from", "ftp://me:secret@" + host},
      {"fetch", "mnist", "--from", "me:secret@" + host},
      {"fetch", "mnist", "--from", "https://me:secret@no-such-host.invalid/"},
      {"fetch", "mnist", "--form", good},
      {"fetch", "mnist", good},
      {"fetch", good},
      {good}};
  for (test::Arguments line : lines) {
    if (line.size() == 4) line.insert(line.end(), {"--to", "folder"});
    const test::Ended ended = test::run(line, scratch, {"no_proxy=*"});
    EXPECT_NE(ended.code, 0);
    EXPECT_THAT(ended.err + ended.out, Not(HasSubstr("secret"))) << line.back();
    EXPECT_THAT(ended.err, HasSubstr("convoy: "));
  }
}

TEST(ShownAddress, HidesPasswordsAndKeepsHostAndPath) {
  EXPECT_EQ(shown_address("https://host:80/path/x.gz"), "https://host:80/path/x.gz");
  EXPECT_EQ(shown_address("https://me:p@host/path"), "https://***@host/path");
  EXPECT_EQ(shown_address("https://me:p@x@host/path?key=1"), "https://***@host/path?***");
  EXPECT_EQ(shown_address("mnist"), "mnist");
}

}  // namespace
}  // namespace convoy::app
