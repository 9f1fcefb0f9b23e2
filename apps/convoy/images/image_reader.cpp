// SPDX-License-Identifier: Apache-2.0
#include "images/image_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <utility>

#include "data/cifar.hpp"
#include "data/pictures/listing.hpp"
#include "images/image_set.hpp"
#include "images/standard_input.hpp"
#include "runtime/cpu/workers.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// What is read ahead at most: files, their bytes together, and the bytes of their pixels.
constexpr std::size_t kMostAhead = 256;
constexpr std::size_t kMostBytesAhead = std::size_t{64} << 20;

bool is_folder(const std::string& input) {
  std::error_code ignored;
  return input != kStandardInput && fs::is_directory(input, ignored);
}

UnusedFile unused(const std::string& file, const Error& error) {
  return {file, error.fault(), error.what()};
}

}  // namespace

// An image before it is decoded, or what is wrong with it.
struct ImageReader::Ahead {
  std::uint64_t number = 0;  // of its file
  Image image;               // without pixels
  StoredImage stored;
  std::optional<UnusedFile> problem;
  std::exception_ptr failure;  // of the program
};

ImageReader::ImageReader(std::vector<std::string> inputs, ReaderOptions options)
    : inputs_(std::move(inputs)), options_(std::move(options)) {}

// The folder or list that `input` names; null of a file.
std::unique_ptr<FileNames> ImageReader::names_of(const std::string& input) const {
  const bool is_list = !is_folder(input) && is_list_name(input);
  if (!is_list && !is_folder(input)) return nullptr;
  if (options_.index)
    throw UserError(
        Fault::usage, fmt::format("--index {} does not fit {}", *options_.index, input),
        "it names several files; --index needs a file of several images (IDX, .npy, .npz, CIFAR)",
        "leave --index out");
  return is_list ? names_in_list(input, options_.class_names)
                 : names_in_folder(input, options_.class_names);
}

// The next file, of a folder or of the command line; nothing at the end. Where it throws an Error,
// name_ is the input that the error is about.
std::optional<FileName> ImageReader::next_name() {
  for (;;) {
    if (names_) {
      name_ = {names_input_, {}};
      if (auto name = names_->next()) {
        has_names_ = true;
        return name;
      }
      if (const std::string note = names_->note(); !note.empty()) notes_.push_back(note);
      names_.reset();
      if (!has_names_)
        refuse_image(names_input_, "it holds no pictures",
                     "give a folder with files called *.png, *.jpg, *.jpeg, *.webp, *.pgm, *.ppm "
                     "or *.pnm, or name the files");
    }
    if (next_input_ == inputs_.size()) return std::nullopt;
    name_ = {inputs_[next_input_++], {}};
    is_set_ = is_image_set(name_.file);
    if (is_set_) return name_;
    names_ = names_of(name_.file);
    if (!names_) return name_;
    names_input_ = name_.file;
    has_names_ = false;
  }
}

// The class of the model that the image's own file says: by its name where the file and the model
// both have names, else by its number.
std::optional<Index> ImageReader::class_of(const StoredImage& image) const {
  const std::vector<std::string>& names = options_.class_names;
  const auto classes = static_cast<Index>(names.size());
  if (!image.label) return std::nullopt;
  if (!image.label_name.empty() && options_.are_classes_named) {
    const auto found = std::ranges::find(names, image.label_name);
    return found == names.end() ? std::nullopt : std::optional<Index>(found - names.begin());
  }
  const bool is_coarse = image.coarse_label && classes == kCifar100CoarseClasses;
  Index label = is_coarse ? *image.coarse_label : *image.label;
  if (image.is_by_columns) label -= options_.data.first_label.value_or(0);  // an array
  return label >= 0 && label < classes ? std::optional<Index>(label) : std::nullopt;
}

std::optional<ImageReader::Ahead> ImageReader::read_one() {
  Ahead ahead;
  try {
    for (;;) {
      if (!file_) {
        ++number_;
        auto name = next_name();
        if (!name) return std::nullopt;
        name_ = std::move(*name);
        file_ = is_set_ ? open_image_set(name_.file, options_.data, options_.index, notes_)
                        : open_image_file(name_.file, options_.index);
      }
      if (file_->next(ahead.stored)) break;
      file_.reset();
    }
  } catch (const Error& error) {
    file_.reset();
    has_names_ = true;  // the message names a file
    ahead.problem = unused(name_.file, error);
  }
  ahead.number = number_;
  ahead.image = {name_.file, ahead.stored.index, name_.truth, {}, ahead.stored.is_dim};
  if (!name_.truth) ahead.image.truth = class_of(ahead.stored);
  return ahead;
}

void ImageReader::read_ahead() {
  std::vector<Ahead> ahead;
  const auto pixels = static_cast<std::size_t>(options_.rule.shape.size());
  const std::size_t most = std::clamp<std::size_t>(kMostBytesAhead / pixels, 1, kMostAhead);
  for (std::size_t bytes = 0; ahead.size() < most && bytes < kMostBytesAhead;) {
    auto one = read_one();
    if (!one) break;
    bytes += one->stored.bytes.size();
    ahead.push_back(std::move(*one));
  }
  std::atomic<std::size_t> next{0};
  const auto decode = [&](int) {
    for (std::size_t i = next++; i < ahead.size(); i = next++) {
      Ahead& one = ahead[i];
      if (one.problem) continue;
      const std::string& file = one.image.file;
      try {
        one.image.pixels = model_input(
            std::move(one.stored), file == kStandardInput ? "standard input" : file, options_.rule);
      } catch (const Error& error) {
        one.problem = unused(file, error);
      } catch (...) {
        one.failure = std::current_exception();
      }
    }
  };
  const auto items = static_cast<int>(ahead.size());
  if (items > 0) run_workers(std::min(options_.threads, items), decode);
  for (Ahead& one : ahead) {
    if (one.failure) std::rethrow_exception(one.failure);
    if (one.number == unused_) continue;
    if (one.problem) {
      unused_ = one.number;
      ready_.emplace_back(std::move(*one.problem));
    } else {
      ready_.emplace_back(std::move(one.image));
    }
  }
  if (number_ == unused_) file_.reset();
}

std::optional<ImageReader::Item> ImageReader::next() {
  if (ready_.empty()) read_ahead();
  if (ready_.empty()) return std::nullopt;
  Item item = std::move(ready_.front());
  ready_.pop_front();
  return item;
}

}  // namespace convoy::app
