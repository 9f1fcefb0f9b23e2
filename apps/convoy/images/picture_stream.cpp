// SPDX-License-Identifier: Apache-2.0
#include "images/picture_stream.hpp"

#include <unistd.h>

#include <algorithm>

#include "images/images.hpp"

namespace convoy::app {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

DataFile opened(const std::string& file) {
  if (file == kStandardInput) {
    return {STDIN_FILENO, "standard input",
            "send an intact picture, as in: convoy predict RUN - <shoe.png"};
  }
  return DataFile(file);
}

}  // namespace

PictureStream::PictureStream(const std::string& file) : file_(opened(file)) {}

bool PictureStream::fill() {
  buffer_.resize(kBufferBytes);
  buffer_.resize(file_.read_some(buffer_));
  at_ = 0;
  return !buffer_.empty();
}

std::span<const std::uint8_t> PictureStream::beginning(std::size_t count) {
  if (buffer_.empty()) fill();
  return std::span<const std::uint8_t>(buffer_).first(std::min(count, buffer_.size()));
}

std::size_t PictureStream::read(std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && (at_ < buffer_.size() || fill())) {
    const std::size_t step = std::min(bytes.size() - done, buffer_.size() - at_);
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at_), step,
                bytes.begin() + static_cast<std::ptrdiff_t>(done));
    at_ += step;
    done += step;
  }
  return done;
}

std::uint64_t PictureStream::rest(std::uint64_t most) {
  std::uint64_t count = 0;
  while (count < most && (at_ < buffer_.size() || fill())) {
    count += buffer_.size() - at_;
    at_ = buffer_.size();
  }
  return std::min(count, most);
}

}  // namespace convoy::app
