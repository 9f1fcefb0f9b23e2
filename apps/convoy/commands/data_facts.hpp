// SPDX-License-Identifier: Apache-2.0
// What `convoy info --data` and `convoy new` share: a survey with a progress line, and its text.
#pragma once

#include "cli/output.hpp"
#include "survey/survey.hpp"

namespace convoy::app {

// As survey() with all usable cores; shows its progress on stderr, then a warning for each note of
// the data set and one for the pictures that cannot be read.
Survey survey_with_progress(const PictureData& data);

std::string text_of(const PictureData& data, const Survey& survey);
Json json_of(const PictureData& data, const Survey& survey);

}  // namespace convoy::app
