// SPDX-License-Identifier: Apache-2.0
#include "images/image_series.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "data/cifar.hpp"
#include "data/emnist.hpp"
#include "data/idx.hpp"
#include "data/npy.hpp"
#include "data/picture/picture.hpp"
#include "data/zip.hpp"

namespace convoy::app {
namespace {

constexpr const char* kGetAgain = "get the file again";

std::string count_of(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void check_limits(const std::string& name, Index count, const Shape& shape) {
  constexpr PictureLimits kLimits;
  if (count == 0) refuse_image(name, "it holds no images", "write at least one");
  if (shape.height == 0 || shape.width == 0 || shape.channels == 0)
    refuse_image(name, "its images have no pixels", "write images of at least one pixel");
  constexpr Index kMostChannels = 65'535;
  if (shape.height > kLimits.most_side || shape.width > kLimits.most_side ||
      shape.height * shape.width > kLimits.most_pixels || shape.channels > kMostChannels)
    refuse_image(name,
                 fmt::format("its images have {} x {} pixels of {}", shape.height, shape.width,
                             count_of(static_cast<std::uint64_t>(shape.channels), "channel")),
                 fmt::format("make them smaller: at most {} pixels, and {} on a side",
                             kLimits.most_pixels, kLimits.most_side));
}

bool has_name_of_emnist(const std::string& file) {
  std::string name = std::filesystem::path(file).filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return std::ranges::any_of(kEmnistSplits, [&](const EmnistSplit& split) {
    const std::vector<std::string> files = emnist_files(split);
    return std::ranges::find(files, name) != files.end();
  });
}

class IdxSeries final : public ImageSeries {
 public:
  IdxSeries(std::unique_ptr<BufferedFile> file, const IdxHeader& header)
      : file_(std::move(file)), header_(header), is_by_columns_(has_name_of_emnist(file_->name())) {
    check_limits(name(), header.count, header.shape);
    check_size();
    std::array<std::uint8_t, kLongestIdxHeader> taken{};
    file_->read(std::span(taken).first(header.bytes), "the header");
  }

  const std::string& name() const override { return file_->name(); }
  Index count() const override { return header_.count; }
  Shape shape() const override { return header_.shape; }
  void read(StoredImage& image) override {
    image.bytes.resize(static_cast<std::size_t>(header_.shape.size()));
    file_->read(image.bytes, "an image");
    image.is_by_columns = is_by_columns_;
  }
  void expect_end() override { file_->expect_end(); }

 private:
  void check_size() const {
    const auto count = static_cast<std::uint64_t>(header_.count);
    const auto each = static_cast<std::uint64_t>(header_.shape.size());
    std::uint64_t stated = 0;
    if (__builtin_mul_overflow(count, each, &stated) ||
        __builtin_add_overflow(stated, header_.bytes, &stated))
      stated = UINT64_MAX;
    const std::uint64_t size = file_->size(stated);
    if (size > stated) {
      refuse_image(name(),
                   fmt::format("{} follow{} its {} images", count_of(size - stated, "byte"),
                               size - stated == 1 ? "s" : "", count),
                   kGetAgain);
    }
    if (size < stated)
      refuse_image(name(),
                   fmt::format("it ends in image {} of {}", (size - header_.bytes) / each, count),
                   kGetAgain);
  }

  std::unique_ptr<BufferedFile> file_;
  IdxHeader header_;
  bool is_by_columns_;
};

// The whole array is in memory, because its numbers may be in any order.
class ArraySeries final : public ImageSeries {
 public:
  ArraySeries(std::string name, ImageArray images)
      : name_(std::move(name)), images_(std::move(images)) {
    check_limits(name_, images_.count, images_.shape);
  }

  const std::string& name() const override { return name_; }
  Index count() const override { return images_.count; }
  Shape shape() const override { return images_.shape; }
  void read(StoredImage& image) override {
    const auto size = static_cast<std::size_t>(images_.shape.size());
    const auto take = [&](const auto& all, auto& out) {
      if (all.empty()) return;
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at_ * size);
      out.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    };
    take(images_.pixels, image.bytes);
    take(images_.floats, image.floats);
    image.is_by_columns = false;
    ++at_;
  }
  void expect_end() override {}

 private:
  std::string name_;
  ImageArray images_;
  std::size_t at_ = 0;
};

class CifarSeries final : public ImageSeries {
 public:
  CifarSeries(std::unique_ptr<BufferedFile> file, const CifarRecord& record)
      : file_(std::move(file)), record_(record), bytes_(record.bytes()) {
    count_ = static_cast<Index>(file_->size() / bytes_.size());
  }

  const std::string& name() const override { return file_->name(); }
  Index count() const override { return count_; }
  Shape shape() const override { return kCifarImage; }
  void read(StoredImage& image) override {
    file_->read(bytes_, "a record");
    if (wrong_cifar_label(record_, bytes_) < record_.labels())
      refuse_image(name(),
                   fmt::format("record {} has a label that {} does not have", at_, record_.name),
                   "give a file of images, or the binary version of CIFAR");
    ++at_;
    image.bytes.resize(static_cast<std::size_t>(kCifarImage.size()));
    read_cifar_pixels(std::span(bytes_).subspan(record_.labels()), image.bytes);
  }
  void expect_end() override { file_->expect_end(); }

 private:
  std::unique_ptr<BufferedFile> file_;
  const CifarRecord& record_;
  std::vector<std::uint8_t> bytes_;  // of a record
  Index count_ = 0, at_ = 0;
};

// The kind of CIFAR whose records fill a file; nothing where it is no such file.
const CifarRecord* cifar_record(BufferedFile& file) {
  const std::uint64_t size = file.size();
  for (const CifarRecord* record : {&kCifar10Record, &kCifar100Record}) {
    if (size == 0 || size % record->bytes() != 0) continue;
    const auto beginning = file.beginning(record->labels());
    if (wrong_cifar_label(*record, beginning) == record->labels()) return record;
  }
  return nullptr;
}

class Selected final : public ImageFile {
 public:
  Selected(std::unique_ptr<ImageSeries> series, std::optional<Index> wanted)
      : series_(std::move(series)), wanted_(wanted) {}

  bool next(StoredImage& image) override {
    image = {};
    image.shape = series_->shape();
    while (at_ < series_->count()) {
      series_->read(image);
      image.index = at_++;
      if (!wanted_ || image.index == wanted_) return true;
    }
    series_->expect_end();
    return false;
  }

 private:
  std::unique_ptr<ImageSeries> series_;
  std::optional<Index> wanted_;
  Index at_ = 0;
};

std::string member(std::string_view array) {
  return fmt::format("{}.npy", array);
}

// The members of the archive that can hold images, by their headers.
std::vector<std::string> members_of_images(const ZipArchive& archive) {
  std::vector<std::string> members;
  for (const ZipEntry& entry : archive.entries()) {
    if (!entry.name.ends_with(".npy")) continue;
    const std::size_t dimensions = read_npy_header(*archive.open(entry.name)).shape.size();
    if (dimensions == 3 || dimensions == 4) members.push_back(entry.name);
  }
  return members;
}

std::string chosen_member(const ZipArchive& archive, const std::string& name) {
  const std::array usual{member("test_images"), member("x_test")};
  if (archive.has(usual[0]) != archive.has(usual[1]))
    return archive.has(usual[0]) ? usual[0] : usual[1];
  const std::vector<std::string> members = members_of_images(archive);
  if (members.size() == 1) return members[0];
  constexpr const char* kRemedy =
      "write one array of images with np.savez_compressed, of the shape (images, rows, columns) or "
      "(images, rows, columns, channels)";
  if (members.empty()) refuse_image(name, "it holds no array of images", kRemedy);
  constexpr std::size_t kMostNames = 8;
  const std::size_t named = std::min(kMostNames, members.size());
  refuse_image(name,
               fmt::format("it holds {} arrays of images: {}{}", members.size(),
                           fmt::join(members.begin(),
                                     members.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                           named < members.size() ? " and others" : ""),
               kRemedy);
}

}  // namespace

std::unique_ptr<ImageSeries> open_series(std::unique_ptr<BufferedFile> file) {
  constexpr std::string_view kNpy = "\x93NUMPY";
  const auto beginning = file->beginning(kLongestIdxHeader);
  if (const auto header = parse_idx_header(beginning))
    return std::make_unique<IdxSeries>(std::move(file), *header);
  if (beginning.size() >= kNpy.size() &&
      std::equal(kNpy.begin(), kNpy.end(), beginning.begin(),
                 [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
    return std::make_unique<ArraySeries>(file->name(), read_npy_images(*file));
  if (const CifarRecord* record = cifar_record(*file))
    return std::make_unique<CifarSeries>(std::move(file), *record);
  if (beginning.size() >= 4 && beginning[0] == 0 && beginning[1] == 0 && beginning[3] <= 4)
    refuse_image(file->name(), "not an IDX file of images (unsigned bytes, 3 or 4 dimensions)",
                 "give the file of the images, not that of the labels");
  return nullptr;
}

std::unique_ptr<ImageSeries> open_npz(const std::filesystem::path& file, const std::string& name) {
  const ZipArchive archive(file, name);
  return std::make_unique<ArraySeries>(
      name, read_npy_images(*archive.open(chosen_member(archive, name))));
}

std::unique_ptr<ImageFile> selected(std::unique_ptr<ImageSeries> series,
                                    std::optional<Index> wanted) {
  if (wanted && *wanted >= series->count()) {
    throw UserError(Fault::usage, fmt::format("--index {} is past the end", *wanted),
                    fmt::format("{} holds {}, counted from 0", printable(series->name()),
                                count_of(static_cast<std::uint64_t>(series->count()), "image")),
                    "choose a smaller number");
  }
  return std::make_unique<Selected>(std::move(series), wanted);
}

}  // namespace convoy::app
