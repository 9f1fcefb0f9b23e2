// SPDX-License-Identifier: Apache-2.0
#include "data/known_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "data/emnist.hpp"

namespace convoy {
namespace {

const std::vector<std::string>& digits() {
  static const std::vector<std::string> names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  return names;
}

constexpr const char* kTinyImages =
    "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images. Technical report, "
    "University of Toronto, 2009";

std::vector<KnownSet> mnist_family() {
  return {
      {.name = "fashion-mnist",
       .description = "clothes, 28 x 28 x 1, 10 classes, 60000 + 10000 images",
       .format = Format::idx,
       .classes = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                   "Sneaker", "Bag", "Ankle boot"},
       .licence = "MIT",
       .citation = "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a Novel Image Dataset for "
                   "Benchmarking Machine Learning Algorithms. arXiv:1708.07747, 2017",
       .folder = "",
       .package = "dataset-fashion-mnist"},
      {.name = "mnist",
       .description = "handwritten digits, 28 x 28 x 1, 10 classes, 60000 + 10000 images",
       .format = Format::idx,
       .classes = digits(),
       .licence = "not stated with the files",
       .citation = "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to "
                   "Document Recognition. Proceedings of the IEEE 86(11), 1998",
       .folder = "",
       .package = ""},
      {.name = "kmnist",
       .description = "cursive Japanese characters, 28 x 28 x 1, 10 classes, 60000 + 10000 images",
       .format = Format::idx,
       .classes = {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"},
       .licence = "CC BY-SA 4.0 (KMNIST Dataset, created by CODH, adapted from Kuzushiji Dataset, "
                  "created by NIJL and others, doi:10.20676/00000341)",
       .citation = "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha: Deep "
                   "Learning for Classical Japanese Literature. arXiv:1812.01718, 2018",
       .folder = "",
       .package = ""},
      {.name = "qmnist",
       .description = "handwritten digits, 28 x 28 x 1, 10 classes, 60000 + 60000 images",
       .format = Format::qmnist,
       .classes = digits(),
       .licence = "a BSD-style licence, in the repository facebookresearch/qmnist",
       .citation = "C. Yadav, L. Bottou: Cold Case: The Lost MNIST Digits. Advances in Neural "
                   "Information Processing Systems 32, 2019",
       .folder = "",
       .package = ""},
  };
}

std::vector<KnownSet> emnist() {
  constexpr Format kFormats[] = {Format::emnist_byclass,  Format::emnist_bymerge,
                                 Format::emnist_balanced, Format::emnist_letters,
                                 Format::emnist_digits,   Format::emnist_mnist};
  static_assert(std::size(kFormats) == std::size(kEmnistSplits));
  std::vector<KnownSet> sets;
  for (std::size_t i = 0; i < std::size(kEmnistSplits); ++i) {
    const EmnistSplit& split = kEmnistSplits[i];
    sets.push_back(
        {.name = fmt::format("emnist-{}", split.name),
         .description = fmt::format("handwritten characters, 28 x 28 x 1, {} classes, {} "
                                    "+ {} images",
                                    split.classes.size(), split.train, split.test),
         .format = kFormats[i],
         .classes = emnist_class_names(split),
         .licence = "not stated with the files",
         .citation = "G. Cohen, S. Afshar, J. Tapson, A. van Schaik: EMNIST: Extending "
                     "MNIST to handwritten letters. IJCNN, 2017",
         .folder = "emnist",
         .package = ""});
  }
  return sets;
}

std::vector<KnownSet> cifar() {
  return {
      {.name = "cifar10",
       .description = "small photographs, 32 x 32 x 3, 10 classes, 50000 + 10000 images",
       .format = Format::cifar,
       .classes = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                   "truck"},
       .licence = "not stated with the files; the author asks for the citation",
       .citation = kTinyImages,
       .folder = "",
       .package = ""},
      {.name = "cifar100",
       .description = "small photographs, 32 x 32 x 3, 100 classes, 50000 + 10000 images",
       .format = Format::cifar100,
       .classes = {},
       .licence = "not stated with the files; the author asks for the citation",
       .citation = kTinyImages,
       .folder = "",
       .package = ""},
      {.name = "cifar100-coarse",
       .description = "the images of cifar100 in its 20 superclasses",
       .format = Format::cifar100_coarse,
       .classes = {},
       .licence = "not stated with the files; the author asks for the citation",
       .citation = kTinyImages,
       .folder = "cifar100",
       .package = ""},
  };
}

}  // namespace

const std::vector<KnownSet>& known_sets() {
  static const std::vector<KnownSet> sets = [] {
    std::vector<KnownSet> all = mnist_family();
    std::ranges::move(emnist(), std::back_inserter(all));
    std::ranges::move(cifar(), std::back_inserter(all));
    return all;
  }();
  return sets;
}

const KnownSet* find_known_set(std::string_view name) {
  const auto it = std::ranges::find(known_sets(), name, &KnownSet::name);
  return it == known_sets().end() ? nullptr : &*it;
}

}  // namespace convoy
