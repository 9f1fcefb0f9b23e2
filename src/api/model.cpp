// SPDX-License-Identifier: Apache-2.0
#include "convoy/model.hpp"

#include <utility>

#include "api/access.hpp"

namespace convoy {

using detail::Access;

Model::Model(std::shared_ptr<const State> state) : state_(std::move(state)) {}

const std::string& Model::name() const {
  return state_->file.net.name();
}

Shape Model::input_shape() const {
  return state_->file.net.input();
}

Index Model::outputs() const {
  return state_->file.net.loss().classes;
}

Index Model::parameter_count() const {
  return state_->file.net.parameter_count();
}

Index Model::flops_per_sample() const {
  return state_->file.net.flops_per_sample();
}

Arithmetic Model::arithmetic() const {
  return state_->file.arithmetic;
}

const TrainSettings& Model::settings() const {
  return state_->file.train;
}

const std::string& Model::text() const {
  return state_->file.text;
}

Model Model::with(const std::vector<Override>& overrides) const {
  return parse_model(text(), name(), overrides);
}

Model parse_model(std::string_view text, std::string_view source,
                  const std::vector<Override>& overrides) {
  return Access::model(parse_model_file(text, source, overrides));
}

Model load_model(std::string_view name_or_path, const std::vector<Override>& overrides) {
  return Access::model(load_model_file(name_or_path, overrides));
}

}  // namespace convoy
