// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/address.hpp"
#include "data/not_a_set.hpp"
#include "internal.hpp"

namespace convoy::app {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

// The files of a data set in MNIST's format; such sets differ in nothing else.
std::vector<RemoteFile> idx_files(const char* train_images, const char* train_labels,
                                  const char* test_images, const char* test_labels) {
  return {{"train-images-idx3-ubyte", 47040016, train_images},
          {"train-labels-idx1-ubyte", 60008, train_labels},
          {"t10k-images-idx3-ubyte", 7840016, test_images},
          {"t10k-labels-idx1-ubyte", 10008, test_labels}};
}

std::vector<RemoteSet> public_sets() {
  constexpr std::uint64_t kBatch = 30730000;
  return {
      {"mnist",
       idx_files("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                 "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                 "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                 "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
       "",
       48 * kMegabyte,
       {"https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       ""},
      {"fashion-mnist",
       idx_files("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                 "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                 "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                 "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
       "",
       48 * kMegabyte,
       {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
       "dataset-fashion-mnist"},
      {"cifar10",
       {{"data_batch_1.bin", kBatch,
         "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
        {"data_batch_2.bin", kBatch,
         "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
        {"data_batch_3.bin", kBatch,
         "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
        {"data_batch_4.bin", kBatch,
         "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
        {"data_batch_5.bin", kBatch,
         "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
        {"test_batch.bin", kBatch,
         "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
        {"batches.meta.txt", 61,
         "558e74b5e208382e186da55784b4bac2cd52e558448e1b5800990fdb28ed8033"}},
       "cifar-10-binary.tar.gz",
       200 * kMegabyte,
       {"https://www.cs.toronto.edu/~kriz/"},
       ""},
  };
}

}  // namespace

const RemoteSet& remote_set(std::string_view name) {
  static const std::vector<RemoteSet> sets = public_sets();
  std::vector<std::string_view> names;
  for (const RemoteSet& set : sets) {
    if (set.name == name) return set;
    names.push_back(set.name);
  }
  const std::string problem = "cannot fetch '" + shown_address(name) + "'";
  const std::vector<CatalogEntry> known = catalog();
  const auto entry = std::ranges::find(known, name, &CatalogEntry::name);
  if (entry != known.end() && entry->searched.empty())
    throw UserError(Fault::usage, problem, "it is made in memory", "train on it as it is");
  if (entry != known.end())
    throw UserError(Fault::usage, problem, "Convoy knows no verified digests of its files",
                    fmt::format("get them from its authors; convoy info {} has their names, and "
                                "the folders in which they are searched",
                                entry->name));
  if (const std::string inside = sets_in_folder(name); !inside.empty())
    throw UserError(Fault::usage, problem, fmt::format("it is the folder of {}", inside),
                    "convoy info and one of these names say how to get it");
  throw UserError(Fault::usage, problem, "there is no public data set of this name",
                  did_you_mean(name, names));
}

}  // namespace convoy::app
