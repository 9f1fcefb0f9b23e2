// SPDX-License-Identifier: Apache-2.0
// A first model for a data set, as the text of a model file.
#pragma once

#include <optional>
#include <string>

#include "survey/survey.hpp"

namespace convoy::app {

struct NewModelOptions {
  std::string data;            // as the user gave it, for the comments
  std::string file = {};       // that the text is written to, for the comments; "": NAME.toml
  std::optional<Extent> size;  // of the input; nothing: input_size()
  std::optional<Index> epochs;
  InputFiles keys = {};  // how arrays are stored; written into [input]
};

// The size of the input. Images of arrays keep theirs. For pictures: their size, if all have one
// and no side is over 64; else their median height and width, reduced in proportion until no side
// is over 64, each rounded to a multiple of 8, at least 8.
Extent input_size(const PictureData& data, const Survey& survey);

// The net: blocks of a 3x3 convolution, batch normalisation, ReLU and 2x2 max pool with 32, 64,
// 128, 128 ... filters, until a side is below 8; then dropout and a dense layer. Trained by adamw
// with a cosine schedule for about 200,000 samples, 5 to 50 epochs. Where no image of arrays has
// the label 0, labels are counted from 1. The header has the command that trains it, with the
// options that these data need.
//
// Throws UserError(usage) where options.size is another one than that of arrays.
std::string new_model(const PictureData& data, const Survey& survey,
                      const NewModelOptions& options);

}  // namespace convoy::app
