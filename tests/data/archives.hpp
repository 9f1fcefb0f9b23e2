// SPDX-License-Identifier: Apache-2.0
// Makes arrays of NumPy and zip archives for the tests of their readers, right ones and wrong ones.
#pragma once

#include "tests/data/files.hpp"

namespace convoy::testing {

inline void append(Bytes& bytes, std::uint64_t number, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

inline void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

inline Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

// An array with this text as its header, in version 1.0.
inline Bytes npy_with(const std::string& header, const Bytes& numbers) {
  Bytes bytes = bytes_of("\x93NUMPY\x01");
  bytes.push_back(0);
  append(bytes, header.size(), 2);
  append(bytes, bytes_of(header));
  append(bytes, numbers);
  return bytes;
}

inline Bytes npy(const std::string& type, const std::string& shape, const Bytes& numbers,
                 bool is_fortran_order = false) {
  return npy_with("{'descr': '" + type + "', 'fortran_order': " +
                      (is_fortran_order ? "True" : "False") + ", 'shape': " + shape + ", }\n",
                  numbers);
}

inline Bytes deflated(const Bytes& bytes) {
  return compressed(bytes, 9, -MAX_WBITS);
}

// A member of an archive. What is set here instead of following from the content is a lie.
struct Member {
  std::string name;
  Bytes content;
  bool is_deflated = false;
  std::uint64_t flags = 0;
  std::optional<std::uint64_t> method = {}, size = {}, compressed = {}, crc = {}, offset = {};
  std::string local_name = {};  // empty: `name`
};

// Sizes and offsets stand in zip64 parts, which may hold any number.
inline Bytes zip(const std::vector<Member>& members) {
  Bytes bytes, directory;
  for (const Member& m : members) {
    const Bytes stored = m.is_deflated ? deflated(m.content) : m.content;
    const std::uint64_t crc =
        m.crc.value_or(::crc32(0, m.content.data(), static_cast<uInt>(m.content.size())));
    const std::uint64_t method = m.method.value_or(m.is_deflated ? 8 : 0);
    const std::uint64_t offset = m.offset.value_or(bytes.size());
    const std::string local = m.local_name.empty() ? m.name : m.local_name;
    append(bytes, 0x04034B50, 4);
    for (const std::uint64_t field : {std::uint64_t{45}, m.flags, method, {}, {}})
      append(bytes, field, 2);
    append(bytes, Bytes(12, 0));  // CRC-32 and sizes, which are not read here
    append(bytes, local.size(), 2);
    append(bytes, 0, 2);
    append(bytes, bytes_of(local));
    append(bytes, stored);
    append(directory, 0x02014B50, 4);
    for (const std::uint64_t field :
         {std::uint64_t{45}, std::uint64_t{45}, m.flags, method, {}, {}})
      append(directory, field, 2);
    append(directory, crc, 4);
    append(directory, 0xFFFFFFFFFFFFFFFF, 8);
    append(directory, m.name.size(), 2);
    append(directory, 28, 2);
    append(directory, Bytes(10, 0));
    append(directory, 0xFFFFFFFF, 4);
    append(directory, bytes_of(m.name));
    append(directory, 1, 2);
    append(directory, 24, 2);
    append(directory, m.size.value_or(m.content.size()), 8);
    append(directory, m.compressed.value_or(stored.size()), 8);
    append(directory, offset, 8);
  }
  const std::uint64_t begin = bytes.size();
  append(bytes, directory);
  append(bytes, 0x06054B50, 4);
  append(bytes, 0, 4);
  append(bytes, members.size(), 2);
  append(bytes, members.size(), 2);
  append(bytes, directory.size(), 4);
  append(bytes, begin, 4);
  append(bytes, 0, 2);
  return bytes;
}

}  // namespace convoy::testing
