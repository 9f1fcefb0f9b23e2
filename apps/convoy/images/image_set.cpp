// SPDX-License-Identifier: Apache-2.0
#include "images/image_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "data/folder.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

const std::set<std::string>& known_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const CatalogEntry& entry : catalog()) all.insert(entry.name);
    return all;
  }();
  return names;
}

class ImagesOfSet final : public ImageFile {
 public:
  ImagesOfSet(Dataset data, std::optional<Index> wanted)
      : data_(std::move(data)),
        at_(wanted.value_or(0)),
        end_(wanted ? *wanted + 1 : data_.size()) {}

  bool next(StoredImage& image) override {
    if (at_ == end_) return false;
    image = {};
    image.index = at_;
    image.shape = data_.image_shape();
    image.label = data_.label(at_);
    const auto label = static_cast<std::size_t>(*image.label);
    if (label < data_.class_names().size()) image.label_name = data_.class_names()[label];
    if (data_.pixel_type() == PixelType::u8) {
      image.bytes.assign(data_.image(at_).begin(), data_.image(at_).end());
    } else {
      image.floats.assign(data_.image_f32(at_).begin(), data_.image_f32(at_).end());
    }
    ++at_;
    return true;
  }

 private:
  Dataset data_;
  Index at_, end_;
};

}  // namespace

bool is_image_set(const std::string& input) {
  if (known_names().contains(input)) return true;
  std::error_code ignored;
  if (!fs::is_directory(input, ignored)) return false;
  const std::vector<Format> all = formats();
  return std::ranges::any_of(all,
                             [&](Format format) { return find_files(input, format).complete(); });
}

std::unique_ptr<ImageFile> open_image_set(const std::string& input, const DataOptions& options,
                                          std::optional<Index> wanted,
                                          std::vector<std::string>& notes) {
  TrainAndTest data = load_data(input, options);
  notes.insert(notes.end(), data.notes.begin(), data.notes.end());
  if (data.test.empty())
    refuse_image(input, "it has no test images", "give its files of images, or another data set");
  check_wanted(wanted, data.test.size(), input);
  return std::make_unique<ImagesOfSet>(std::move(data.test), wanted);
}

}  // namespace convoy::app
