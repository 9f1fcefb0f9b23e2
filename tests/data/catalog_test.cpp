// SPDX-License-Identifier: Apache-2.0
#include "data/catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <tuple>

#include "base/digest.hpp"
#include "data/cifar.hpp"
#include "tests/data/files.hpp"

namespace convoy {
namespace {

using testing::Bytes;
using testing::error_of;
using testing::gzip;
using testing::idx_images;
using testing::idx_labels;
using testing::idx_labels_of;
using testing::ScopedVariable;
using testing::shared_folder;
using testing::TempFolder;
using testing::write_file;
namespace fs = std::filesystem;

constexpr const char* kSystemFashion = "/usr/share/datasets/fashion-mnist";

// 6 training and 4 test images of 5 x 3, labels 0 to 3.
void write_idx_folder(const fs::path& folder, char separator = '-', bool packed = false) {
  const auto put = [&](std::string name, const Bytes& bytes) {
    name[name.find("-idx")] = separator;
    write_file(folder / (name + (packed ? ".gz" : "")), packed ? gzip(bytes) : bytes);
  };
  put("train-images-idx3-ubyte", idx_images(6, 5, 3, 1));
  put("train-labels-idx1-ubyte", idx_labels({0, 1, 2, 3, 0, 1}));
  put("t10k-images-idx3-ubyte", idx_images(4, 5, 3, 2));
  put("t10k-labels-idx1-ubyte", idx_labels({3, 2, 1, 0}));
}

void write_cifar_folder(const fs::path& folder) {
  for (int i = 1; i <= 5; ++i)
    write_file(folder / ("data_batch_" + std::to_string(i) + ".bin"),
               Bytes(3073, static_cast<std::uint8_t>(i)));
  write_file(folder / "test_batch.bin", Bytes(3073, 9));
}

// The environment hides the data sets of this machine and of the user.
class Catalog : public ::testing::Test {
 protected:
  TempFolder folder_;
  ScopedVariable data_{"CONVOY_DATA", (folder_ / "data").string()};
  ScopedVariable share_{"XDG_DATA_HOME", (folder_ / "share").string()};
};

TEST_F(Catalog, AFolderMayHoldAnySpelling) {
  std::string digest;
  for (const char separator : {'-', '.'}) {
    for (const bool packed : {false, true}) {
      const fs::path folder = folder_ / (std::string("digits") + separator + (packed ? "z" : "p"));
      write_idx_folder(folder, separator, packed);
      const TrainAndTest data = load_data(folder.string());
      EXPECT_EQ(data.name, folder.filename());
      EXPECT_EQ(data.train.size(), 6);
      EXPECT_EQ(data.test.size(), 4);
      EXPECT_EQ(data.train.classes(), 4);
      EXPECT_TRUE(data.train.class_names().empty());
      const std::string both = data.train.sha256() + data.test.sha256();
      EXPECT_EQ(digest.empty() ? both : digest, both);
      digest = both;
    }
  }
  EXPECT_EQ(load_data((folder_ / "digits-p/").string()).name, "digits-p");
}

TEST_F(Catalog, ClassNamesGiveTheClasses) {
  const fs::path folder = folder_ / "named";
  write_idx_folder(folder);
  write_file(folder / "class_names.txt", "zero\none\r\ntwo words\nthree\nfour\n\n");
  const TrainAndTest data = load_data(folder.string());
  EXPECT_EQ(data.train.classes(), 5);
  EXPECT_EQ(data.test.class_names(),
            (std::vector<std::string>{"zero", "one", "two words", "three", "four"}));
  for (const std::string text : {"a\nb\nc\n", "\n \n", "a\n\nb\nc\nd\n", ""}) {
    write_file(folder / "class_names.txt", text);
    EXPECT_EQ(error_of([&] { load_data(folder.string()); }).first, Fault::bad_data) << text;
  }
  write_file(folder / "class_names.txt", std::string(1 << 20, 'x'));
  EXPECT_EQ(error_of([&] { load_data(folder.string()); }).first, Fault::bad_data);
}

TEST_F(Catalog, MoreThan256ClassesHaveNames) {
  const fs::path folder = folder_ / "many";
  write_idx_folder(folder);
  std::string text;
  for (int i = 0; i < 65536; ++i) text += "class number " + std::to_string(i) + "\n";
  write_file(folder / "class_names.txt", text);
  const TrainAndTest data = load_data(folder.string());
  EXPECT_EQ(data.train.classes(), 65536);
  EXPECT_EQ(data.test.class_names().back(), "class number 65535");
  write_file(folder / "class_names.txt", text + "one more\n");
  const auto [fault, message] = error_of([&] { load_data(folder.string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("65537 names, where 1 to 65536 are wanted"), std::string::npos) << message;
}

// The conventional names of files whose labels have 16 or 32 bits.
TEST_F(Catalog, WiderLabelsAreFoundByTheirNames) {
  const fs::path folder = folder_ / "wide";
  write_file(folder / "train-images-idx3-ubyte", idx_images(2, 3, 3));
  write_file(folder / "train-labels-idx1-short.gz", gzip(idx_labels_of(16, {300, 0})));
  write_file(folder / "t10k-images-idx3-ubyte", idx_images(1, 3, 3));
  write_file(folder / "t10k-labels.idx1-int", idx_labels_of(32, {65535}));
  const TrainAndTest data = load_data(folder.string());
  EXPECT_EQ(data.train.label(0), 300);
  EXPECT_EQ(data.test.label(0), 65535);
  EXPECT_EQ(data.train.classes(), 65536);
}

TEST_F(Catalog, OneFileUnderTwoNamesIsRefused) {
  const fs::path folder = folder_ / "twice";
  write_idx_folder(folder);
  for (const char* other : {"train-labels-idx1-short.gz", "train-labels.idx1-ubyte"}) {
    write_file(folder / other, idx_labels({0}));
    const auto [fault, message] = error_of([&] { load_data(folder.string()); });
    EXPECT_EQ(fault, Fault::bad_data);
    EXPECT_NE(
        message.find("holds one file twice (train-labels-idx1-ubyte and " + std::string(other)),
        std::string::npos)
        << message;
    fs::remove(folder / other);
  }
  EXPECT_NO_THROW(load_data(folder.string()));
}

TEST_F(Catalog, KeysOfArraysAreRefusedForOtherData) {
  DataOptions options;
  options.transpose = false;
  const auto [fault, message] = error_of([&] { load_data("synthetic", options); });
  EXPECT_EQ(fault, Fault::usage);
  EXPECT_NE(message.find("input.transpose is set for data of synthetic"), std::string::npos)
      << message;
  DataOptions wrong;
  wrong.first_label = kMostClasses;
  EXPECT_EQ(error_of([&] { load_data("synthetic", wrong); }).first, Fault::usage);
}

TEST_F(Catalog, ANameIsFoundWhereTheHeaderSays) {
  const fs::path user = folder_ / "share/convoy/mnist", own = folder_ / "data/mnist";
  write_idx_folder(user);
  EXPECT_EQ(load_data("mnist").folder, user);
  fs::create_directories(own);
  write_file(own / "train-images-idx3-ubyte", idx_images(1, 1, 1));  // incomplete, so it is skipped
  EXPECT_EQ(load_data("mnist").folder, user);
  write_idx_folder(own);
  const TrainAndTest data = load_data("mnist");
  EXPECT_EQ(data.folder, own);
  EXPECT_EQ(data.train.classes(), 10);
  EXPECT_EQ(data.train.class_names().size(), 10U);
  const auto entries = catalog();
  const auto mnist = std::ranges::find(entries, "mnist", &CatalogEntry::name);
  ASSERT_NE(mnist, entries.end());
  EXPECT_EQ(mnist->found, own);
  ASSERT_GE(mnist->searched.size(), 2U);
  EXPECT_EQ(mnist->searched[0], own);
  EXPECT_EQ(mnist->searched[1], user);
}

TEST_F(Catalog, TheLastingNameFindsTheSameDataFromAnywhere) {
  const fs::path known = folder_ / "data/mnist", own = folder_ / "own/mnist";
  write_idx_folder(known);
  write_idx_folder(own);
  EXPECT_EQ(lasting_name("mnist"), "mnist");
  EXPECT_EQ(lasting_name("synthetic"), "synthetic");
  EXPECT_EQ(lasting_name("absent"), "absent");
  EXPECT_EQ(lasting_name(load_data("mnist")), "mnist");
  EXPECT_EQ(lasting_name(load_data("synthetic")), "synthetic");
  for (const std::string spelling : {"", "/", "/.", "/../mnist/"}) {
    EXPECT_EQ(lasting_name(own.string() + spelling), own.string()) << spelling;
  }
  EXPECT_EQ(lasting_name(load_data(own.string())), own.string()) << "another mnist";
  TrainAndTest in_memory = load_data("synthetic");
  in_memory.name = "mine";
  EXPECT_EQ(lasting_name(in_memory), "mine");
}

TEST_F(Catalog, KnownSetsHaveTheirOwnRangeOfLabels) {
  write_idx_folder(folder_ / "data/mnist");
  write_file(folder_ / "data/mnist/t10k-labels-idx1-ubyte", idx_labels({3, 10, 1, 0}));
  const auto [fault, message] = error_of([] { load_data("mnist"); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("label 10 of sample 1"), std::string::npos) << message;
}

TEST_F(Catalog, CifarFoldersAreRead) {
  write_cifar_folder(folder_ / "data/cifar10");
  const TrainAndTest known = load_data("cifar10");
  EXPECT_EQ(known.train.size(), 5);
  EXPECT_EQ(known.test.label(0), 9);
  EXPECT_EQ(known.train.class_names()[9], "truck");
  const std::string folder = (folder_ / "data/cifar10").string();
  EXPECT_TRUE(load_data(folder).train.class_names().empty());
  write_file(folder_ / "data/cifar10/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(load_data(folder).test.class_names()[9], "j");
  write_file(folder_ / "data/cifar10/batches.meta.txt", "a\n");
  EXPECT_EQ(error_of([&] { load_data(folder); }).first, Fault::bad_data);
}

TEST_F(Catalog, TheSetsOfMnistsFamilyHaveNames) {
  write_idx_folder(folder_ / "data/kmnist");
  EXPECT_EQ(load_data("kmnist").train.class_names()[9], "wo");
  const fs::path qmnist = folder_ / "data/qmnist";
  for (const std::string part : {"train", "test"}) {
    Bytes labels = testing::idx(0xC02, {2, 8}, Bytes(64));
    labels[12 + 32 + 3] = 7;
    write_file(qmnist / ("qmnist-" + part + "-images-idx3-ubyte.gz"), gzip(idx_images(2, 5, 3)));
    write_file(qmnist / ("qmnist-" + part + "-labels-idx2-int"), labels);
  }
  for (const std::string& name : {std::string("qmnist"), qmnist.string()}) {
    const TrainAndTest data = load_data(name);
    EXPECT_EQ(data.train.label(1), 7);
    EXPECT_EQ(data.test.classes(), 10);
    EXPECT_EQ(data.test.class_names()[7], "7");
  }
}

TEST_F(Catalog, ImagesOfChannelsAreFoundByTheirNames) {
  const fs::path folder = folder_ / "colours";
  write_file(folder / "train-images-idx4-ubyte", testing::idx(0x804, {1, 2, 2, 3}, Bytes(12)));
  write_file(folder / "train-labels-idx1-ubyte", idx_labels({1}));
  write_file(folder / "t10k-images.idx4-ubyte", testing::idx(0x804, {1, 2, 2, 3}, Bytes(12)));
  write_file(folder / "t10k-labels-idx1-ubyte", idx_labels({0}));
  EXPECT_EQ(load_data(folder.string()).test.image_shape(), (Shape{2, 2, 3}));
}

TEST_F(Catalog, TheNameChoosesTheLabelsOfCifar100) {
  const fs::path folder = folder_ / "data/cifar100";
  Bytes record(3074, 5);
  record[0] = 19;
  record[1] = 99;
  for (const char* name : {"train.bin", "test.bin"}) write_file(folder / name, record);
  std::string names;
  for (int i = 0; i < 100; ++i) names += "fine " + std::to_string(i) + "\n";
  write_file(folder / "fine_label_names.txt", names);
  for (const std::string& name : {std::string("cifar100"), folder.string()}) {
    const TrainAndTest data = load_data(name);
    EXPECT_EQ(data.train.label(0), 99);
    EXPECT_EQ(data.train.class_names()[99], "fine 99");
  }
  const TrainAndTest coarse = load_data("cifar100-coarse");
  EXPECT_EQ(coarse.train.label(0), 19);
  EXPECT_EQ(coarse.train.classes(), 20);
  EXPECT_TRUE(coarse.train.class_names().empty());
  EXPECT_EQ(lasting_name(coarse), "cifar100-coarse");
  write_file(folder / "coarse_label_names.txt", "a\nb\n");
  EXPECT_EQ(error_of([] { load_data("cifar100-coarse"); }).first, Fault::bad_data);
}

TEST_F(Catalog, EveryKnownSetHasItsFacts) {
  for (const CatalogEntry& entry : catalog()) {
    if (entry.searched.empty()) continue;  // synthetic
    EXPECT_FALSE(entry.licence.empty()) << entry.name;
    EXPECT_FALSE(entry.citation.empty()) << entry.name;
    EXPECT_GE(entry.files.size(), 2U) << entry.name;
    if (!entry.found.empty()) continue;  // Debian has it
    const auto [fault, message] = error_of([&] { load_data(entry.name); });
    EXPECT_EQ(fault, Fault::not_found) << message;
    EXPECT_EQ(message.find("convoy fetch") != std::string::npos, entry.can_be_fetched) << message;
  }
}

TEST_F(Catalog, WhatIsMissingIsSaidWithTheWayToGetIt) {
  const auto says = [](const std::string& name, const std::vector<std::string>& words) {
    const auto [fault, message] = error_of([&] { load_data(name); });
    EXPECT_EQ(fault, Fault::not_found) << message;
    for (const std::string& word : words)
      EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
  };
  says("mnist",
       {(folder_ / "data/mnist").string(), (folder_ / "share/convoy/mnist").string(),
        "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "convoy fetch mnist", "CONVOY_DATA"});
  says("cifar10", {"data_batch_5.bin", "test_batch.bin", "convoy fetch cifar10"});
  if (!fs::exists(kSystemFashion))
    says("fashion-mnist", {"apt-get install dataset-fashion-mnist", kSystemFashion});
  says("minst", {"did you mean mnist?"});
  says("fashion_mnist", {"did you mean fashion-mnist?"});
  says("imagenet", {"fashion-mnist", "cifar10", "synthetic"});
  says("", {"fashion-mnist"});
  says((folder_ / "nowhere").string(), {(folder_ / "nowhere").string(), "does not exist"});
  fs::create_directories(folder_ / "empty");
  says((folder_ / "empty").string(), {"train-images-idx3-ubyte", "data_batch_1.bin"});
  says((folder_ / "nowhere").string(), {".csv", ".tsv", ".npz"});
  says("imagenet", {".csv", ".tsv", ".npz"});
  says("emnist", {"is the folder of", "emnist-byclass", "emnist-mnist"});
  says(write_file(folder_ / "file", "x").string(), {"is a file, not a data set"});
}

TEST_F(Catalog, WhatIsNearToADataSetIsSaidToBeSo) {
  const auto says = [&](const std::string& file, const std::vector<std::string>& words) {
    const std::string path = write_file(folder_ / file, "x").string();
    const auto [fault, message] = error_of([&] { load_data(path); });
    EXPECT_EQ(fault, Fault::not_found) << message;
    for (const std::string& word : words)
      EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
  };
  says("x.png", {"one picture", "a folder of its own", "convoy predict RUN"});
  says("x.tar.gz", {"an archive", "tar -xf"});
  says("pets.zip", {"an archive", "unzip"});
  says("m.txt", {".csv", ".tsv", ".npz"});
  says("x.npy", {"one array", "train_images.npy"});
  const auto folder_says = [&](const std::string& file, const std::string& word) {
    const fs::path folder = write_file(folder_ / file, "x").parent_path();
    const auto [fault, message] = error_of([&] { load_data(folder.string()); });
    EXPECT_EQ(fault, Fault::not_found) << message;
    EXPECT_NE(message.find(word), std::string::npos) << message << "\n wanted: " << word;
  };
  folder_says("flat/1.png", "put the pictures of each class into a folder of its own");
  folder_says("keras/x_train.npy", "mv x_train.npy train_images.npy");
  folder_says("list/birds.csv", "list/birds.csv");
  folder_says("other/notes.md", "put the pictures of each class into a folder of its own");
}

TEST_F(Catalog, AnIncompleteFolderIsSaidToBeSo) {
  const fs::path folder = folder_ / "half";
  write_idx_folder(folder);
  fs::remove(folder / "t10k-labels-idx1-ubyte");
  auto [fault, message] = error_of([&] { load_data(folder.string()); });
  EXPECT_EQ(fault, Fault::not_found);
  EXPECT_NE(message.find("lacks t10k-labels-idx1-ubyte"), std::string::npos) << message;

  write_file(folder_ / "data/cifar10/test_batch.bin.xz", "x");
  for (const std::string& name : {std::string("cifar10"), (folder_ / "data/cifar10").string()}) {
    std::tie(fault, message) = error_of([&] { load_data(name); });
    EXPECT_EQ(fault, Fault::not_found);
    EXPECT_NE(message.find("unxz -k"), std::string::npos) << message;
  }
}

TEST_F(Catalog, AFolderWithTwoSetsIsRefused) {
  write_idx_folder(folder_ / "both");
  write_cifar_folder(folder_ / "both");
  EXPECT_EQ(error_of([&] { load_data((folder_ / "both").string()); }).first, Fault::bad_data);
  write_idx_folder(folder_ / "idx");
  EXPECT_GT(load_data((folder_ / "idx").string()).train.size(), 0);
  write_file(folder_ / "idx/train/a/1.png", "x");
  const auto [fault, message] = error_of([&] { load_data((folder_ / "idx").string()); });
  EXPECT_EQ(fault, Fault::bad_data);
  EXPECT_NE(message.find("MNIST (IDX), and folders or a list of pictures"), std::string::npos);
}

TEST_F(Catalog, SyntheticNeedsNoFiles) {
  const TrainAndTest data = load_data("synthetic");
  EXPECT_EQ(data.train.size(), 1024);
  EXPECT_EQ(data.test.size(), 256);
  EXPECT_TRUE(data.folder.empty());
}

TEST_F(Catalog, FetchWritesWhereTheUserMay) {
  EXPECT_EQ(fetch_folder("mnist"), folder_ / "data/mnist");
  {
    const ScopedVariable unset("CONVOY_DATA", "");
    EXPECT_EQ(fetch_folder("mnist"), folder_ / "share/convoy/mnist");
    const ScopedVariable relative("XDG_DATA_HOME", "relative");
    const ScopedVariable home("HOME", (folder_ / "home").string());
    EXPECT_EQ(fetch_folder("mnist"), folder_ / "home/.local/share/convoy/mnist");
    const ScopedVariable homeless("HOME", "");
    EXPECT_EQ(error_of([] { fetch_folder("mnist"); }).first, Fault::not_found);
  }
  const ScopedVariable data("CONVOY_DATA", write_file(folder_ / "file", "x").string());
  EXPECT_EQ(fetch_folder("mnist"), folder_ / "share/convoy/mnist");
  EXPECT_EQ(error_of([] { fetch_folder("synthetic"); }).first, Fault::usage);
  const auto [fault, message] = error_of([] { fetch_folder("cifar-10"); });
  EXPECT_EQ(fault, Fault::usage);
  EXPECT_NE(message.find("did you mean cifar10?"), std::string::npos) << message;
}

// Checks the published files against published facts: ten balanced classes, and the digest of the
// content.
void expect_published(const Dataset& data, Index size, const Shape& shape) {
  EXPECT_EQ(data.size(), size);
  EXPECT_EQ(data.image_shape(), shape);
  ASSERT_EQ(data.classes(), 10);
  EXPECT_EQ(data.class_names().size(), 10U);
  std::vector<Index> counts(10);
  for (const Label label : data.labels()) ++counts[label];
  for (const Index count : counts) EXPECT_NEAR(double(count), double(size) / 10, double(size) / 60);
}

std::string digest_of(const Bytes& header, std::span<const std::uint8_t> body) {
  Sha256 digest;
  digest.update(std::span<const std::uint8_t>(header));
  digest.update(body);
  return digest.hex();
}

TEST(PublishedData, FashionMnist) {
  if (!fs::exists(kSystemFashion))
    GTEST_SKIP() << "the Debian package dataset-fashion-mnist is not installed";
  const ScopedVariable unset("CONVOY_DATA", ""), share("XDG_DATA_HOME", "/nonexistent");
  const TrainAndTest data = load_data("fashion-mnist");
  EXPECT_EQ(data.folder, kSystemFashion);
  expect_published(data.train, 60000, {28, 28, 1});
  expect_published(data.test, 10000, {28, 28, 1});
  EXPECT_EQ(data.train.label(0), 9);
  EXPECT_EQ(data.train.class_names()[9], "Ankle boot");
}

TEST(PublishedData, Mnist) {
  if (!shared_folder("mnist")) GTEST_SKIP() << "CONVOY_DATA names no folder with mnist/";
  const TrainAndTest data = load_data("mnist");
  expect_published(data.train, 60000, {28, 28, 1});
  expect_published(data.test, 10000, {28, 28, 1});
  EXPECT_EQ(digest_of(testing::idx(0x803, {60000, 28, 28}, {}), data.train.pixels()),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db");
  EXPECT_EQ(digest_of(testing::idx(0x801, {10000}, {}),
                      Bytes(data.test.labels().begin(), data.test.labels().end())),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2");
}

// Back from pixels to planes, for the published digest of a file.
std::string cifar_digest(const Dataset& data) {
  Bytes bytes;
  for (Index i = 0; i < data.size(); ++i) {
    const auto image = data.image(i);
    bytes.push_back(static_cast<std::uint8_t>(data.label(i)));
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = c; p < image.size(); p += 3) bytes.push_back(image[p]);
  }
  return sha256(std::as_bytes(std::span(bytes)));
}

// Two of the six files: to unpack all of them takes longer than all other tests of this folder.
TEST(PublishedData, Cifar10) {
  const auto shared = shared_folder("cifar10");
  if (!shared) GTEST_SKIP() << "CONVOY_DATA names no folder with cifar10/";
  const TempFolder folder;
  const std::map<std::string, std::string> digests = {
      {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
      {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"}};
  for (const auto& [name, digest] : digests) {
    fs::path file = *shared / name;
    if (!fs::exists(file)) {
      fs::copy_file(*shared / (name + ".xz"), folder / (name + ".xz"));
      const std::string command = "xz -d '" + (folder / (name + ".xz")).string() + "'";
      if (std::system(command.c_str()) != 0) GTEST_SKIP() << "the program xz is not there";
      file = folder / name;
    }
    const Dataset data = read_cifar(std::vector{file});
    ASSERT_EQ(data.size(), 10000);
    EXPECT_EQ(data.image_shape(), (Shape{32, 32, 3}));
    EXPECT_EQ(cifar_digest(data), digest);
  }
}

}  // namespace
}  // namespace convoy
