// SPDX-License-Identifier: Apache-2.0
// Decodes and resizes pictures, for bench/pictures.py, which compares the time with Pillow's.
//
//   picture_benchmark SIDE FILE...
//
// It reads the files into memory. Then, for every line of standard input, it decodes all of them
// as RGB, resizes them to SIDE x SIDE (stretch; 0: not at all), and prints the seconds that this
// took and a sum over the pixels.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "data/picture/picture.hpp"
#include "data/picture/resize.hpp"
#include "internal.hpp"

namespace {

struct File {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

std::vector<File> read_files(int count, char** names) {
  std::vector<File> files;
  for (int i = 0; i < count; ++i) {
    std::ifstream stream(names[i], std::ios::binary);
    files.push_back({names[i], {std::istreambuf_iterator<char>(stream), {}}});
  }
  return files;
}

void measure(const std::vector<File>& files, convoy::Index side) {
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t sum = 0;
  convoy::PixelMemory memory;  // as decode_all() keeps it
  for (const File& file : files) {
    convoy::Picture picture =
        convoy::decode_picture({file.bytes, file.name}, 3, {}, std::move(memory));
    if (side > 0) {
      const auto resized = convoy::resized(picture, {side, side}, convoy::Resize::stretch);
      for (const std::uint8_t byte : resized.pixels) sum += byte;
    }
    memory = std::move(picture.pixels);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%.9f %llu\n", seconds.count(), static_cast<unsigned long long>(sum));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: picture_benchmark SIDE FILE...\n");
    return 2;
  }
  try {
    const std::vector<File> files = read_files(argc - 2, argv + 2);
    std::string line;
    while (std::getline(std::cin, line)) measure(files, std::atoll(argv[1]));
    return 0;
  } catch (const convoy::Error& error) {
    std::fprintf(stderr, "%s\n", convoy::printable_message(error.what()).c_str());
    return error.exit_code();
  }
}
