// SPDX-License-Identifier: Apache-2.0
#include "survey/picture_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "data/parts.hpp"
#include "data/pictures/listed_file.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// As load_data() chooses what a name means: a known name first.
std::optional<Listing> find_listing(const std::string& name) {
  const bool is_known =
      std::ranges::any_of(catalog(), [&](const CatalogEntry& entry) { return entry.name == name; });
  std::error_code error;
  if (is_known || !fs::exists(name, error)) return std::nullopt;
  return listing_of(name);
}

std::vector<std::string> names_of(const Dataset& data) {
  if (!data.class_names().empty()) return data.class_names();
  std::vector<std::string> names;
  for (Index i = 0; i < data.classes(); ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace

// One of the two.
struct PictureData::State {
  std::optional<Listing> listing;
  TrainAndTest arrays;
  std::string name;
  fs::path path;
  std::vector<std::string> classes;

  std::size_t train() const { return static_cast<std::size_t>(arrays.train.size()); }
  bool is_train(std::size_t image) const { return image < train(); }
  const Dataset& part_of(std::size_t image) const {
    return is_train(image) ? arrays.train : arrays.test;
  }
  Index index_of(std::size_t image) const {
    return static_cast<Index>(is_train(image) ? image : image - train());
  }
};

PictureData::PictureData(const std::string& name, const InputFiles& keys)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  DataOptions options;
  options.transpose = keys.transpose;
  options.first_label = keys.first_label;
  state.listing = find_listing(name);
  if (state.listing) {
    refuse_array_options(options, "pictures");
    const fs::path path = fs::absolute(name).lexically_normal();
    state.name =
        path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
    state.path = name;
    state.classes = state.listing->classes;
    return;
  }
  options.scale = 1;  // there is no model yet whose factor could be wrong
  state.arrays = load_data(name, options);
  state.name = state.arrays.name;
  state.path = state.arrays.folder;
  state.classes = names_of(state.arrays.train);
}

PictureData::~PictureData() = default;
PictureData::PictureData(PictureData&&) noexcept = default;

const std::string& PictureData::name() const {
  return state_->name;
}

const fs::path& PictureData::path() const {
  return state_->path;
}

const std::vector<std::string>& PictureData::classes() const {
  return state_->classes;
}

const std::vector<std::string>& PictureData::notes() const {
  return state_->listing ? state_->listing->notes : state_->arrays.notes;
}

bool PictureData::are_pictures() const {
  return state_->listing.has_value();
}

std::size_t PictureData::size() const {
  return state_->listing ? state_->listing->pictures.size()
                         : state_->train() + static_cast<std::size_t>(state_->arrays.test.size());
}

Label PictureData::label(std::size_t image) const {
  return state_->listing ? state_->listing->pictures[image].label
                         : state_->part_of(image).label(state_->index_of(image));
}

PicturePart PictureData::part(std::size_t image) const {
  if (state_->listing) return state_->listing->pictures[image].part;
  if (!state_->is_train(image)) return PicturePart::test;
  return std::ranges::binary_search(state_->arrays.validation, static_cast<std::uint32_t>(image))
             ? PicturePart::validation
             : PicturePart::train;
}

std::string PictureData::title(std::size_t image) const {
  if (state_->listing) return state_->listing->pictures[image].path;
  return fmt::format("{} image {}", state_->is_train(image) ? "training" : "test",
                     state_->index_of(image));
}

SurveyedImage PictureData::image(std::size_t image) const {
  SurveyedImage pixels;
  if (state_->listing) {
    const Listing& listing = *state_->listing;
    const ListedPicture& listed = listing.pictures[image];
    const std::string name = (listing.root / listed.path).string();
    Picture picture = decode_picture({read_listed_file(listing, listed, name), name}, 3);
    pixels.shape = picture.shape;
    pixels.bytes = std::move(picture.pixels);
    return pixels;
  }
  const Dataset& data = state_->part_of(image);
  pixels.shape = data.image_shape();
  if (data.pixel_type() == PixelType::f32)
    pixels.floats = data.image_f32(state_->index_of(image));
  else
    pixels.stored_bytes = data.image(state_->index_of(image));
  return pixels;
}

}  // namespace convoy::app
