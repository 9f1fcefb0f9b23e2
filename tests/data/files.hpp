// SPDX-License-Identifier: Apache-2.0
// Makes files for the tests of the readers.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "base/tensor.hpp"
#include "tests/base/files.hpp"
#include "tests/base/temporary_folder.hpp"

namespace convoy::testing {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

using TempFolder = test::TemporaryFolder;

// Sets an environment variable, and restores it in the destructor. An empty value unsets it.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value.empty() ? std::nullopt : std::optional(value));
  }
  ~ScopedVariable() { set(old_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const std::optional<std::string>& value) {
    value ? ::setenv(name_, value->c_str(), 1) : ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> old_;
};

inline fs::path write_file(const fs::path& file, const Bytes& bytes) {
  fs::create_directories(file.parent_path());
  fs::remove(file);  // some file systems sync what is truncated and written again
  test::write_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return file;
}

inline fs::path write_file(const fs::path& file, const std::string& text) {
  return write_file(file, Bytes(text.begin(), text.end()));
}

inline Bytes read_file(const fs::path& file) {
  const std::string bytes = test::read_file(file);
  return {bytes.begin(), bytes.end()};
}

// `window_bits` as deflateInit2() takes them: MAX_WBITS + 16 for gzip, -MAX_WBITS for raw deflate.
inline Bytes compressed(const Bytes& bytes, int level, int window_bits) {
  z_stream z{};
  if (::deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2 failed");
  Bytes out(::deflateBound(&z, static_cast<uLong>(bytes.size())) + 64);
  z.next_in = const_cast<std::uint8_t*>(bytes.data());
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int result = ::deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  ::deflateEnd(&z);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate failed");
  return out;
}

inline Bytes gzip(const Bytes& bytes) {
  return compressed(bytes, 6, MAX_WBITS + 16);
}

inline Bytes random_bytes(std::size_t size, unsigned seed, unsigned below = 256) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % below);
  return bytes;
}

using Labels = std::vector<Label>;

inline Labels random_labels(std::size_t size, unsigned seed, unsigned below) {
  std::mt19937 random(seed);
  Labels labels(size);
  for (Label& label : labels) label = static_cast<Label>(random() % below);
  return labels;
}

// An IDX file: the magic number, the sizes, the bytes.
inline Bytes idx(std::uint32_t magic, const std::vector<std::uint32_t>& sizes, const Bytes& body) {
  Bytes bytes;
  const auto put = [&](std::uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(v >> shift));
  };
  put(magic);
  for (const auto size : sizes) put(size);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

inline Bytes idx_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns,
                        unsigned seed = 1) {
  return idx(0x803, {count, rows, columns},
             random_bytes(std::size_t{count} * rows * columns, seed));
}

inline Bytes idx_labels(const Bytes& labels) {
  return idx(0x801, {static_cast<std::uint32_t>(labels.size())}, labels);
}

// The same with integers of 16 or 32 bits.
inline Bytes idx_labels_of(int bits, const std::vector<std::int64_t>& labels) {
  Bytes body;
  for (const std::int64_t label : labels) {
    for (int shift = bits - 8; shift >= 0; shift -= 8)
      body.push_back(static_cast<std::uint8_t>(label >> shift));
  }
  return idx(bits == 16 ? 0xB01 : 0xC01, {static_cast<std::uint32_t>(labels.size())}, body);
}

// Runs `action`, which has to throw an Error, and gives it.
template <class Action>
std::pair<Fault, std::string> error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.fault(), error.what()};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Fault::internal, ""};
}

// The folder NAME of $CONVOY_DATA, where the variable is set.
inline std::optional<fs::path> shared_folder(const std::string& name) {
  const char* data = std::getenv("CONVOY_DATA");
  if (!data || !*data || !fs::is_directory(fs::path(data) / name)) return std::nullopt;
  return fs::path(data) / name;
}

}  // namespace convoy::testing
