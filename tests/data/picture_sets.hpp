// SPDX-License-Identifier: Apache-2.0
// A set of pictures in a temporary folder, with a cache beside it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "data/picture/picture.hpp"
#include "data/picture/resize.hpp"
#include "data/pictures/picture_set.hpp"
#include "tests/data/files.hpp"

namespace convoy::testing {

inline constexpr Shape kInput{12, 10, 3};

inline Bytes ppm(Index height, Index width, unsigned seed) {
  const std::string header = fmt::format("P6 {} {} 255\n", width, height);
  Bytes bytes(header.begin(), header.end());
  const Bytes pixels = random_bytes(static_cast<std::size_t>(height * width * 3), seed);
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

class PictureSets : public ::testing::Test {
 protected:
  PictureSets() {
    listing_.root = folder_ / "data";
    options_.input = kInput;
    options_.cache = cache_.string();
    options_.threads = 2;
  }

  void add(const std::string& name, const Bytes& bytes) {
    const fs::path file = write_file(listing_.root / name, bytes);
    listing_.pictures.push_back({.path = name});
    list_again();
  }
  void add(const std::string& name, const std::string& text) {
    add(name, Bytes(text.begin(), text.end()));
  }

  void list_again() {
    for (ListedPicture& picture : listing_.pictures) {
      struct stat facts {};
      ASSERT_EQ(::stat((listing_.root / picture.path).c_str(), &facts), 0);
      picture.file = version_of(facts);
    }
  }

  // Pictures of 1 x 1 to about 30 x 30.
  void add_pictures(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      add(fmt::format("class/{}.ppm", i), ppm(1 + i * 7 % 30, 1 + i * 11 % 30, i));
    }
  }

  void add_bad() {
    add("class/empty.png", std::string());
    add("class/bomb.pgm", std::string("P5 65535 65535 255\nx"));
    add("class/cut.ppm", std::string("P6 4 4 255\nxyz"));
  }

  PictureSet load(const DataOptions& options) const { return load_pictures(listing_, options); }
  PictureSet load() const { return load(options_); }

  static Bytes pixels(const PictureSet& set) {
    const auto* data = static_cast<const std::uint8_t*>(set.source.data);
    return {data, data + set.source.images * set.source.image.size()};
  }

  // What a single thread makes of the good pictures, one after the other.
  Bytes expected() const {
    Bytes all;
    for (const ListedPicture& listed : listing_.pictures) {
      const Bytes bytes = read_file(listing_.root / listed.path);
      try {
        const Picture picture = resized(decode_picture({bytes, listed.path}, kInput.channels),
                                        {kInput.height, kInput.width}, options_.resize);
        all.insert(all.end(), picture.pixels.begin(), picture.pixels.end());
      } catch (const UserError&) {
      }
    }
    return all;
  }

  std::vector<std::string> cache_files() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(cache_, ignored)) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

  // Puts bytes in the place of the cache file, which is read-only.
  static void replace(const fs::path& file, const Bytes& bytes) {
    fs::remove(file);
    write_file(file, bytes);
  }

  TempFolder folder_;
  fs::path cache_ = folder_ / "cache";
  Listing listing_;
  DataOptions options_;
};

}  // namespace convoy::testing
