// SPDX-License-Identifier: Apache-2.0
// Gives the library's sources access to what the public types hold.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "convoy/model.hpp"
#include "convoy/predictor.hpp"
#include "convoy/session.hpp"
#include "convoy/stop.hpp"
#include "net/model_file.hpp"
#include "parallel/communicator.hpp"
#include "train/checkpoint.hpp"

namespace convoy {

struct Model::State {
  ModelFile file;
};

struct Session::State {
  std::unique_ptr<Communicator> communicator;
  Parallelism ranks_by = Parallelism::data;
};

namespace detail {

struct Access {
  static const ModelFile& file(const Model& model) { return model.state_->file; }
  static Model model(ModelFile file) {
    return Model(std::make_shared<const Model::State>(Model::State{std::move(file)}));
  }
  static Communicator& communicator(Session& session) { return *session.state_->communicator; }
  static Parallelism ranks_by(const Session& session) { return session.state_->ranks_by; }
  // Null if there is no source.
  static const std::atomic<bool>* requested(const StopSource* source) {
    return source == nullptr ? nullptr : &source->requested_;
  }
  // Computes with the weights that the checkpoint's model says are evaluated.
  static Predictor predictor(Checkpoint checkpoint, int threads);
};

}  // namespace detail
}  // namespace convoy
