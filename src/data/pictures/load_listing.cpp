// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/load_listing.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/memory.hpp"
#include "base/safe_text.hpp"
#include "data/parts.hpp"
#include "data/pictures/listing/finish.hpp"
#include "data/pictures/picture_set.hpp"

namespace convoy {
namespace {

// The images of one part.
struct Chosen {
  std::vector<std::uint32_t> images;
  std::vector<Label> labels;
};

Dataset dataset_of(const Source& source, Chosen chosen, const std::vector<std::string>& classes) {
  if (chosen.images.empty()) return {};
  Dataset data(source, std::move(chosen.images), std::move(chosen.labels),
               static_cast<Index>(classes.size()));
  data.set_class_names(classes);
  return data;
}

std::string cache_in_words(const PictureSet& set) {
  const auto kilobytes = static_cast<double>(set.cache_bytes) * 1e-3;
  return fmt::format("decoded pictures are kept in {} ({}), so the next start decodes none",
                     shown(set.cache_file.parent_path()),
                     kilobytes < 1000 ? fmt::format("{:.0f} kB", std::ceil(kilobytes))
                                      : memory_in_words(static_cast<Index>(set.cache_bytes)));
}

std::string note_of_colours(const PictureSet& set, const std::filesystem::path& folder) {
  return fmt::format(
      "{} of {} pictures have colours and become grey, because the model's input has 1 channel: "
      "convoy new --data {} writes a model that takes colours",
      set.lost_colour, set.source.images, shell_path(folder));
}

// Names all of them.
std::string note_of_bad(const PictureSet& set) {
  std::string note =
      fmt::format("{} picture{} cannot be used and {} left out:", set.bad.size(),
                  set.bad.size() == 1 ? "" : "s", set.bad.size() == 1 ? "is" : "are");
  for (const BadPicture& picture : set.bad) note += "\n  " + picture.message;
  return note;
}

// Nothing validates although the options ask for it; bad pictures are left out.
[[noreturn]] void refuse_empty_validation(const std::filesystem::path& folder, double validation) {
  throw UserError(
      Fault::bad_data,
      fmt::format("the validation {} holds out no picture of {}", validation, shown(folder)),
      "none of the pictures that the seed and the paths choose can be used",
      "replace them, or give a larger fraction or another train.seed");
}

}  // namespace

TrainAndTest load_listing(Listing listing, const std::string& name,
                          const std::filesystem::path& folder, const DataOptions& options) {
  refuse_array_options(options, "pictures");
  if (listing.has_validation && options.validation > 0) {
    throw UserError(
        Fault::usage,
        fmt::format("the validation {} cannot be held out of these data", options.validation),
        fmt::format("{} has validation pictures of its own", shown(folder)),
        "leave --validation out");
  }
  split(listing, options.test_fraction, options.validation, options.seed);
  const PictureSet set = load_pictures(listing, options);
  Chosen train, test;
  TrainAndTest data{
      .name = name, .folder = folder, .notes = listing.notes, .states_validation = true};
  for (std::size_t image = 0; image < set.pictures.size(); ++image) {
    const ListedPicture& picture = listing.pictures[set.pictures[image]];
    Chosen& part = picture.part == PicturePart::test ? test : train;
    if (picture.part == PicturePart::validation) {
      data.validation.push_back(static_cast<std::uint32_t>(train.images.size()));
    }
    part.images.push_back(static_cast<std::uint32_t>(image));
    part.labels.push_back(picture.label);
  }
  if (train.images.size() == data.validation.size()) {
    throw UserError(Fault::bad_data, fmt::format("{} has no training pictures", shown(folder)),
                    "none of them can be used", "replace them");
  }
  if (options.validation > 0 && data.validation.empty())
    refuse_empty_validation(folder, options.validation);
  data.train = dataset_of(set.source, std::move(train), listing.classes);
  data.test = dataset_of(set.source, std::move(test), listing.classes);
  data.notes.insert(data.notes.end(), set.notes.begin(), set.notes.end());
  if (options.inform && set.is_made && !set.cache_file.empty()) options.inform(cache_in_words(set));
  if (set.lost_colour > 0) data.notes.push_back(note_of_colours(set, folder));
  if (!set.bad.empty()) data.notes.push_back(note_of_bad(set));
  return data;
}

}  // namespace convoy
