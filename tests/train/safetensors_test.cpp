// SPDX-License-Identifier: Apache-2.0
#include "train/safetensors.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <random>

#include "tests/train/support.hpp"

namespace convoy {
namespace {

using safetensors::Metadata;
using safetensors::Reader;
using safetensors::Tensor;
using train_tests::TempFolder;
using train_tests::user_error;

std::string with_length(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

TEST(Safetensors, ReturnsWhatWasWritten) {
  const TempFolder folder;
  std::mt19937 random(3);
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<std::vector<float>> values;
    std::vector<Tensor> tensors;
    for (int t = 0; t < trial % 7; ++t) {
      const Index a = 1 + static_cast<Index>(random() % 5), b = static_cast<Index>(random() % 4);
      auto& data = values.emplace_back(static_cast<std::size_t>(a * b));
      for (float& x : data) {
        const std::uint32_t bits = static_cast<std::uint32_t>(random());
        std::memcpy(&x, &bits, 4);  // any bits: NaN, denormal, signed zero
      }
      tensors.push_back({"tensor " + std::to_string(t), {a, b}, data});
    }
    const Metadata metadata{{"text", "line\n\"quoted\" \\ \xc3\xa9 " + std::to_string(trial)},
                            {"empty", ""}};
    const auto file = folder / "file.safetensors";
    safetensors::write(file, metadata, tensors);
    const std::string bytes = test::read_file(file);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ(header % 8, 0u);

    const Reader reader(file);
    EXPECT_EQ(reader.metadata(), metadata);
    ASSERT_EQ(reader.tensors().size(), tensors.size());
    for (const Tensor& tensor : tensors) {
      const Reader::Entry& entry = reader.tensors().at(tensor.name);
      EXPECT_EQ(entry.shape, tensor.shape);
      std::vector<float> back(static_cast<std::size_t>(entry.size));
      reader.read(entry, back);
      ASSERT_EQ(back.size(), tensor.values.size());
      if (!back.empty()) {
        EXPECT_EQ(std::memcmp(back.data(), tensor.values.data(), tensor.values.size_bytes()), 0);
      }
    }
  }
  EXPECT_EQ(train_tests::names_in(folder.path()).size(), 1u) << "a temporary file is left";
}

TEST(Safetensors, SaysWhereAHostileFileLies) {
  const TempFolder folder;
  const auto file = folder / "hostile.safetensors";
  const auto tensor = [](const std::string& fields) { return "{\"a\":{" + fields + "}}"; };
  const std::string f32 = "\"dtype\":\"F32\",";
  const std::string eight(8, 'x');
  const struct {
    std::string bytes, text;
  } cases[] = {
      {"", "header length"},
      {"1234567", "header length"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "header length"},
      {std::string("\x03\0\0\0\0\0\0\0{}", 10), "header length"},
      {with_length("", ""), "header"},
      {with_length("{", ""), "not JSON"},
      {with_length("{}}", ""), "not JSON"},
      {with_length("[]", ""), "not a JSON object"},
      {with_length("\"\xff\"", ""), "not JSON"},
      {with_length("{\"a\":1e999}", ""), "not JSON"},
      {with_length(std::string(100000, '['), ""), "nested"},
      {with_length("{\"a\":" + std::string(100000, '{'), ""), "JSON"},
      {with_length("{\"__metadata__\":[]}", ""), "__metadata__"},
      {with_length("{\"__metadata__\":{\"k\":1}}", ""), "key k"},
      {with_length("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", ""), "twice"},
      {with_length("{}", "x"), "no tensor contains"},
      {with_length("{\"a\":1}", ""), "tensor a"},
      {with_length(tensor("\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]"), eight), "F16"},
      {with_length(tensor("\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]"), eight), "dtype"},
      {with_length(tensor(f32 + "\"shape\":[2]"), eight), "tensor a"},
      {with_length(tensor(f32 + "\"shape\":[2],\"data_offsets\":[0,8],\"more\":1"), eight),
       "tensor a"},
      {with_length(tensor(f32 + "\"shape\":2,\"data_offsets\":[0,8]"), eight), "shape"},
      {with_length(tensor(f32 + "\"shape\":[-2],\"data_offsets\":[0,8]"), eight), "shape"},
      {with_length(tensor(f32 + "\"shape\":[2.0],\"data_offsets\":[0,8]"), eight), "shape"},
      {with_length(tensor(f32 + "\"shape\":[18446744073709551615],\"data_offsets\":[0,8]"), eight),
       "shape"},
      {with_length(tensor(f32 + "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"), ""),
       "shape"},
      {with_length(tensor(f32 + "\"shape\":[1000000000],\"data_offsets\":[0,4000000000]"), eight),
       "shape"},
      {with_length(tensor(f32 + "\"shape\":[3],\"data_offsets\":[0,8]"), eight), "elements"},
      {with_length(tensor(f32 + "\"shape\":[2],\"data_offsets\":[8,0]"), eight), "data_offsets"},
      {with_length(tensor(f32 + "\"shape\":[2],\"data_offsets\":[0,16]"), eight), "data_offsets"},
      {with_length(tensor(f32 + "\"shape\":[2],\"data_offsets\":[0]"), eight), "data_offsets"},
      {with_length(tensor(f32 + "\"shape\":[2],\"data_offsets\":[0,-8]"), eight), "data_offsets"},
      {with_length(tensor(f32 + "\"shape\":[1],\"data_offsets\":[4,8]"), eight),
       "no tensor contains"},
      {with_length(tensor(f32 + "\"shape\":[1],\"data_offsets\":[0,4]"), eight),
       "no tensor contains"},
      {with_length("{\"a\":{" + f32 + "\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{" + f32 +
                       "\"shape\":[1],\"data_offsets\":[4,8]}}",
                   eight),
       "two tensors contain"},
      {with_length("{\"a\":{" + f32 + "\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{" + f32 +
                       "\"shape\":[1],\"data_offsets\":[4,8]}}",
                   eight),
       "twice"},
  };
  for (const auto& [bytes, text] : cases) {
    test::write_file(file, bytes);
    const std::string message = user_error(Fault::bad_data, [&] { Reader reader(file); });
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
}

TEST(Safetensors, RefusesWhatIsNoFile) {
  const TempFolder folder;
  user_error(Fault::not_found, [&] { Reader reader(folder / "absent"); });
  user_error(Fault::bad_data, [&] { Reader reader(folder.path()); });
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  user_error(Fault::bad_data, [&] { Reader reader(folder / "pipe"); });
}

}  // namespace
}  // namespace convoy
