// SPDX-License-Identifier: Apache-2.0
// Code that the tests of the public API share. As in a user's program, nothing here includes an
// internal header, and the target has none on its path.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "convoy/convoy.hpp"
#include "tests/apps/program.hpp"

namespace api_tests {

namespace fs = std::filesystem;
using convoy::Index;
using convoy::test::Arguments;
using convoy::test::ScratchFolder;
using testing::HasSubstr;

inline constexpr Index kLimit = 1000;

// Fashion-MNIST where it is on this machine.
inline const convoy::TrainAndTest& clothes() {
  static const convoy::TrainAndTest data = [] {
    for (const convoy::CatalogEntry& entry : convoy::catalog()) {
      if (entry.name == "fashion-mnist" && !entry.found.empty()) {
        return convoy::load_data("fashion-mnist");
      }
    }
    return convoy::load_data("synthetic");
  }();
  return data;
}

// A run takes some hundredths of a second, and has several steps after each call of progress().
inline convoy::Model small_model(const std::vector<convoy::Override>& more = {}) {
  std::vector<convoy::Override> overrides{"train.epochs=3", "optimizer.momentum=0.9"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return convoy::load_model("tiny-relu", overrides);
}

// Fewer test images save time.
inline const convoy::TrainAndTest& few_clothes() {
  static const convoy::TrainAndTest data{clothes().name, clothes().folder,
                                         clothes().train.first(kLimit), clothes().test.first(100)};
  return data;
}

inline std::string weights_of(const convoy::TrainOptions& options = {}) {
  return convoy::train(small_model(), few_clothes(), options).weights_sha256;
}

struct Thrown {
  convoy::Fault fault{};
  std::string message;
};

inline Thrown thrown_by(const std::function<void()>& call) {
  try {
    call();
  } catch (const convoy::Error& error) {
    EXPECT_EQ(error.exit_code(), static_cast<int>(error.fault()));
    return {error.fault(), error.what()};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

inline void expect_thrown(convoy::Fault fault, const std::string& part,
                          const std::function<void()>& call) {
  const Thrown thrown = thrown_by(call);
  EXPECT_EQ(thrown.fault, fault) << thrown.message;
  EXPECT_THAT(thrown.message, HasSubstr(part));
}

inline nlohmann::json document(const Arguments& words, const ScratchFolder& folder) {
  const auto ended = convoy::test::Child(convoy::test::convoy(words), folder.path).wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  return nlohmann::json::parse(ended.out);
}

inline std::vector<std::byte> bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace api_tests
