// SPDX-License-Identifier: Apache-2.0
#include "images/buffered_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace convoy::app {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

}  // namespace

BufferedFile::BufferedFile(std::unique_ptr<DataFile> file)
    : Content(file->name(), file->remedy()), file_(std::move(file)) {}

bool BufferedFile::fill() {
  buffer_.resize(kBufferBytes);
  buffer_.resize(file_->read_some(buffer_));
  at_ = 0;
  return !buffer_.empty();
}

std::span<const std::uint8_t> BufferedFile::beginning(std::size_t count) {
  if (buffer_.empty()) fill();
  return std::span<const std::uint8_t>(buffer_).first(std::min(count, buffer_.size()));
}

std::size_t BufferedFile::read_some(std::span<std::uint8_t> bytes) {
  std::size_t done = std::min(bytes.size(), buffer_.size() - at_);
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at_), done, bytes.begin());
  at_ += done;
  if (done < bytes.size()) done += file_->read_some(bytes.subspan(done));
  position_ += done;
  return done;
}

std::uint64_t BufferedFile::size(std::optional<std::uint64_t> expected) const {
  return file_->size(expected);
}

void BufferedFile::read(std::span<std::uint8_t> out, std::string_view what) {
  const std::uint64_t begin = position_;
  if (read_some(out) == out.size()) return;
  refuse("is truncated", fmt::format("it ends at byte {}, inside {}, which takes bytes {} to {}",
                                     position_, what, begin, begin + out.size() - 1));
}

void BufferedFile::expect_end() {
  const std::uint64_t end = position_;
  std::uint8_t more = 0;  // a request for one more byte makes zlib verify the checksum
  if (read_some({&more, 1}) > 0)
    refuse("is too long", fmt::format("its content should end at byte {} and goes on", end));
}

}  // namespace convoy::app
