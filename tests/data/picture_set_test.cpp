// SPDX-License-Identifier: Apache-2.0
// Pictures become the same images whatever decodes them, and whether they come from a cache or not;
// a cache that is not whole is made again, and nothing half-written remains.
#include "data/pictures/picture_set.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/durable_file.hpp"
#include "data/pictures/decode_all.hpp"
#include "data/pictures/picture_cache.hpp"
#include "tests/data/picture_sets.hpp"

namespace convoy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(PictureSets, ColdWarmAndWithoutCacheAreTheSameBytes) {
  add_pictures(40);
  const PictureSet cold = load();
  EXPECT_TRUE(cold.is_made);
  EXPECT_EQ(pixels(cold), expected());
  EXPECT_EQ(cold.source.images, 40);
  EXPECT_EQ(cold.source.image, kInput);
  EXPECT_EQ(cold.source.type, PixelType::u8);
  EXPECT_EQ(cold.pictures.size(), 40U);
  EXPECT_EQ(cold.pictures[39], 39U);
  EXPECT_EQ(cold.cache_bytes, fs::file_size(cold.cache_file));
  EXPECT_THAT(cache_files(), ElementsAre(cold.cache_file.filename().string()));
  EXPECT_EQ(fs::status(cold.cache_file).permissions() & fs::perms::owner_all,
            fs::perms::owner_read);

  const PictureSet warm = load();
  EXPECT_FALSE(warm.is_made);
  EXPECT_EQ(pixels(warm), pixels(cold));
  EXPECT_EQ(warm.pictures, cold.pictures);
  EXPECT_EQ(warm.cache_file, cold.cache_file);
  EXPECT_EQ(warm.cache_bytes, cold.cache_bytes);
  EXPECT_THAT(warm.notes, IsEmpty());

  options_.cache = "none";
  const PictureSet none = load();
  EXPECT_TRUE(none.is_made);
  EXPECT_EQ(pixels(none), pixels(cold));
  EXPECT_TRUE(none.cache_file.empty());
}

TEST_F(PictureSets, DependOnNoNumberOfThreads) {
  add_pictures(100);
  options_.cache = "none";
  const Bytes wanted = expected();
  for (const int threads : {1, 2, 4, 64}) {
    options_.threads = threads;
    EXPECT_EQ(pixels(load()), wanted) << threads;
  }
}

// A window of one image and shares that only one picture fits make threads wait for each other.
TEST_F(PictureSets, DependOnNoLimitOfMemory) {
  add_pictures(50);
  options_.threads = 4;
  for (const std::uint64_t most : {1u, 500u, 5000u}) {
    Bytes all;
    const DecodeResult result =
        decode_all(listing_, kInput, options_,
                   [&](std::span<const std::uint8_t> image) {
                     all.insert(all.end(), image.begin(), image.end());
                   },
                   {.file_bytes = most, .picture_bytes = most, .image_bytes = most});
    EXPECT_THAT(result.bad, IsEmpty());
    EXPECT_EQ(all, expected()) << most;
  }
}

TEST(KeptMemory, IsNoLargerThanItsLimit) {
  const PixelMemory small = kept_memory(PixelMemory(kMostKeptBytes));
  EXPECT_EQ(small.capacity(), kMostKeptBytes);
  PixelMemory shrunk(kMostKeptBytes + 1);
  shrunk.resize(1);
  EXPECT_EQ(kept_memory(std::move(shrunk)).capacity(), 0);
}

TEST_F(PictureSets, EveryFactOfTheKeyMakesAnotherFile) {
  add_pictures(3);
  std::vector<std::string> keys{picture_cache_key(listing_, options_)};
  const auto add_key = [&](const Listing& listing, const DataOptions& options) {
    keys.push_back(picture_cache_key(listing, options));
  };
  DataOptions other = options_;
  other.resize = Resize::fit;
  add_key(listing_, other);
  other = options_;
  other.input.width = 11;
  add_key(listing_, other);
  Listing changed = listing_;
  changed.pictures[1].file.modified_ns += 1;
  add_key(changed, options_);
  changed = listing_;
  changed.pictures[1].file.changed_ns += 1;
  add_key(changed, options_);
  changed = listing_;
  changed.pictures[1].file.inode += 1;
  add_key(changed, options_);
  changed = listing_;
  changed.pictures[1].file.bytes += 1;
  add_key(changed, options_);
  changed = listing_;
  std::swap(changed.pictures[0].path, changed.pictures[1].path);
  add_key(changed, options_);
  changed = listing_;
  changed.pictures.pop_back();
  add_key(changed, options_);
  changed = listing_;
  changed.root = folder_ / "elsewhere";
  add_key(changed, options_);
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());

  changed = listing_;
  changed.pictures[0].label = 7;
  changed.pictures[0].part = PicturePart::test;
  EXPECT_EQ(picture_cache_key(changed, options_), picture_cache_key(listing_, options_));
}

TEST_F(PictureSets, AChangedPictureIsDecodedAgain) {
  add_pictures(5);
  const PictureSet before = load();
  listing_.pictures.pop_back();
  add("class/4.ppm", ppm(9, 9, 99));
  const PictureSet after = load();
  EXPECT_TRUE(after.is_made);
  EXPECT_EQ(pixels(after), expected());
  EXPECT_NE(after.cache_file, before.cache_file);
}

TEST_F(PictureSets, AFileThatIsDamagedAnywhereIsMadeAgain) {
  add_pictures(4);
  add_bad();
  options_.bad_images = BadImages::skip;
  const PictureSet good = load();
  const Bytes whole = read_file(good.cache_file), wanted = pixels(good);
  ASSERT_GT(whole.size(), 4096 + wanted.size());
  const auto expect_made_again = [&](const std::string& what) {
    const PictureSet set = load();
    EXPECT_TRUE(set.is_made) << what;
    ASSERT_EQ(set.notes.size(), 1U) << what;
    EXPECT_THAT(set.notes[0], HasSubstr("the pictures are decoded again"));
    EXPECT_THAT(set.notes[0], HasSubstr(good.cache_file.string()));
    EXPECT_EQ(pixels(set), wanted) << what;
    EXPECT_EQ(set.bad.size(), 3U) << what;
    EXPECT_EQ(read_file(good.cache_file), whole) << what;
    EXPECT_EQ(cache_files().size(), 1U) << what;
  };
  const std::size_t list = 4096 + wanted.size();
  for (const std::size_t at : {std::size_t{0},
                               std::size_t{16},
                               std::size_t{24},
                               std::size_t{32},
                               std::size_t{40},
                               std::size_t{48},
                               std::size_t{56},
                               std::size_t{64},
                               std::size_t{72},
                               std::size_t{80},
                               std::size_t{144},
                               std::size_t{207},
                               std::size_t{208},
                               std::size_t{4095},
                               std::size_t{4096},
                               list - 1,
                               list,
                               list + 8,
                               list + 16,
                               whole.size() - 1}) {
    Bytes damaged = whole;
    damaged[at] ^= 1;
    replace(good.cache_file, damaged);
    expect_made_again(fmt::format("byte {}", at));
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{4096}, list, whole.size() - 1}) {
    replace(good.cache_file, Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
    expect_made_again(fmt::format("{} bytes", size));
  }
  Bytes longer = whole;
  longer.push_back(0);
  replace(good.cache_file, longer);
  expect_made_again("a byte more");
}

TEST_F(PictureSets, AFileOfOtherPicturesUnderThisNameIsMadeAgain) {
  add_pictures(4);
  const PictureSet set = load();
  add("class/more.ppm", ppm(3, 3, 1));
  const fs::path file = picture_cache_file(cache_, picture_cache_key(listing_, options_));
  fs::rename(set.cache_file, file);
  const PictureSet again = load();
  ASSERT_EQ(again.notes.size(), 1U);
  EXPECT_THAT(again.notes[0], HasSubstr("it is of other pictures"));
  EXPECT_EQ(pixels(again), expected());
}

TEST_F(PictureSets, BadPicturesAreNamedOrLeftOut) {
  add_pictures(2);
  add_bad();
  add("class/last.ppm", ppm(5, 5, 3));
  for (const char* cache : {"cold", "warm", "none"}) {
    if (cache == std::string("none")) options_.cache = cache;
    options_.bad_images = BadImages::stop;
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_THAT(message, HasSubstr("3 of 6 pictures in " + listing_.root.string()));
    EXPECT_THAT(message, HasSubstr("\n  " + (listing_.root / "class/empty.png").string() +
                                   " is empty (0 bytes)"));
    EXPECT_THAT(message, HasSubstr("class/bomb.pgm (its header says 65535 x 65535 pixels"));
    EXPECT_THAT(message, HasSubstr("class/cut.ppm"));
    EXPECT_THAT(message, HasSubstr("--bad-images skip"));

    options_.bad_images = BadImages::skip;
    const PictureSet set = load();
    EXPECT_EQ(set.is_made, cache == std::string("none")) << "the refused run made the cache";
    EXPECT_EQ(set.source.images, 3);
    EXPECT_THAT(set.pictures, ElementsAre(0, 1, 5));
    ASSERT_EQ(set.bad.size(), 3U);
    EXPECT_EQ(set.bad[1].picture, 3U);
    EXPECT_THAT(set.bad[1].message, HasSubstr("class/bomb.pgm"));
    EXPECT_EQ(pixels(set), expected());
  }
}

TEST_F(PictureSets, TwentyBadPicturesAreNamed) {
  add_pictures(1);
  for (int i = 0; i < 23; ++i) add(fmt::format("class/bad-{}.png", i), std::string("no picture"));
  const std::string message = error_of([&] { load(); }).second;
  EXPECT_THAT(message, HasSubstr("class/bad-19.png"));
  EXPECT_THAT(message, Not(HasSubstr("class/bad-20.png")));
  EXPECT_THAT(message, HasSubstr("\n  and 3 more"));
}

TEST_F(PictureSets, WithoutAnyThatCanBeUsedThereIsNoSet) {
  add_bad();
  options_.bad_images = BadImages::skip;
  EXPECT_EQ(error_of([&] { load(); }).first, Fault::bad_data);
  listing_.pictures.clear();
  EXPECT_EQ(error_of([&] { load(); }).first, Fault::bad_data);
}

// Programs that unpack or build files give all of them one time.
TEST_F(PictureSets, AnotherContentOfTheSameSizeAndTimeIsNoticed) {
  add("a.ppm", ppm(4, 4, 1));
  add("b.ppm", ppm(4, 4, 2));
  const fs::path a = listing_.root / "a.ppm", b = listing_.root / "b.ppm";
  const auto time = fs::last_write_time(a);
  const auto set_times = [&] {
    for (const fs::path& file : {a, b}) fs::last_write_time(file, time);
    list_again();
  };
  set_times();
  const FileVersion first = listing_.pictures[0].file;
  const Bytes before = pixels(load());

  fs::rename(a, folder_ / "other");
  fs::rename(b, a);
  fs::rename(folder_ / "other", b);
  set_times();
  ASSERT_EQ(listing_.pictures[0].file.bytes, first.bytes);
  ASSERT_EQ(listing_.pictures[0].file.modified_ns, first.modified_ns);
  const PictureSet exchanged = load();
  EXPECT_TRUE(exchanged.is_made);
  EXPECT_NE(pixels(exchanged), before);
  EXPECT_EQ(pixels(exchanged), expected());

  {
    std::fstream file(a, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(ppm(4, 4, 2).back() ^ 0xFF));
  }
  set_times();
  const PictureSet changed = load();
  EXPECT_TRUE(changed.is_made);
  EXPECT_NE(pixels(changed), pixels(exchanged));
  EXPECT_EQ(pixels(changed), expected());
}

TEST_F(PictureSets, WithoutASizeAllHaveThatOfTheFirst) {
  add("a.ppm", ppm(6, 4, 1));
  add("b.ppm", ppm(6, 4, 2));
  options_.input = DataOptions().input;
  for (const char* cache : {"cold", "warm", "none"}) {
    if (cache == std::string("none")) options_.cache = cache;
    EXPECT_EQ(load().source.image, (Shape{6, 4, 3})) << cache;
  }
  options_.input.channels = 1;
  EXPECT_EQ(load().source.image, (Shape{6, 4, 1}));
  add("c.ppm", ppm(4, 6, 2));
  const std::string message = error_of([&] { load(); }).second;
  EXPECT_THAT(message, HasSubstr("c.ppm (it has 4 x 6 pixels (height x width), and the first "
                                 "picture 6 x 4)"));
}

TEST_F(PictureSets, AnInputOfTwoChannelsIsRefused) {
  add_pictures(1);
  options_.input.channels = 2;
  EXPECT_THAT(error_of([&] { load(); }).second, HasSubstr("pictures cannot be an input of"));
}

TEST_F(PictureSets, ProcessesThatMakeItAtOnceAreAllRight) {
  add_pictures(60);
  std::vector<Bytes> results(4);
  std::vector<std::thread> threads;
  for (Bytes& result : results) threads.emplace_back([&] { result = pixels(load()); });
  for (std::thread& thread : threads) thread.join();
  for (const Bytes& result : results) EXPECT_EQ(result, expected());
  EXPECT_EQ(cache_files().size(), 1U);
  EXPECT_FALSE(load().is_made);
}

TEST_F(PictureSets, TheImagesOutliveTheFile) {
  add_pictures(8);
  const PictureSet set = load();
  fs::remove_all(cache_);
  EXPECT_EQ(pixels(set), expected());
}

TEST_F(PictureSets, WhatAKilledProcessLeftIsRemovedAndWhatIsBeingWrittenIsNot) {
  add_pictures(2);
  const std::string name =
      picture_cache_file(cache_, picture_cache_key(listing_, options_)).filename().string();
  const auto leave = [&](const std::string& random, bool is_old) {
    fs::path file = write_file(cache_ / fmt::format("{}.{}.tmp", name, random), Bytes(10));
    if (is_old) {
      fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
    return file;
  };
  leave("0000000000000001", true);
  const fs::path young = leave("0000000000000002", false);
  const fs::path locked = leave("0000000000000003", true);
  const fs::path other = write_file(cache_ / "notes.0000000000000004.tmp", Bytes(1));
  fs::last_write_time(other, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const auto lock = try_lock(locked);
  load();
  EXPECT_THAT(cache_files(), ::testing::UnorderedElementsAre(name, young.filename().string(),
                                                             locked.filename().string(),
                                                             other.filename().string()));
}

TEST_F(PictureSets, TheUsersOwnFolder) {
  add_pictures(3);
  options_.cache = "";
  {
    const ScopedVariable cache("XDG_CACHE_HOME", (folder_ / "xdg").string());
    EXPECT_EQ(load().cache_file.parent_path(), folder_ / "xdg/convoy/pictures");
  }
  const ScopedVariable cache("XDG_CACHE_HOME", "");
  {
    const ScopedVariable home("HOME", (folder_ / "home").string());
    EXPECT_EQ(load().cache_file.parent_path(), folder_ / "home/.cache/convoy/pictures");
  }
  const ScopedVariable home("HOME", "");
  const PictureSet set = load();
  EXPECT_TRUE(set.cache_file.empty());
  ASSERT_EQ(set.notes.size(), 1U);
  EXPECT_THAT(set.notes[0], HasSubstr("neither XDG_CACHE_HOME nor HOME names a folder"));
}

TEST_F(PictureSets, ProgressAndAStopComeFromTheCallingThread) {
  add_pictures(100);
  options_.input = {1024, 1024, 3};
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> stop = false;
  std::vector<LoadProgress> seen;
  options_.stop = &stop;
  options_.progress = [&](const LoadProgress& progress) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    seen.push_back(progress);
    if (progress.done > 0) stop = true;
  };
  for (const char* cache : {"", "none"}) {
    if (*cache) options_.cache = cache;
    stop = false;
    seen.clear();
    const auto [fault, message] = error_of([&] { load(); });
    EXPECT_EQ(fault, Fault::stopped) << message;
    ASSERT_FALSE(seen.empty());
    EXPECT_LT(seen.back().done, 100);
    EXPECT_EQ(seen.back().total, 100);
    EXPECT_GT(seen.back().seconds, 0);
    EXPECT_THAT(cache_files(), IsEmpty());
  }
}

TEST_F(PictureSets, TheLastProgressIsTheWhole) {
  add_pictures(5);
  LoadProgress last;
  options_.progress = [&](const LoadProgress& progress) { last = progress; };
  load();
  EXPECT_EQ(last.done, 5);
  EXPECT_EQ(last.total, 5);
}

}  // namespace
}  // namespace convoy::testing
