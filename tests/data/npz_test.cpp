// SPDX-License-Identifier: Apache-2.0
// Archives of arrays: those that NumPy writes (make_numpy_goldens.py), and damaged and false ones.
#include "data/npz.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>

#include <nlohmann/json.hpp>

#include "base/machine.hpp"
#include "data/catalog.hpp"
#include "data/data_file.hpp"
#include "data/idx.hpp"
#include "data/npy.hpp"
#include "tests/data/archives.hpp"

namespace convoy {
namespace {

using namespace testing;

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

const nlohmann::json& goldens() {
  static const nlohmann::json document = [] {
    std::ifstream file(fs::path(CONVOY_SOURCE_DIR) / "tests/data/numpy_goldens.json");
    return nlohmann::json::parse(file);
  }();
  return document;
}

// `held_out` samples lie behind those of the golden.
void expect_part(const Dataset& whole, const nlohmann::json& golden, const std::string& part,
                 std::size_t held_out = 0) {
  const Dataset data = whole.first(whole.size() - static_cast<Index>(held_out));
  const auto shape = golden["shape"];
  EXPECT_EQ(data.image_shape(), (Shape{shape[0], shape[1], shape[2]}));
  EXPECT_EQ(Bytes(data.pixels().begin(), data.pixels().end()),
            from_hex(golden[part].get<std::string>()));
  EXPECT_EQ(Labels(data.labels().begin(), data.labels().end()),
            golden[part + "_labels"].get<Labels>());
}

class Npz : public ::testing::Test {
 protected:
  fs::path put(const Bytes& bytes) { return write_file(folder_ / "set.npz", bytes); }

  void expect_refused(const Bytes& bytes, const std::string& word) {
    const fs::path file = put(bytes);
    const auto [fault, message] = error_of([&] { read_npz(file); });
    EXPECT_EQ(fault, Fault::bad_data) << message;
    EXPECT_NE(message.find(file.string()), std::string::npos) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }

  // Four arrays, of which `change` changes one.
  static Bytes set_with(const std::function<void(Member&)>& change, bool is_deflated = false) {
    std::vector<Member> members{
        {"train_images.npy", npy("|u1", "(2, 2, 3)", random_bytes(12, 1)), is_deflated},
        {"train_labels.npy", npy("|u1", "(2,)", {0, 1}), is_deflated},
        {"test_images.npy", npy("|u1", "(1, 2, 3)", random_bytes(6, 2)), is_deflated},
        {"test_labels.npy", npy("|u1", "(1,)", {1}), is_deflated}};
    change(members[0]);
    return zip(members);
  }

  TempFolder folder_;
};

TEST_F(Npz, WhatNumPyWritesIsReadToTheByte) {
  for (const auto& [name, golden] : goldens()["archives"].items()) {
    SCOPED_TRACE(name);
    const Parts parts = read_npz(put(from_hex(golden["file"].get<std::string>())));
    EXPECT_EQ(parts.validation.size(), name == "stored" ? 2U : 0U);
    expect_part(parts.train, golden, "train", parts.validation.size());
    expect_part(parts.test, golden, "test");
    EXPECT_EQ(parts.train.classes(), 3);
    EXPECT_EQ(parts.test.classes(), 3);
    EXPECT_TRUE(parts.notes.empty());
  }
}

TEST_F(Npz, ArraysThatAreNoImagesAreRefused) {
  for (const auto& golden : goldens()["refused"]) {
    SCOPED_TRACE(golden["name"].get<std::string>());
    const Bytes bytes = from_hex(golden["file"].get<std::string>());
    const fs::path file = write_file(folder_ / "array.npy", bytes);
    const auto [fault, message] = error_of([&] {
      DataFile content(file);
      read_npy_images(content);
    });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(message.find(golden["says"].get<std::string>()), std::string::npos) << message;
  }
}

TEST_F(Npz, NumbersThatAreNoBytesAreFloats) {
  for (const auto& golden : goldens()["floats"]) {
    SCOPED_TRACE(golden["name"].get<std::string>());
    const Bytes bytes = from_hex(golden["file"].get<std::string>());
    DataFile content(write_file(folder_ / "array.npy", bytes));
    const ImageArray images = read_npy_images(content);
    const Bytes wanted = from_hex(golden["floats"].get<std::string>());
    ASSERT_EQ(images.floats.size() * sizeof(float), wanted.size());
    EXPECT_EQ(std::memcmp(images.floats.data(), wanted.data(), wanted.size()), 0);
    EXPECT_TRUE(images.pixels.empty());
    EXPECT_EQ(images.is_dim, golden["is_dim"].get<bool>());
  }
}

// Doubles are rounded to floats to the nearest, whatever the calling program has set.
TEST_F(Npz, TheCallersRoundingModeHasNoEffect) {
  std::vector<double> numbers;
  for (int i = 0; i < 12; ++i) numbers.push_back(0.1 * (i + 1));
  Bytes bytes(numbers.size() * sizeof(double));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  const fs::path file = put(zip({{"train_images.npy", npy("<f8", "(2, 2, 3)", bytes)},
                                 {"train_labels.npy", npy("|u1", "(2,)", {0, 1})},
                                 {"test_images.npy", npy("<f8", "(2, 2, 3)", bytes)},
                                 {"test_labels.npy", npy("|u1", "(2,)", {0, 1})}}));
  std::fesetround(FE_UPWARD);
  const TrainAndTest data = load_data(file.string());
  const bool is_kept = std::fegetround() == FE_UPWARD;
  std::fesetround(FE_TONEAREST);
  EXPECT_TRUE(is_kept);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    EXPECT_EQ(data.train.image_f32(static_cast<Index>(i / 6))[i % 6],
              static_cast<float>(numbers[i]));
}

// A set of 2 training images, 2 of validation (of which `change` changes the images or the labels)
// and one of the test.
Bytes set_with_validation(const std::function<void(Member&, Member&)>& change) {
  std::vector<Member> members{{"val_images.npy", npy("|u1", "(2, 2, 3)", random_bytes(12, 3))},
                              {"val_labels.npy", npy("|u1", "(2, 1)", {1, 2})},
                              {"train_images.npy", npy("|u1", "(2, 2, 3)", random_bytes(12, 1))},
                              {"train_labels.npy", npy("|u1", "(2,)", {0, 1})},
                              {"test_images.npy", npy("|u1", "(1, 2, 3)", random_bytes(6, 2))},
                              {"test_labels.npy", npy("|u1", "(1,)", {1})}};
  change(members[0], members[1]);
  return zip(members);
}

TEST_F(Npz, ValidationImagesLieBehindTheTrainingImages) {
  const std::string file = put(set_with_validation([](Member&, Member&) {})).string();
  const TrainAndTest data = load_data(file);
  EXPECT_EQ(data.validation, (std::vector<std::uint32_t>{2, 3}));
  Bytes pixels = random_bytes(12, 1);
  append(pixels, random_bytes(12, 3));
  EXPECT_EQ(Bytes(data.train.pixels().begin(), data.train.pixels().end()), pixels);
  EXPECT_EQ(Labels(data.train.labels().begin(), data.train.labels().end()), (Labels{0, 1, 1, 2}));
  EXPECT_EQ(data.train.classes(), 3);
  EXPECT_TRUE(data.notes.empty());
  DataOptions options;
  options.validation = 0.5;
  const auto [fault, message] = error_of([&] { load_data(file, options); });
  EXPECT_EQ(fault, Fault::usage);
  EXPECT_NE(message.find("2 validation images of its own"), std::string::npos) << message;
}

TEST_F(Npz, ValidationImagesThatAreFloatsMakeTheTrainingImagesFloats) {
  const Bytes halves{0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F};  // 0.5, 1
  std::vector<Member> members{{"val_images.npy", npy("<f4", "(1, 1, 2)", halves)},
                              {"val_labels.npy", npy("|u1", "(1,)", {1})},
                              {"train_images.npy", npy("|u1", "(1, 1, 2)", {7, 255})},
                              {"train_labels.npy", npy("|u1", "(1,)", {0})},
                              {"test_images.npy", npy("|u1", "(1, 1, 2)", {1, 2})},
                              {"test_labels.npy", npy("|u1", "(1,)", {1})}};
  const Parts parts = read_npz(put(zip(members)));
  ASSERT_EQ(parts.train.pixel_type(), PixelType::f32);
  EXPECT_EQ(parts.test.pixel_type(), PixelType::u8);
  EXPECT_TRUE(std::ranges::equal(parts.train.image_f32(0), std::vector<float>{7, 255}));
  EXPECT_TRUE(std::ranges::equal(parts.train.image_f32(1), std::vector<float>{0.5F, 1}));
}

TEST_F(Npz, ValidationImagesThatDoNotFitAreRefused) {
  const auto refused = [&](const std::function<void(Member&, Member&)>& change,
                           const std::string& word) {
    expect_refused(set_with_validation(change), word);
  };
  refused([](Member& images, Member&) { images.name = "x.npy"; },
          "has val_labels without val_images");
  refused([](Member&, Member& labels) { labels.name = "x.npy"; },
          "has val_images without val_labels");
  refused([](Member& images, Member&) { images.content = npy("|u1", "(2, 3, 2)", Bytes(12)); },
          "images of 2 x 3 x 1 and of 3 x 2 x 1");
  refused([](Member&, Member& labels) { labels.content = npy("|u1", "(1,)", {0}); },
          "2 images and 1 labels");
}

// The note depends on the model's scale.
TEST_F(Npz, ANoteSaysWhereImagesWereDividedAlready) {
  const Bytes halves{0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F};  // 0.5, 1
  for (const bool is_whole : {false, true}) {
    const std::string file = put(set_with([&](Member& m) {
                               Bytes numbers = halves;
                               if (is_whole) std::fill_n(numbers.begin(), 4, std::uint8_t{0});
                               Bytes all;
                               for (int i = 0; i < 6; ++i) append(all, numbers);
                               m.content = npy("<f4", "(2, 2, 3)", all);
                             })).string();
    const TrainAndTest data = load_data(file);
    EXPECT_EQ(data.train.pixel_type(), is_whole ? PixelType::u8 : PixelType::f32);
    ASSERT_EQ(data.notes.size(), 1U);
    EXPECT_NE(data.notes[0].find("set input.scale=1"), std::string::npos) << data.notes[0];
    DataOptions options;
    options.scale = 1;
    EXPECT_TRUE(load_data(file, options).notes.empty());
  }
}

TEST_F(Npz, EveryTruncationIsRefused) {
  for (const char* name : {"stored", "compressed", "zip64", "pipe"}) {
    const Bytes whole = from_hex(goldens()["archives"][name]["file"].get<std::string>());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      put(Bytes(whole.begin(), whole.begin() + static_cast<Index>(size)));
      EXPECT_EQ(error_of([&] { read_npz(folder_ / "set.npz"); }).first, Fault::bad_data) << size;
    }
  }
}

// One bit flipped anywhere is noticed, or changes nothing that is read (a time, a local CRC-32).
TEST_F(Npz, DamageNeverGivesOtherPixels) {
  for (const char* name : {"stored", "compressed", "zip64"}) {
    const auto golden = goldens()["archives"][name];
    const Bytes whole = from_hex(golden["file"].get<std::string>());
    // Every bit of the smallest one; of the others a seventh, which reaches all parts and bits.
    const std::size_t step = std::string(name) == "compressed" ? 1 : 7;
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += step) {
      Bytes damaged = whole;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      try {
        const Parts parts = read_npz(put(damaged));
        expect_part(parts.train, golden, "train", parts.validation.size());
        expect_part(parts.test, golden, "test");
      } catch (const UserError& error) {
        EXPECT_EQ(error.fault(), Fault::bad_data) << error.what();
      }
    }
  }
}

TEST_F(Npz, LyingSizesAllocateNothing) {
  const std::uint64_t before = peak_memory_bytes();
  static constexpr std::uint64_t kHuge = std::uint64_t{1} << 40;
  for (const bool is_deflated : {false, true}) {
    const auto refused = [&](const std::function<void(Member&)>& change, const std::string& word) {
      expect_refused(set_with(change, is_deflated), word);
    };
    refused([](Member& m) { m.size = kHuge; }, is_deflated ? "it has" : "is stored in");
    refused([](Member& m) { m.compressed = kHuge; }, "should have");
    refused([](Member& m) { m.size = m.compressed = kHuge; }, "zip: train_images.npy should have");
    refused([](Member& m) { m.size = m.compressed = m.offset = UINT64_MAX; }, "outside");
    refused([](Member& m) { m.offset = kHuge; }, "outside");
    refused([](Member& m) { m.size = m.content.size() - 1; }, "");
    refused([](Member& m) { m.size = m.content.size() + 1; }, "");
    refused([](Member& m) { m.size = 0; }, "");
    refused(
        [](Member& m) {
          m.content = npy("|u1", "(1000000, 1000, 1000)", Bytes(100));
          m.size = m.content.size() + kHuge;
        },
        is_deflated ? "it has" : "is stored in");
  }
  EXPECT_LT(peak_memory_bytes(), before + (std::uint64_t{16} << 20));
}

// 256 MB of zeros in a quarter of a megabyte, which state that they are a small array.
TEST_F(Npz, ABombIsRefusedBeforeItUnfolds) {
  Bytes zeros = npy("|u1", "(2, 2, 3)", Bytes(12));
  zeros.resize(std::size_t{256} << 20);
  const std::size_t small = npy("|u1", "(2, 2, 3)", Bytes(12)).size();
  Bytes file = set_with([&](Member& m) {
    m.content = std::move(zeros);
    m.is_deflated = true;
    m.size = small;
  });
  put(file);
  file = set_with([](Member&) {});
  const std::uint64_t before = peak_memory_bytes();
  const auto [fault, message] = error_of([&] { read_npz(folder_ / "set.npz"); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("should end at byte"), std::string::npos) << message;
  EXPECT_LT(peak_memory_bytes(), before + (std::uint64_t{1} << 20));
}

TEST_F(Npz, WhatIsNotReadHereIsRefused) {
  const auto refused = [&](const std::function<void(Member&)>& change, const std::string& word) {
    expect_refused(set_with(change), word);
  };
  refused([](Member& m) { m.flags = 1; }, "is encrypted (its member train_images.npy");
  refused([](Member& m) { m.method = 12; }, "method 12");
  refused([](Member& m) { m.crc = 1; }, "should be 00000001");
  refused([](Member& m) { m.local_name = "other_images.npy"; }, "has another name");
  refused([](Member& m) { m.local_name = "x"; }, "is not that of this member");
  refused([](Member& m) { m.name = "test_images.npy"; }, "two members of one name");
  refused([](Member& m) { m.name = "images.npy"; }, "lacks train_images");
  refused([](Member& m) { m.content = zip({}); }, "is no array of NumPy");
  refused([](Member& m) { m.content = gzip(m.content); }, "is no array of NumPy");
  refused([](Member& m) { m.content = {}; }, "truncated");
  expect_refused(zip({{"arr_0.npy", {1}}}), "it holds arr_0.npy");
  expect_refused(zip({{"inner.npz", zip({})}}), "unpack the archive in it");
  expect_refused(zip({}), "it holds nothing");
  expect_refused(bytes_of("PK"), "not a whole zip archive");
  expect_refused({}, "not a whole zip archive");
  Bytes behind = set_with([](Member&) {});
  behind.insert(behind.begin(), 10, 0);  // as in an archive that unpacks itself
  expect_refused(behind, "damaged");
}

TEST_F(Npz, TwoNamesOfOneArrayAreRefused) {
  std::vector<Member> members;
  for (const char* name : {"x_train", "y_train", "x_test", "y_test", "train_images", "train_labels",
                           "test_images", "test_labels"})
    members.push_back({std::string(name) + ".npy", npy("|u1", "(1, 1, 1)", {1})});
  expect_refused(zip(members), "holds two data sets");
}

TEST_F(Npz, PartsThatDoNotFitAreRefused) {
  expect_refused(set_with([](Member& m) { m.content = npy("|u1", "(1, 2, 3)", Bytes(6)); }),
                 "1 images and 2 labels");
  expect_refused(set_with([](Member& m) { m.content = npy("|u1", "(2, 3, 2)", Bytes(12)); }),
                 "images of 3 x 2 x 1 and of 2 x 3 x 1");
}

// The digest covers pixels, labels and classes, and nothing of the files.
TEST_F(Npz, TheDigestIsThatOfTheSamePixelsInIdx) {
  const auto golden = goldens()["archives"]["float32"];
  const Parts parts = read_npz(put(from_hex(golden["file"].get<std::string>())));
  const auto write = [&](const std::string& part, std::uint32_t count) {
    Bytes labels;
    for (const int label : golden[part + "_labels"])
      labels.push_back(static_cast<std::uint8_t>(label));
    return IdxFiles{
        write_file(folder_ / (part + "-images"),
                   idx(0x803, {count, 3, 5}, from_hex(golden[part].get<std::string>()))),
        write_file(folder_ / (part + "-labels"), idx_labels(labels))};
  };
  const Parts same = read_idx(write("train", 6), write("test", 4), 0);
  EXPECT_EQ(parts.train.sha256(), same.train.sha256());
  EXPECT_EQ(parts.test.sha256(), same.test.sha256());
}

TEST_F(Npz, AFileIsADataSet) {
  const fs::path file = put(set_with([](Member&) {}, true));
  const TrainAndTest data = load_data(file.string());
  EXPECT_EQ(data.name, "set");
  EXPECT_EQ(data.folder, file);
  EXPECT_EQ(data.train.size(), 2);
  EXPECT_EQ(data.test.size(), 1);
  EXPECT_EQ(lasting_name(file.string()), file.string());
  EXPECT_EQ(lasting_name(data), file.string());
  fs::rename(file, folder_ / "renamed");  // its first bytes tell
  EXPECT_EQ(load_data((folder_ / "renamed").string()).train.size(), 2);
  const auto [fault, message] = error_of([&] { load_data(file.string()); });
  EXPECT_EQ(fault, Fault::not_found) << message;
}

TEST_F(Npz, AFolderOfArraysIsADataSet) {
  const fs::path folder = folder_ / "arrays";
  write_file(folder / "train_images.npy", npy("|u1", "(2, 2, 3)", random_bytes(12, 1)));
  write_file(folder / "train_labels.npy", npy("<i8", "(2, 1)",
                                              {2, 0, 0, 0, 0, 0, 0, 0,  //
                                               0, 0, 0, 0, 0, 0, 0, 0}));
  write_file(folder / "test_images.npy.gz", gzip(npy("|u1", "(1, 2, 3)", random_bytes(6, 2))));
  write_file(folder / "test_labels.npy", npy("|u1", "(1,)", {1}));
  const TrainAndTest data = load_data(folder.string());
  EXPECT_EQ(data.train.image_shape(), (Shape{2, 3, 1}));
  EXPECT_EQ(data.train.classes(), 3);
  EXPECT_EQ(data.train.label_file(), folder / "train_labels.npy");
  EXPECT_FALSE(data.states_validation);
  write_file(folder / "val_images.npy", npy("|u1", "(1, 2, 3)", random_bytes(6, 3)));
  EXPECT_NE(error_of([&] { load_data(folder.string()); }).second.find("has val_images.npy alone"),
            std::string::npos);
  write_file(folder / "val_labels.npy.gz", gzip(npy("|u1", "(1,)", {1})));
  const TrainAndTest validated = load_data(folder.string());
  EXPECT_EQ(validated.train.size(), 3);
  EXPECT_EQ(validated.validation, std::vector<std::uint32_t>{2});
  EXPECT_EQ(validated.test.sha256(), data.test.sha256());
  write_file(folder / "class_names.txt", "a\nb\n");
  const auto [fault, message] = error_of([&] { load_data(folder.string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("class_names.txt names 2 classes"), std::string::npos) << message;
}

}  // namespace
}  // namespace convoy
