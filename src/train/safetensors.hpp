// SPDX-License-Identifier: Apache-2.0
// The safetensors file format, as far as Convoy needs it: FP32 tensors and a map of strings.
//
//   bytes 0 .. 7       N, length of the header, 64 bits, little-endian
//   bytes 8 .. 7 + N   the header: a JSON object, padded with spaces to a multiple of 8 bytes
//                        "NAME": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}
//                        "__metadata__": {"KEY": "VALUE", ..}
//   then               the data, little-endian; offsets count from here; no gaps, no overlaps
//
// Python reads it with the package `safetensors`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/durable_file.hpp"
#include "base/tensor.hpp"

namespace convoy::safetensors {

using Metadata = std::map<std::string, std::string>;

struct Tensor {
  std::string name;
  std::vector<Index> shape;
  std::span<const float> values;
};

// Writes by replace_file(): the file is complete or absent.
void write(const std::filesystem::path& file, const Metadata& metadata,
           std::span<const Tensor> tensors);

// Reads and checks the header; the data stays in the file until it is requested. The header's sizes
// are checked against the file's size before any memory is allocated for them.
class Reader {
 public:
  // Throws UserError(bad_data | not_found).
  explicit Reader(const std::filesystem::path& file);
  // The same for the bytes of a file, which must outlive the reader; `name` is for messages.
  Reader(std::span<const std::byte> bytes, std::string_view name);

  struct Entry {
    std::vector<Index> shape;
    std::size_t offset = 0;  // in the file
    Index size = 0;          // in floats
  };
  const Metadata& metadata() const { return metadata_; }
  const std::map<std::string, Entry>& tensors() const { return tensors_; }

  // values = [entry.size]
  void read(const Entry& entry, std::span<float> values) const;

 private:
  explicit Reader(InputFile file);

  InputFile file_;
  Metadata metadata_;
  std::map<std::string, Entry> tensors_;
};

}  // namespace convoy::safetensors
