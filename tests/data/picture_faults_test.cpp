// SPDX-License-Identifier: Apache-2.0
// Where the system fails, the message says so; no picture counts as bad for it, and nothing that is
// half-written or wrong remains in the cache.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <new>

#include "tests/base/unprivileged_user.hpp"
#include "tests/data/picture_sets.hpp"
#include "tests/ops/rounds.hpp"
#include "tests/train/small_disk.hpp"

namespace convoy::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using PictureFaults = PictureSets;

// What happens to be out of reach must not decide which pictures a set has.
TEST_F(PictureFaults, APictureThatChangedMeanwhileEndsItAndNothingIsCached) {
  add_pictures(3);
  options_.bad_images = BadImages::skip;
  const Listing before = listing_;
  for (std::int64_t FileVersion::*time : {&FileVersion::modified_ns, &FileVersion::changed_ns}) {
    listing_ = before;
    listing_.pictures[1].file.*time += 5;
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::io);
    EXPECT_THAT(message, HasSubstr("class/1.ppm (it changed after its folder was listed)"));
  }
  listing_ = before;
  fs::remove(listing_.root / "class/0.ppm");
  EXPECT_EQ(error_of([&] { load(); }).first, Fault::not_found);
  EXPECT_THAT(cache_files(), IsEmpty());
}

TEST_F(PictureFaults, APictureThatTheSystemCannotReadEndsIt) {
  add_pictures(3);
  const fs::path shut = listing_.root / "class/1.ppm";
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(shut.c_str(), 0), 0);
  list_again();
  fs::create_directories(cache_);
  ASSERT_EQ(::chmod(cache_.c_str(), 0777), 0);
  const auto expect_a_fault = [&] {
    const test::UnprivilegedUser unprivileged;
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::io);
    EXPECT_THAT(message, HasSubstr(shut.string()));
    EXPECT_THAT(message, HasSubstr("Permission denied"));
    EXPECT_THAT(message, Not(HasSubstr("--cache")));
  };
  const std::string cache = options_.cache;
  for (const BadImages how : {BadImages::stop, BadImages::skip}) {
    options_.bad_images = how;
    for (const std::string& place : {cache, std::string("none")}) {
      options_.cache = place;
      expect_a_fault();
    }
  }
  options_.input = DataOptions().input;  // the size of the first one that can be read
  std::swap(listing_.pictures[0], listing_.pictures[1]);
  expect_a_fault();
  EXPECT_THAT(cache_files(), IsEmpty());
}

TEST_F(PictureFaults, AFolderThatCannotBeWritten) {
  add_pictures(3);
  const fs::path file = write_file(folder_ / "file", Bytes(1));
  options_.cache = (file / "cache").string();
  const auto [fault, message] = error_of([&] { load(); });
  EXPECT_EQ(fault, Fault::io);
  EXPECT_THAT(message, HasSubstr("decoded pictures cannot be kept in " + options_.cache));
  EXPECT_THAT(message, HasSubstr("--cache none"));

  options_.cache = "";
  const ScopedVariable cache("XDG_CACHE_HOME", (file / "cache").string());
  const PictureSet set = load();
  EXPECT_EQ(pixels(set), expected());
  EXPECT_TRUE(set.cache_file.empty());
  ASSERT_EQ(set.notes.size(), 1U);
  EXPECT_THAT(set.notes[0], HasSubstr("decoded pictures are in memory alone"));
}

TEST_F(PictureFaults, ANamedFolderThatMayNotBeWrittenIsAnError) {
  add_pictures(3);
  fs::create_directories(cache_ / "convoy/pictures");
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  for (const char* folder : {".", "convoy/pictures"}) {
    ASSERT_EQ(::chmod((cache_ / folder).c_str(), 0555), 0);
  }
  const ScopedVariable cache("XDG_CACHE_HOME", cache_.string());
  {
    const test::UnprivilegedUser unprivileged;
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::io);
    EXPECT_THAT(message, HasSubstr("decoded pictures cannot be kept in " + options_.cache));
    EXPECT_THAT(message, HasSubstr("Permission denied"));

    options_.cache = "";
    const PictureSet set = load();
    EXPECT_EQ(pixels(set), expected());
    EXPECT_EQ(set.notes.size(), 1U);
    EXPECT_THAT(fmt::format("{}", fmt::join(set.notes, "\n")),
                HasSubstr("decoded pictures are in memory alone"));
  }
  for (const char* folder : {".", "convoy/pictures"}) {  // so that they can be removed
    ASSERT_EQ(::chmod((cache_ / folder).c_str(), 0755), 0);
  }
}

TEST_F(PictureFaults, ALimitOfTheFilesSizeIsOneMessageAndLeavesNothing) {
  add_pictures(20);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t most : {rlim_t{100}, rlim_t{4096}, rlim_t{6000}}) {
    const rlimit limit{most, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto [fault, message] = error_of([&] { load(); });
    ::setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_EQ(fault, Fault::io);
    EXPECT_THAT(message, HasSubstr("--cache DIR; with --cache none"));
    EXPECT_THAT(cache_files(), IsEmpty());
  }
  ::signal(SIGXFSZ, handler);
}

TEST_F(PictureFaults, AFullDiskIsOneMessageAndLeavesNothing) {
  add_pictures(20);
  options_.input = {64, 64, 3};  // 246 kB
  cache_ = folder_ / "disk";
  options_.cache = cache_.string();
  fs::create_directories(cache_);
  const auto code = test::on_a_small_disk(cache_, [&] {
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::io);
    EXPECT_THAT(message, HasSubstr("No space left on device"));
    EXPECT_THAT(message, HasSubstr("--cache DIR; with --cache none"));
    EXPECT_THAT(cache_files(), IsEmpty());
    return HasFailure() ? 1 : 0;
  });
  if (!code) GTEST_SKIP() << "a file system cannot be mounted here";
  EXPECT_EQ(*code, 0);
}

// The bytes of the field NAME of /proc/self/status.
rlim_t status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

// A progressive JPEG, grey in every pixel: of each block the first scan has one bit, and there is
// no second one. libjpeg keeps the coefficients of all pixels, 2 bytes for each.
Bytes progressive_jpeg(unsigned side) {
  const auto high = static_cast<std::uint8_t>(side >> 8), low = static_cast<std::uint8_t>(side);
  Bytes bytes{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0};
  bytes.insert(bytes.end(), 64, 1);  // the quantization
  const Bytes frame{0xFF, 0xC2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0};
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  const Bytes codes{0xFF, 0xC4, 0, 20, 0, 1};  // one code of one bit, for a difference of 0
  bytes.insert(bytes.end(), codes.begin(), codes.end());
  bytes.insert(bytes.end(), 16, 0);
  const Bytes scan{0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0};
  bytes.insert(bytes.end(), scan.begin(), scan.end());
  const std::size_t blocks = std::size_t{(side + 7) / 8} * ((side + 7) / 8);
  bytes.insert(bytes.end(), blocks / 8, 0);
  if (blocks % 8 != 0) bytes.push_back(static_cast<std::uint8_t>(0xFF >> blocks % 8));
  bytes.insert(bytes.end(), {0xFF, 0xD9});
  return bytes;
}

TEST_F(PictureFaults, AShortageOfMemoryDamagesNoPicture) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  if (!can_decode(PictureFormat::jpeg)) GTEST_SKIP() << "this build has no libjpeg";
  add("large.jpg", progressive_jpeg(7000));
  add("small.ppm", ppm(4, 4, 1));
  options_.bad_images = BadImages::skip;
  rlimit old{};
  ::getrlimit(RLIMIT_DATA, &old);
  const rlimit limit{status_bytes("VmData") + (rlim_t{60} << 20), old.rlim_max};
  ::setrlimit(RLIMIT_DATA, &limit);
  const auto [fault, message] = error_of([&] { load(); });
  const std::string name = (listing_.root / "large.jpg").string();
  const Bytes bytes = read_file(name);
  EXPECT_THROW(decode_picture({bytes, name}, 3), std::bad_alloc) << "as for info --data";
  ::setrlimit(RLIMIT_DATA, &old);
  EXPECT_EQ(fault, Fault::unavailable) << message;
  EXPECT_THAT(message, HasSubstr("cannot decode " + name + " (the memory does not suffice)"));
  EXPECT_THAT(cache_files(), IsEmpty());

  const PictureSet set = load();
  EXPECT_THAT(set.bad, IsEmpty());
  EXPECT_EQ(pixels(set), expected());
  EXPECT_EQ(pixels(set)[0], 128);
}

TEST_F(PictureFaults, ASetLargerThanMemoryIsMapped) {
  if (test::kSanitized) GTEST_SKIP() << test::kSanitizersNeedIt;
  add_pictures(200);
  options_.input = {1024, 1024, 3};  // 630 MB
  rlimit old{};
  ::getrlimit(RLIMIT_DATA, &old);
  const rlimit limit{status_bytes("VmData") + (rlim_t{256} << 20), old.rlim_max};
  ::setrlimit(RLIMIT_DATA, &limit);
  const auto sum_of = [](const PictureSet& set) {
    const auto* data = static_cast<const std::uint8_t*>(set.source.data);
    std::uint64_t sum = 0;
    for (Index i = 0; i < set.source.images * set.source.image.size(); ++i) sum += data[i];
    return sum;
  };
  std::uint64_t cold = 0, warm = 1;
  EXPECT_NO_THROW(cold = sum_of(load()));
  EXPECT_NO_THROW(warm = sum_of(load()));
  options_.cache = "none";
  EXPECT_THROW(load(), std::bad_alloc) << "the limit has no effect";
  ::setrlimit(RLIMIT_DATA, &old);
  EXPECT_EQ(cold, warm);
  EXPECT_GT(cold, 0U);
}

}  // namespace
}  // namespace convoy::testing
