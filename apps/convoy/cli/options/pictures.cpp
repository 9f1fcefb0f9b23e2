// SPDX-License-Identifier: Apache-2.0
// The options --test-fraction, --bad-images and --cache of the commands that read data.
#include "cli/help.hpp"
#include "cli/options.hpp"

namespace convoy::app {

void add_picture_options(CLI::App& command, PictureOptions& options) {
  command
      .add_option("--test-fraction", options.test_fraction,
                  "Make this fraction of the pictures test images, chosen by seed and file name; "
                  "for class folders and lists that have no test part")
      ->check(fraction())
      ->type_name("FRACTION")
      ->group(kDataGroup);
  command
      .add_option("--bad-images", options.bad_images,
                  "What pictures that cannot be read do: stop the command, or be left out, each "
                  "one named; default: stop")
      ->check(one_of({"stop", "skip"}))
      ->type_name("stop|skip")
      ->group(kDataGroup);
  add_cache_option(command, options.cache);
}

void add_cache_option(CLI::App& command, std::string& cache) {
  command
      .add_option("--cache", cache,
                  "Folder in which decoded pictures are kept for the next start, or none; default: "
                  "convoy/pictures in $XDG_CACHE_HOME or ~/.cache")
      ->type_name("DIR|none")
      ->group(kDataGroup);
}

void apply(const PictureOptions& options, DataSettings& settings) {
  if (options.test_fraction) settings.test_fraction = *options.test_fraction;
  settings.bad_images = bad_images_from(options.bad_images).value_or(settings.bad_images);
}

}  // namespace convoy::app
