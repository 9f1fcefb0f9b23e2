// SPDX-License-Identifier: Apache-2.0
// Each memory domain has one copy of the data, and every rank sees the data that one rank alone
// reads.
#include "train/shared_data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/collectives.hpp"
#include "tests/data/archives.hpp"
#include "tests/parallel/thread_communicator.hpp"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;
using testing::write_file;

const std::vector<std::vector<int>> kJobs{{1},    {2},    {1, 1},    {3}, {2, 1}, {4},
                                          {2, 2}, {1, 4}, {3, 1, 2}, {7}, {4, 4}};

// 6 training and 4 test images of 5 x 3; four classes with names.
void write_folder(const fs::path& folder, unsigned seed = 1) {
  write_file(folder / "train-images-idx3-ubyte", testing::idx_images(6, 5, 3, seed));
  write_file(folder / "train-labels-idx1-ubyte", testing::idx_labels({0, 1, 2, 3, 0, 1}));
  write_file(folder / "t10k-images-idx3-ubyte", testing::idx_images(4, 5, 3, 2));
  write_file(folder / "t10k-labels-idx1-ubyte", testing::idx_labels({3, 2, 1, 0}));
  write_file(folder / "class_names.txt", std::string("a\nb: 12\n3:c\nd d\n"));
}

// The same with labels of 16 bits, and 400 classes; an odd number of bytes of pixels in each part.
void write_folder_of_many_classes(const fs::path& folder) {
  write_file(folder / "train-images-idx3-ubyte", testing::idx_images(3, 5, 3, 1));
  write_file(folder / "train-labels-idx1-ubyte", testing::idx_labels_of(16, {399, 256, 7}));
  write_file(folder / "t10k-images-idx3-ubyte", testing::idx_images(1, 5, 3, 2));
  write_file(folder / "t10k-labels-idx1-ubyte", testing::idx_labels_of(32, {255}));
  std::string names;
  for (int i = 0; i < 400; ++i) names += "class " + std::to_string(i) + "\n";
  write_file(folder / "class_names.txt", names);
}

void expect_equal(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.image_shape(), b.image_shape());
  EXPECT_EQ(a.classes(), b.classes());
  EXPECT_EQ(a.class_names(), b.class_names());
  EXPECT_TRUE(std::ranges::equal(a.labels(), b.labels()));
  ASSERT_EQ(a.pixel_type(), b.pixel_type());
  ASSERT_EQ(a.size(), b.size());
  for (Index i = 0; i < a.size(); ++i) {
    const bool is_same = a.pixel_type() == PixelType::u8
                             ? std::ranges::equal(a.image(i), b.image(i))
                             : std::ranges::equal(a.image_f32(i), b.image_f32(i));
    EXPECT_TRUE(is_same) << i;
  }
}

void expect_equal(const TrainAndTest& a, const TrainAndTest& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.folder, b.folder);
  expect_equal(a.train, b.train);
  expect_equal(a.test, b.test);
  EXPECT_EQ(a.notes, b.notes);
  EXPECT_EQ(a.validation, b.validation);
  EXPECT_EQ(a.states_validation, b.states_validation);
}

// Training images that are floats, test images that are bytes, an odd number of labels, validation
// images, and a note.
void write_archive(const fs::path& file) {
  testing::Bytes floats;
  for (int i = 0; i < 3 * 15; ++i) testing::append(floats, 0x3F000000U + 77U * unsigned(i), 4);
  write_file(
      file,
      testing::zip({{"train_images.npy", testing::npy("<f4", "(3, 5, 3)", floats)},
                    {"train_labels.npy", testing::npy("|u1", "(3,)", {0, 2, 1})},
                    {"val_images.npy", testing::npy("|u1", "(1, 5, 3)", testing::Bytes(15))},
                    {"val_labels.npy", testing::npy("|u1", "(1,)", {2})},
                    {"test_images.npy", testing::npy("|u1", "(1, 5, 3)", testing::Bytes(15, 9))},
                    {"test_labels.npy", testing::npy("|u1", "(1,)", {2})}}));
}

TEST(SharedData, IsWhatOneRankAloneReads) {
  const TempFolder temporary;
  const fs::path folder = temporary / "digits", many = temporary / "many";
  write_folder(folder);
  write_folder_of_many_classes(many);
  const fs::path archive = temporary / "floats.npz";
  write_archive(archive);
  EXPECT_EQ(load_data(archive.string()).train.pixel_type(), PixelType::f32);
  EXPECT_EQ(load_data(archive.string()).notes.size(), 1U);
  EXPECT_TRUE(load_data(archive.string()).states_validation);
  EXPECT_FALSE(load_data(folder.string()).states_validation);
  for (const std::string& name :
       {std::string("synthetic"), folder.string(), many.string(), archive.string()}) {
    const TrainAndTest expected = load_data(name);
    for (const auto& job : kJobs) {
      test::run_ranks(job, [&](Communicator& communicator) {
        const TrainAndTest data = load_data(communicator, name);
        expect_equal(data, expected);
        EXPECT_EQ(shared_sha256(communicator, data.train), expected.train.sha256());
      });
    }
    expect_equal(load_data(*alone(), name), expected);
  }
}

TEST(SharedData, LiesInOnePlaceForEachDomainAndOutlivesTheCommunicator) {
  const TrainAndTest expected = load_data("synthetic");
  for (const auto& job : kJobs) {
    std::mutex mutex;
    std::vector<std::pair<int, TrainAndTest>> kept;  // with the memory domain
    test::run_ranks(job, [&](Communicator& communicator) {
      TrainAndTest data = load_data(communicator, "synthetic");
      const std::lock_guard lock(mutex);
      kept.emplace_back(domain_index(communicator), std::move(data));
    });
    for (const auto& [domain, data] : kept) {
      for (const auto& [other_domain, other] : kept) {
        EXPECT_EQ(data.train.pixels().data() == other.train.pixels().data(),
                  domain == other_domain);
        EXPECT_EQ(data.test.labels().data() == other.test.labels().data(), domain == other_domain);
      }
      expect_equal(data, expected);
    }
  }
}

TEST(SharedData, EachDomainReadsItsOwnFiles) {
  const TempFolder temporary;
  for (unsigned domain = 0; domain < 2; ++domain) {
    write_folder(temporary / std::to_string(domain), domain + 1);
  }
  test::run_ranks({2, 3}, [&](Communicator& communicator) {
    const fs::path folder = temporary / std::to_string(domain_index(communicator));
    // Only the reader's name counts.
    const bool reads = leads_domain(communicator);
    const TrainAndTest data = load_data(communicator, reads ? folder.string() : "no such data");
    expect_equal(data, load_data(folder.string()));
    EXPECT_EQ(shared_sha256(communicator, data.train), data.train.sha256());
  });
}

// The error that all ranks throw where the readers `bad` have no files; it has to be the same.
std::string failure(const std::vector<int>& job, const std::vector<int>& bad, Fault fault) {
  std::mutex mutex;
  std::vector<std::string> all;
  std::size_t ranks = 0;
  test::run_ranks(job, [&](Communicator& communicator) {
    const bool fails = std::ranges::count(bad, communicator.rank()) > 0;
    std::string words;
    try {
      load_data(communicator, fails ? "/no/such/folder" : "synthetic");
    } catch (const SharedError& error) {
      EXPECT_EQ(error.fault(), fault);
      words = error.what();
    }
    const std::lock_guard lock(mutex);
    all.push_back(words);
    ranks = static_cast<std::size_t>(communicator.size());
  });
  EXPECT_EQ(all, std::vector<std::string>(ranks, all.front()));
  return all.front();
}

TEST(SharedData, AReadersErrorReachesAllAndSaysWhoseItIs) {
  const std::string words = testing::error_of([] { load_data("/no/such/folder"); }).second;
  EXPECT_EQ(failure({4}, {0}, Fault::not_found), words);
  EXPECT_EQ(failure({2, 2}, {0, 2}, Fault::not_found), words);  // no domain has it
  EXPECT_EQ(
      failure({2, 3, 1}, {2}, Fault::not_found),
      "rank 2 of 6, which reads for ranks 2 to 4, cannot read data that other ranks can read: " +
          words);
  EXPECT_EQ(failure({1, 1, 1}, {0, 2}, Fault::not_found),
            "ranks 0 and 2 of 3 cannot read data that other ranks can read: " + words);
}

TEST(SharedData, AloneAnErrorIsWhatItWas) {
  EXPECT_THROW(load_data(*alone(), "/no/such/folder"), UserError);
}

}  // namespace
}  // namespace convoy
