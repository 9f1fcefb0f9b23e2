// SPDX-License-Identifier: Apache-2.0
// `convoy fetch` from a server on this machine that works or misbehaves. Small made-up sets stand
// for the public ones; the public files themselves are fetched where this machine has them.
#include "fetch/fetch.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "internal.hpp"
#include "tests/apps/http_server.hpp"
#include "tests/data/archives.hpp"
#include "tests/data/files.hpp"

namespace convoy::app {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::gzip;
using testing::HttpServer;
using testing::Page;
using testing::random_bytes;
using testing::read_file;
using testing::ScopedVariable;
using testing::TempFolder;
using testing::write_file;
using testing::zip;
namespace fs = std::filesystem;

Checksum checksum(const Bytes& content) {
  return {content.size(), sha256(std::as_bytes(std::span(content)))};
}

RemoteFile remote_file(const std::string& name, const Bytes& content) {
  return {name, checksum(content)};
}

class Fetch : public ::testing::Test {
 protected:
  Fetch() {
    set_.name = "digits";
    set_.files = {remote_file("a", a_), remote_file("b", b_)};
    set_.most_bytes = 1 << 20;
    set_.mirrors = {server_.url()};
    set_.package = "dataset-digits";
    options_.to = folder_ / "data/digits";
    options_.limits.pause = std::chrono::milliseconds(1);
    server_.put("a.gz", {packed_a_});
    server_.put("b.gz", {packed_b_});
  }

  int run() { return fetch(options_, set_); }
  fs::path at(const std::string& name) const { return options_.to / name; }
  std::size_t requests() const { return server_.requests().size(); }

  void expect_complete() {
    EXPECT_EQ(read_file(at("a.gz")), packed_a_);
    EXPECT_EQ(read_file(at("b.gz")), packed_b_);
    for (const auto& entry : fs::directory_iterator(options_.to))
      EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }

  std::string expect_failure(Fault wanted) {
    const auto [fault, message] = error_of([&] { run(); });
    EXPECT_EQ(fault, wanted) << message;
    EXPECT_FALSE(fs::exists(at("a.gz")));
    return message;
  }

  const ScopedVariable direct_{"no_proxy", "*"};
  const Bytes a_ = random_bytes(50000, 1), b_ = random_bytes(300, 2);
  const Bytes packed_a_ = gzip(a_), packed_b_ = gzip(b_);
  TempFolder folder_;
  HttpServer server_;
  RemoteSet set_;
  FetchOptions options_;
};

TEST_F(Fetch, GetsWhatIsMissingAndOnlyThat) {
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_EQ(requests(), 2U);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 2U);
  fs::remove(at("a.gz"));
  write_file(at("a"), a_);  // a user may have unpacked it by hand
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 2U);
}

TEST_F(Fetch, HowTheServerCompressesDoesNotMatter) {
  server_.put("a.gz", {a_});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_file(at("a.gz")), a_);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 2U);
}

// Where only the checksum of what the server sends is published.
TEST_F(Fetch, PackedFilesAreCompared) {
  set_.files[0].packed = checksum(packed_a_);
  set_.files[1].packed = checksum(packed_b_);
  for (RemoteFile& file : set_.files) file.content.sha256.clear();
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 2U);
  Bytes other = a_;
  other[7] ^= 1;
  write_file(at("a.gz"), gzip(other));
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_EQ(requests(), 3U);
  server_.put("a.gz", {gzip(other)});
  fs::remove_all(options_.to);
  EXPECT_NE(expect_failure(Fault::bad_data).find("the file has"), std::string::npos);
  // An unpacked copy is known by its size alone.
  write_file(at("a"), Bytes(a_.size() - 1));
  EXPECT_NE(expect_failure(Fault::bad_data).find("the file has"), std::string::npos);
  write_file(at("a"), a_);
  EXPECT_EQ(run(), 0);
}

TEST_F(Fetch, ContinuesWhereAnEarlierOneStopped) {
  for (const std::size_t had : {std::size_t{1}, packed_a_.size() / 2, packed_a_.size() - 1}) {
    fs::remove_all(options_.to);
    write_file(at("a.gz.part"), Bytes(packed_a_.begin(), packed_a_.begin() + Index(had)));
    EXPECT_EQ(run(), 0);
    expect_complete();
    const auto asked = server_.requests();
    EXPECT_EQ(asked[asked.size() - 2].from, had);
  }
}

TEST_F(Fetch, APartThatIsWholeIsTaken) {
  write_file(at("a.gz.part"), packed_a_);
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, AServerWithoutRangesIsAskedForAll) {
  server_.put("a.gz", {packed_a_, false});
  write_file(at("a.gz.part"), Bytes(packed_a_.begin(), packed_a_.begin() + 1000));
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, APartOfSomethingElseIsThrownAway) {
  write_file(at("a.gz.part"), random_bytes(1000, 9));
  EXPECT_EQ(run(), 0);
  expect_complete();
  write_file(at("a.gz.part"), random_bytes(packed_a_.size() + 100, 9));
  fs::remove(at("a.gz"));
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, BrokenConnectionsAreTakenUpAgain) {
  Page page{packed_a_};
  page.break_after = packed_a_.size() / 4 + 1;
  server_.put("a.gz", page);
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_EQ(requests(), 5U);
}

TEST_F(Fetch, AServerThatNeverDeliversIsGivenUp) {
  Page page{packed_a_};
  page.break_after = 0;
  server_.put("a.gz", page);
  expect_failure(Fault::unavailable);
  EXPECT_EQ(requests(), static_cast<std::size_t>(options_.limits.attempts));
  EXPECT_FALSE(fs::exists(at("a.gz.part")));  // nothing was received, so no file stays
}

TEST_F(Fetch, APartialDownloadIsKeptForTheNextCall) {
  Page page{packed_a_};
  page.break_after = 100;
  server_.put("a.gz", page);
  options_.limits.attempts = 2;
  expect_failure(Fault::unavailable);
  EXPECT_EQ(fs::file_size(at("a.gz.part")), 200U);
  server_.put("a.gz", {packed_a_});
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, ABusyServerIsAskedAgain) {
  Page page{packed_a_};
  page.busy = 3;
  server_.put("a.gz", page);
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, WrongContentIsNeverPutInPlace) {
  Bytes other = a_;
  other[40000] ^= 1;
  Bytes truncated = packed_a_;
  truncated.resize(truncated.size() - 100);
  const std::string page = "<html>please log in</html>";
  Bytes longer = a_;
  longer.push_back(0);
  for (const Bytes& body : {gzip(other), other, truncated, Bytes(page.begin(), page.end()),
                            gzip(longer), gzip(Bytes(1 << 24)), Bytes(), gzip({})}) {
    server_.put("a.gz", {body});
    const std::string message = expect_failure(Fault::bad_data);
    EXPECT_NE(message.find(server_.url() + "a.gz"), std::string::npos) << message;
    EXPECT_NE(message.find("--from"), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(at("a.gz.part")));
  }
}

TEST_F(Fetch, AnEndlessAnswerIsCutOff) {
  Page page{random_bytes(10000, 3)};
  page.endless = true;
  server_.put("a.gz", page);
  const std::string message = expect_failure(Fault::unavailable);
  EXPECT_NE(message.find("sends more"), std::string::npos) << message;
  EXPECT_EQ(requests(), 1U);
}

TEST_F(Fetch, AWrongCopyIsReplacedAndNotDestroyed) {
  write_file(at("a"), b_);  // load_data() would read this one
  write_file(at("b.gz"), Bytes(packed_b_.begin(), packed_b_.begin() + 20));
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_FALSE(fs::exists(at("a")));
  EXPECT_EQ(read_file(at("a.wrong")), b_);
}

TEST_F(Fetch, TheNextMirrorIsTried) {
  HttpServer second;
  second.put("a.gz", {packed_a_});
  second.put("b.gz", {packed_b_});
  set_.mirrors = {server_.url() + "nothing/here", second.url()};
  EXPECT_EQ(run(), 0);
  expect_complete();
  options_.to = folder_ / "again";
  server_.put("a.gz", {b_});
  set_.mirrors = {server_.url(), second.url()};
  EXPECT_EQ(run(), 0);
  expect_complete();
}

TEST_F(Fetch, WhatCannotBeReachedIsSaidWithTheAlternatives) {
  const auto says = [&](const std::string& word) {
    const std::string message = expect_failure(Fault::unavailable);
    for (const std::string& part :
         {word, std::string("apt-get install dataset-digits"), std::string("CONVOY_DATA"),
          options_.to.string(), set_.mirrors[0]})
      EXPECT_NE(message.find(part), std::string::npos) << message << "\n wanted: " << part;
  };
  set_.mirrors = {server_.url() + "elsewhere/"};
  says("HTTP 404");
  EXPECT_EQ(requests(), 1U);  // a second request would be useless
  {
    const HttpServer gone;
    set_.mirrors = {gone.url()};
  }
  says("onnect");
  set_.mirrors = {"http://no-such-host.invalid/"};
  says("offline?");
  EXPECT_FALSE(fs::exists(folder_ / "data")) << "a fetch that gets nothing leaves no folder behind";
  set_.mirrors = {options_.from = server_.url() + "elsewhere/"};
  says("check the address given with --from");
  options_.from.clear();
  set_.mirrors = {"ftp://127.0.0.1/"};
  EXPECT_EQ(error_of([&] { run(); }).first, Fault::usage);
}

TEST_F(Fetch, AFullDiskIsSaid) {
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{4096, old.rlim_max};
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto [fault, message] = error_of([&] { run(); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(fault, Fault::io);
  EXPECT_NE(message.find(at("a.gz.part").string()), std::string::npos) << message;
  write_file(folder_ / "file", a_);
  options_.to = folder_ / "file/below";
  EXPECT_EQ(error_of([&] { run(); }).first, Fault::io);
}

TEST_F(Fetch, TwoAtOnceDoNotMix) {
  const fs::path part = write_file(at("a.gz.part"), Bytes());
  const int other = ::open(part.c_str(), O_WRONLY);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  const std::string message = expect_failure(Fault::unavailable);
  EXPECT_NE(message.find("in use"), std::string::npos) << message;
  ::close(other);
  EXPECT_EQ(run(), 0);
  expect_complete();
}

struct Entry {
  std::string path;
  Bytes content;
  mode_t type = AE_IFREG;
};

Bytes tar_gz(const std::vector<Entry>& entries) {
  Bytes bytes(4 << 20);
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_ustar(writer);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const Entry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, 0644);
    if (entry.type == AE_IFLNK) archive_entry_set_symlink(header, "/etc/passwd");
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    EXPECT_EQ(archive_write_header(writer, header), ARCHIVE_OK);
    archive_write_data(writer, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

class FetchArchive : public Fetch {
 protected:
  FetchArchive() { set_.archive = "all.tar.gz"; }
  void serve(const std::vector<Entry>& entries) { server_.put("all.tar.gz", {tar_gz(entries)}); }
};

TEST_F(FetchArchive, TakesTheFilesWantedOutOfAnyFolder) {
  serve({{"x/", {}, AE_IFDIR}, {"x/readme", b_}, {"x/a", a_}, {"b", b_}});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_file(at("a")), a_);
  EXPECT_EQ(read_file(at("b")), b_);
  EXPECT_EQ(std::distance(fs::directory_iterator(options_.to), {}), 2);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 1U);
}

// Where only the archive's checksum is published.
TEST_F(FetchArchive, IsCompared) {
  const Bytes all = zip({{"x/a", a_}, {"b", b_}});
  set_.archive_checksum = checksum(all);
  set_.files[0].content.sha256.clear();
  set_.files[1].content = {};
  server_.put("all.tar.gz", {all});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_file(at("a")), a_);
  EXPECT_EQ(read_file(at("b")), b_);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 1U);
  fs::remove_all(options_.to);
  server_.put("all.tar.gz", {zip({{"x/a", a_}, {"b", a_}})});
  EXPECT_NE(error_of([&] { run(); }).second.find("the file has"), std::string::npos);
  EXPECT_FALSE(fs::exists(at("a")));
  const Bytes large = zip({{"x/a", a_}, {"b", Bytes(1 << 16), true}});
  server_.put("all.tar.gz", {large});
  set_.archive_checksum = checksum(large);
  set_.most_bytes = (1 << 16) - 1;  // also the limit of a content of unknown size
  EXPECT_NE(error_of([&] { run(); }).second.find("more than 65535 bytes"), std::string::npos);
}

// As in EMNIST's archive: the files are packed in it, and stay so.
TEST_F(FetchArchive, PackedFilesStayPacked) {
  const Bytes all = zip({{"gzip/a.gz", packed_a_}, {"gzip/b.gz", packed_b_}, {"gzip/c.gz", a_}});
  set_.archive_checksum = checksum(all);
  set_.files[0].content.sha256.clear();
  set_.files[1].content.sha256.clear();
  server_.put("all.tar.gz", {all});
  write_file(at("b"), a_);  // a wrong copy, which would be read first
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_FALSE(fs::exists(at("b")));
  EXPECT_EQ(read_file(at("b.wrong")), a_);
  EXPECT_FALSE(fs::exists(at("c.gz")));
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(requests(), 1U);
  write_file(at("a.gz"), gzip(b_));  // of another size
  EXPECT_EQ(run(), 0);
  expect_complete();
  EXPECT_EQ(requests(), 2U);
}

// What is skipped has to be decompressed, too.
TEST_F(FetchArchive, EntriesThatAreSkippedAreLimited) {
  set_.most_bytes = 1 << 20;
  serve({{"zeros", Bytes(1 << 21)}, {"a", a_}, {"b", b_}});
  EXPECT_NE(error_of([&] { run(); }).second.find("its entries have more than 1048576 bytes"),
            std::string::npos);
  std::vector<Entry> empty(5000, {"x", {}});
  empty.push_back({"a", a_});
  serve(empty);
  EXPECT_EQ(error_of([&] { run(); }).first, Fault::bad_data);
}

TEST_F(FetchArchive, WritesNothingOutside) {
  serve({{"../a", a_},
         {(folder_ / "absolute").string(), a_},
         {"../../escaped", a_},
         {"x/../../b", b_},
         {"a", {}, AE_IFLNK},
         {"../data", {}, AE_IFLNK}});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_file(at("a")), a_);
  EXPECT_FALSE(fs::is_symlink(at("a")));
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
    files += entry.is_regular_file() || entry.is_symlink() ? 1 : 0;
  EXPECT_EQ(files, 2U);
}

TEST_F(FetchArchive, WrongArchivesLeaveNothingBehind) {
  Bytes wrong = a_, longer = a_;
  wrong[7] ^= 1;
  longer.push_back(1);
  const std::vector<std::vector<Entry>> archives = {
      {{"a", wrong}, {"b", b_}}, {{"a", longer}, {"b", b_}},
      {{"a", b_}, {"b", b_}},    {{"b", b_}},
      {{"a", {}, AE_IFLNK}},     {}};
  for (const auto& entries : archives) {
    serve(entries);
    EXPECT_EQ(error_of([&] { run(); }).first, Fault::bad_data);
    EXPECT_FALSE(fs::exists(at("a")));
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
      EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
  Bytes truncated = tar_gz({{"b", b_}, {"a", a_}});
  truncated.resize(truncated.size() / 2);
  for (const Bytes& body : {truncated, a_, gzip(a_), Bytes()}) {
    server_.put("all.tar.gz", {body});
    EXPECT_EQ(error_of([&] { run(); }).first, Fault::bad_data);
    EXPECT_FALSE(fs::exists(at("a")));
  }
}

TEST(RemoteSets, AreKnownToTheCatalogToo) {
  for (const CatalogEntry& entry : catalog()) {
    if (!entry.can_be_fetched) {
      const auto [fault, message] = error_of([&] { remote_set(entry.name); });
      EXPECT_EQ(fault, Fault::usage);
      EXPECT_EQ(message.find("no public data set"), std::string::npos) << message;
      EXPECT_EQ(message.find("made in memory") != std::string::npos, entry.searched.empty());
      continue;
    }
    const RemoteSet& set = remote_set(entry.name);
    EXPECT_FALSE(set.mirrors.empty());
    for (const RemoteFile& file : set.files) {
      const Checksum& sum = !file.content.sha256.empty()  ? file.content
                            : !file.packed.sha256.empty() ? file.packed
                                                          : set.archive_checksum;
      EXPECT_EQ(sum.sha256.size(), 64U) << entry.name << " " << file.name;
      EXPECT_GT(sum.bytes + file.content.bytes, 0U) << entry.name << " " << file.name;
    }
  }
  const auto [fault, message] = error_of([] { remote_set("fashon-mnist"); });
  EXPECT_EQ(fault, Fault::usage);
  EXPECT_NE(message.find("fashion-mnist"), std::string::npos) << message;
}

// The digests in the program are those of the real files, and the program reads the fetched files.
void fetch_published(const std::string& name, const fs::path& source) {
  const ScopedVariable direct("no_proxy", "*");
  TempFolder folder;
  HttpServer server;
  for (const auto& entry : fs::directory_iterator(source))
    server.put(entry.path().filename().string(), {read_file(entry.path())});
  FetchOptions options{name, server.url(), folder / name, {}};
  EXPECT_EQ(fetch(options), 0);
  const TrainAndTest data = load_data(options.to.string());
  EXPECT_EQ(data.train.size(), 60000);
  EXPECT_EQ(data.test.size(), 10000);
}

TEST(PublishedFiles, FashionMnist) {
  const fs::path package = "/usr/share/datasets/fashion-mnist";
  if (!fs::exists(package))
    GTEST_SKIP() << "the Debian package dataset-fashion-mnist is not installed";
  fetch_published("fashion-mnist", package);
}

TEST(PublishedFiles, Mnist) {
  const auto folder = testing::shared_folder("mnist");
  if (!folder) GTEST_SKIP() << "CONVOY_DATA names no folder with mnist/";
  fetch_published("mnist", *folder);
}

}  // namespace
}  // namespace convoy::app
