// SPDX-License-Identifier: Apache-2.0
#include "images/image_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "data/picture/picture.hpp"
#include "data/zip.hpp"
#include "images/buffered_file.hpp"
#include "images/image_series.hpp"
#include "images/standard_input.hpp"

namespace convoy::app {
namespace {

constexpr const char* kFormats =
    "give a PNG, JPEG, WebP, PGM, PPM, IDX, .npy, .npz or CIFAR file, or a folder of pictures";

void check_no_index(const std::string& name, std::optional<Index> wanted) {
  if (!wanted) return;
  throw UserError(Fault::usage, fmt::format("--index {} does not fit {}", *wanted, printable(name)),
                  "it holds one picture; --index needs a file of several images (IDX, .npy, .npz, "
                  "CIFAR)",
                  "leave --index out");
}

class PictureImage final : public ImageFile {
 public:
  explicit PictureImage(std::unique_ptr<BufferedFile> file) : file_(std::move(file)) {}

  bool next(StoredImage& image) override {
    if (!file_) return false;
    image = {};
    image.bytes = whole(*file_);
    image.is_picture = true;
    file_.reset();
    return true;
  }

 private:
  static std::vector<std::uint8_t> whole(BufferedFile& file) {
    constexpr std::size_t kChunk = std::size_t{64} << 10;
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;
    do {
      bytes.resize(size + kChunk);
      size += file.read_some(std::span(bytes).subspan(size));
    } while (size == bytes.size() && size <= kMostPictureBytes);
    if (size > kMostPictureBytes) {
      refuse_image(
          file.name(),
          fmt::format("it has more than {} bytes, the most of a picture", kMostPictureBytes),
          "make the picture smaller");
    }
    bytes.resize(size);
    return bytes;
  }

  std::unique_ptr<BufferedFile> file_;
};

std::unique_ptr<ImageFile> images_of(std::unique_ptr<BufferedFile> file,
                                     std::optional<Index> wanted) {
  const std::span<const std::uint8_t> beginning = file->beginning(kPictureSignature);
  if (picture_format(beginning)) {
    check_no_index(file->name(), wanted);
    return std::make_unique<PictureImage>(std::move(file));
  }
  const std::string name = file->name();
  if (auto series = open_series(std::move(file))) return selected(std::move(series), wanted);
  refuse_image(name, "unsupported image format", kFormats);
}

// Images that are read from a copy of standard input, which they need as long as they live.
class ImagesOfStandardInput final : public ImageFile {
 public:
  explicit ImagesOfStandardInput(std::optional<Index> wanted) : images_(open(copy_, wanted)) {}
  bool next(StoredImage& image) override { return images_->next(image); }

 private:
  static std::unique_ptr<ImageFile> open(const StandardInputCopy& copy,
                                         std::optional<Index> wanted) {
    const std::string name = "standard input";
    if (begins_as_zip(copy.path())) return selected(open_npz(copy.path(), name), wanted);
    auto file = std::make_unique<DataFile>(
        copy.descriptor(), name, "send an intact picture, as in: convoy predict RUN - <shoe.png");
    return images_of(std::make_unique<BufferedFile>(std::move(file)), wanted);
  }

  StandardInputCopy copy_;
  std::unique_ptr<ImageFile> images_;
};

}  // namespace

void check_wanted(std::optional<Index> wanted, Index count, const std::string& file) {
  if (!wanted || *wanted < count) return;
  throw UserError(Fault::usage, fmt::format("--index {} is past the end", *wanted),
                  fmt::format("{} holds {} image{}, counted from 0", printable(file), count,
                              count == 1 ? "" : "s"),
                  "choose a smaller number");
}

void refuse_image(const std::string& file, std::string_view why, std::string_view remedy) {
  throw UserError(Fault::bad_data, fmt::format("cannot use {}", printable(file)), why, remedy);
}

std::unique_ptr<ImageFile> open_image_file(const std::string& file, std::optional<Index> wanted) {
  if (file == kStandardInput) return std::make_unique<ImagesOfStandardInput>(wanted);
  if (begins_as_zip(file)) return selected(open_npz(file, file), wanted);
  return images_of(std::make_unique<BufferedFile>(std::make_unique<DataFile>(file)), wanted);
}

}  // namespace convoy::app
