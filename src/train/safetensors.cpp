// SPDX-License-Identifier: Apache-2.0
#include "train/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <utility>

#include "base/check.hpp"
#include "base/little_endian.hpp"
#include "train/strict_json.hpp"

namespace convoy::safetensors {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kLongestHeader = 100'000'000;  // as in the format's own library
constexpr std::size_t kMostDimensions = 16;
constexpr const char* kMetadataName = "__metadata__";

[[noreturn]] void fail(const InputFile& file, std::string_view location, std::string_view why) {
  throw UserError(Fault::bad_data, fmt::format("{}: {} is wrong", file.path.string(), location),
                  why, "the file is damaged or not a safetensors file; use another copy");
}

std::string header_text(const Metadata& metadata, std::span<const Tensor> tensors) {
  nlohmann::ordered_json header;
  header[kMetadataName] = metadata;
  std::size_t offset = 0;
  for (const Tensor& tensor : tensors) {
    CONVOY_ASSERT(!header.contains(tensor.name));
    const std::size_t end = offset + tensor.values.size_bytes();
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = to_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

std::string read_header(const InputFile& file) {
  if (file.size < kLengthBytes) {
    fail(file, "the header length",
         fmt::format("the file has {} bytes, but the header length alone takes 8", file.size));
  }
  std::uint64_t length = 0;
  read_at(file, 0, std::as_writable_bytes(std::span(&length, 1)));
  from_little_endian(std::span(&length, 1));
  if (length > file.size - kLengthBytes || length > kLongestHeader) {
    fail(file, "the header length",
         fmt::format("it is {} bytes, but the file has {}", length, file.size));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  read_at(file, kLengthBytes, std::as_writable_bytes(std::span(text)));
  return text;
}

Metadata parse_metadata(const InputFile& file, const json& object) {
  if (!object.is_object()) fail(file, "the header's __metadata__", "it is not an object");
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) {
      fail(file, fmt::format("the header's __metadata__, key {}", key), "it is not a string");
    }
    metadata.emplace(key, text_of(value, key));
  }
  return metadata;
}

// The number of floats. Every product is checked against the number that fits into the file.
Index element_count(const InputFile& file, const std::string& location,
                    const std::vector<Index>& shape) {
  const auto most = static_cast<Index>(file.size / sizeof(float));
  Index size = 1;
  for (const Index length : shape) {
    if (length != 0 && size > most / length) {
      fail(file, location, "its shape has more elements than the file has room for");
    }
    size *= length;
  }
  return size;
}

std::vector<Index> parse_shape(const InputFile& file, const std::string& location,
                               const json& value) {
  if (!value.is_array() || value.size() > kMostDimensions) {
    fail(file, location, "its shape is not a list of a few sizes");
  }
  std::vector<Index> shape;
  for (const json& length : value) {
    try {
      shape.push_back(whole_of(length, "shape", 0, kMostOfJson));
    } catch (const std::invalid_argument& error) {
      fail(file, location, error.what());
    }
  }
  return shape;
}

std::uint64_t position(const InputFile& file, const std::string& location, const json& value) {
  try {
    return static_cast<std::uint64_t>(whole_of(value, "data_offsets", 0, kMostOfJson));
  } catch (const std::invalid_argument& error) {
    fail(file, location, error.what());
  }
}

Reader::Entry parse_tensor(const InputFile& file, const std::string& name, const json& value,
                           std::size_t data_begin) {
  const std::string location = fmt::format("tensor {}", name);
  const std::size_t data_size = file.size - data_begin;
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    fail(file, location, "it must have dtype, shape and data_offsets, and nothing else");
  }
  if (value["dtype"] != "F32") {
    fail(file, location, fmt::format("its dtype is {}, not F32", to_text(value["dtype"])));
  }
  Reader::Entry entry;
  entry.shape = parse_shape(file, location, value["shape"]);
  entry.size = element_count(file, location, entry.shape);
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) {
    fail(file, location, "its data_offsets are not two positions");
  }
  const std::uint64_t begin = position(file, location, offsets[0]);
  const std::uint64_t end = position(file, location, offsets[1]);
  if (begin > end || end > data_size) {
    fail(file, location,
         fmt::format("its data_offsets are {} and {}, but the file has {} bytes of data", begin,
                     end, data_size));
  }
  if (end - begin != static_cast<std::uint64_t>(entry.size) * sizeof(float)) {
    fail(file, location,
         fmt::format("its shape has {} elements of 4 bytes, its data_offsets span {}", entry.size,
                     end - begin));
  }
  entry.offset = data_begin + static_cast<std::size_t>(begin);
  return entry;
}

// Checks that the tensors follow one another from the first byte of the data to the last.
void check_cover(const InputFile& file, const std::map<std::string, Reader::Entry>& tensors,
                 std::size_t data_begin) {
  std::vector<std::pair<std::size_t, Index>> pieces;
  for (const auto& [name, entry] : tensors) pieces.emplace_back(entry.offset, entry.size);
  std::sort(pieces.begin(), pieces.end());
  std::size_t position = data_begin;
  for (const auto& [offset, size] : pieces) {
    if (offset != position) {
      fail(file, fmt::format("byte {} of the file", std::min(offset, position)),
           offset < position ? "two tensors contain it" : "no tensor contains it");
    }
    position += static_cast<std::size_t>(size) * sizeof(float);
  }
  if (position != file.size) {
    fail(file, fmt::format("byte {} of the file", position), "no tensor contains it");
  }
}

}  // namespace

void write(const std::filesystem::path& file, const Metadata& metadata,
           std::span<const Tensor> tensors) {
  const std::string header = header_text(metadata, tensors);
  const std::uint64_t size = header.size();
  const LittleEndian<std::uint64_t> length(std::span(&size, 1));
  std::vector<std::span<const std::byte>> parts;
  parts.push_back(length.bytes());
  parts.push_back(std::as_bytes(std::span(header)));
  std::deque<LittleEndian<float>> values;  // a deque, because `parts` points to its elements
  for (const Tensor& tensor : tensors) {
    parts.push_back(values.emplace_back(tensor.values).bytes());
  }
  replace_file(file, parts);
}

Reader::Reader(const std::filesystem::path& file) : Reader(open_input(file, "checkpoint")) {}

Reader::Reader(std::span<const std::byte> bytes, std::string_view name)
    : Reader(InputFile{name, {}, bytes.size(), bytes.data()}) {}

Reader::Reader(InputFile file) : file_(std::move(file)) {
  const std::string text = read_header(file_);
  json header;
  try {
    header = parse_strict_json(text);
  } catch (const std::invalid_argument& error) {
    fail(file_, "the header", error.what());
  }
  if (!header.is_object()) fail(file_, "the header", "it is not a JSON object");
  const std::size_t data_begin = kLengthBytes + text.size();
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataName) {
      metadata_ = parse_metadata(file_, value);
    } else {
      tensors_.emplace(name, parse_tensor(file_, name, value, data_begin));
    }
  }
  check_cover(file_, tensors_, data_begin);
}

void Reader::read(const Entry& entry, std::span<float> values) const {
  CONVOY_ASSERT(static_cast<Index>(values.size()) == entry.size);
  read_at(file_, entry.offset, std::as_writable_bytes(values));
  from_little_endian(values);
}

}  // namespace convoy::safetensors
