// SPDX-License-Identifier: Apache-2.0
#include "images/buffered_file.hpp"

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

std::size_t BufferedFile::read_some(std::span<std::uint8_t> out) {
  std::size_t done = std::min(out.size(), buffer_.size() - at_);
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at_), done, out.begin());
  at_ += done;
  if (done < out.size()) done += file_->read_some(out.subspan(done));
  position_ += done;
  return done;
}

std::uint64_t BufferedFile::size(std::optional<std::uint64_t> expected) const {
  return file_->size(expected);
}

}  // namespace convoy::app
