// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/address.hpp"
#include "data/emnist.hpp"
#include "data/not_a_set.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

// The files of a data set in MNIST's format; such sets differ in nothing else.
std::vector<RemoteFile> idx_files(const char* train_images, const char* train_labels,
                                  const char* test_images, const char* test_labels) {
  return {{"train-images-idx3-ubyte", {47040016, train_images}},
          {"train-labels-idx1-ubyte", {60008, train_labels}},
          {"t10k-images-idx3-ubyte", {7840016, test_images}},
          {"t10k-labels-idx1-ubyte", {10008, test_labels}}};
}

// Programs that download these sets have the SHA-256 of what the authors' servers send.
constexpr const char* kTensorFlowDatasets = "published by tensorflow-datasets 4.9.10";
constexpr const char* kTorchvision = "published by torchvision (prototype.datasets)";
constexpr const char* kCopies = "of copies of the files, computed by Convoy's authors";

RemoteSet mnist() {
  return {.name = "mnist",
          .files = idx_files("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                             "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                             "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                             "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
          .archive = "",
          .archive_checksum = {},
          .most_bytes = 48 * kMegabyte,
          .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                      "https://storage.googleapis.com/cvdf-datasets/mnist/"},
          .package = "",
          .source = kCopies};
}

RemoteSet fashion_mnist() {
  return {.name = "fashion-mnist",
          .files = idx_files("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                             "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                             "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                             "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
          .archive = "",
          .archive_checksum = {},
          .most_bytes = 48 * kMegabyte,
          .mirrors = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
          .package = "dataset-fashion-mnist",
          .source = kCopies};
}

RemoteSet cifar10() {
  constexpr std::uint64_t kBatch = 30730000;
  return {.name = "cifar10",
          .files = {{"data_batch_1.bin",
                     {kBatch, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"}},
                    {"data_batch_2.bin",
                     {kBatch, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"}},
                    {"data_batch_3.bin",
                     {kBatch, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"}},
                    {"data_batch_4.bin",
                     {kBatch, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"}},
                    {"data_batch_5.bin",
                     {kBatch, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"}},
                    {"test_batch.bin",
                     {kBatch, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"}},
                    {"batches.meta.txt",
                     {61, "558e74b5e208382e186da55784b4bac2cd52e558448e1b5800990fdb28ed8033"}}},
          .archive = "cifar-10-binary.tar.gz",
          .archive_checksum = {},
          .most_bytes = 200 * kMegabyte,
          .mirrors = {"https://www.cs.toronto.edu/~kriz/"},
          .package = "",
          .source = kCopies};
}

RemoteSet kmnist() {
  return {
      .name = "kmnist",
      .files = {{"train-images-idx3-ubyte",
                 {47040016, ""},
                 {18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"}},
                {"train-labels-idx1-ubyte",
                 {60008, ""},
                 {29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"}},
                {"t10k-images-idx3-ubyte",
                 {7840016, ""},
                 {3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"}},
                {"t10k-labels-idx1-ubyte",
                 {10008, ""},
                 {5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"}}},
      .archive = "",
      .archive_checksum = {},
      .most_bytes = 48 * kMegabyte,
      .mirrors = {"http://codh.rois.ac.jp/kmnist/dataset/kmnist/"},
      .package = "",
      .source = kTensorFlowDatasets};
}

RemoteSet qmnist() {
  const Checksum images = {47040016, ""}, labels = {60000 * 8 * 4 + 12, ""};
  return {.name = "qmnist",
          .files = {{"qmnist-train-images-idx3-ubyte",
                     images,
                     {0, "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d"}},
                    {"qmnist-train-labels-idx2-int",
                     labels,
                     {0, "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f"}},
                    {"qmnist-test-images-idx3-ubyte",
                     images,
                     {0, "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375"}},
                    {"qmnist-test-labels-idx2-int",
                     labels,
                     {0, "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06"}}},
          .archive = "",
          .archive_checksum = {},
          .most_bytes = 48 * kMegabyte,
          .mirrors = {"https://raw.githubusercontent.com/facebookresearch/qmnist/master/"},
          .package = "",
          .source = kTorchvision};
}

// One archive holds all splits; the files of the others are left in it.
RemoteSet emnist(const EmnistSplit& split) {
  RemoteSet set{
      .name = fmt::format("emnist-{}", split.name),
      .files = {},
      .archive = "gzip.zip",
      .archive_checksum = {561753746,
                           "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"},
      .most_bytes = 600 * kMegabyte,
      .mirrors = {"https://biometrics.nist.gov/cs_links/EMNIST/"},
      .package = "",
      .source = kTensorFlowDatasets};
  const std::vector<std::string> names = emnist_files(split);
  const std::uint64_t train = std::stoull(std::string(split.train));
  const std::uint64_t test = std::stoull(std::string(split.test));
  const std::uint64_t sizes[] = {16 + train * 28 * 28, 8 + train, 16 + test * 28 * 28, 8 + test};
  for (std::size_t i = 0; i < names.size(); ++i) {
    RemoteFile& file = set.files.emplace_back();
    file.name = names[i];
    file.content.bytes = sizes[i];
  }
  return set;
}

RemoteSet cifar100(std::string name) {
  constexpr std::uint64_t kImage = 2 + 3 * 32 * 32;  // two labels and the pixels
  return {.name = std::move(name),
          .files = {{"train.bin", {50000 * kImage, ""}},
                    {"test.bin", {10000 * kImage, ""}},
                    {"fine_label_names.txt", {}},
                    {"coarse_label_names.txt", {}}},
          .archive = "cifar-100-binary.tar.gz",
          .archive_checksum = {168513733,
                               "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
          .most_bytes = 200 * kMegabyte,
          .mirrors = {"https://www.cs.toronto.edu/~kriz/"},
          .package = "",
          .source = kTensorFlowDatasets};
}

const std::vector<RemoteSet>& remote_sets() {
  static const std::vector<RemoteSet> sets = [] {
    std::vector<RemoteSet> all;
    for (const auto& set : {mnist, fashion_mnist, kmnist, qmnist, cifar10}) all.push_back(set());
    for (const char* name : {"cifar100", "cifar100-coarse"}) all.push_back(cifar100(name));
    for (const EmnistSplit& split : kEmnistSplits) all.push_back(emnist(split));
    return all;
  }();
  return sets;
}

}  // namespace

const RemoteSet* find_remote_set(std::string_view name) {
  const auto it = std::ranges::find(remote_sets(), name, &RemoteSet::name);
  return it == remote_sets().end() ? nullptr : &*it;
}

const RemoteSet& remote_set(std::string_view name) {
  if (const RemoteSet* set = find_remote_set(name)) return *set;
  std::vector<std::string_view> names;
  for (const RemoteSet& set : remote_sets()) names.push_back(set.name);
  const std::string problem = "cannot fetch '" + shown_address(name) + "'";
  const std::vector<CatalogEntry> known = catalog();
  const auto entry = std::ranges::find(known, name, &CatalogEntry::name);
  if (entry != known.end())
    throw UserError(Fault::usage, problem, "it is made in memory", "train on it as it is");
  if (const std::string inside = sets_in_folder(name); !inside.empty())
    throw UserError(Fault::usage, problem, fmt::format("it is the folder of {}", inside),
                    "convoy info and one of these names say how to get it");
  throw UserError(Fault::usage, problem, "there is no public data set of this name",
                  did_you_mean(name, names));
}

}  // namespace convoy::app
