// SPDX-License-Identifier: Apache-2.0
#include "convoy/session.hpp"

#include <utility>

#include "api/access.hpp"
#include "convoy/data.hpp"
#include "convoy/version.hpp"
#include "train/shared_data.hpp"

namespace convoy {

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Session Session::alone() {
  return Session(std::make_unique<State>(State{convoy::alone(), Parallelism::data}));
}

Session Session::mpi(const SessionOptions& options) {
  RanksOptions ranks;
  ranks.one_domain = options.ranks_by == Parallelism::tensor;
  ranks.stall_timeout = options.stall_timeout;
  return Session(std::make_unique<State>(State{convoy::mpi(ranks), options.ranks_by}));
}

Session Session::from_launcher(const SessionOptions& options) {
  return announced_ranks() > 1 || lacks_process_manager() ? mpi(options) : alone();
}

int Session::rank() const {
  return state_->communicator->rank();
}

int Session::size() const {
  return state_->communicator->size();
}

bool should_print(const Error& error) {
  return dynamic_cast<const SharedError*>(&error) == nullptr || announced_rank() == 0;
}

TrainAndTest load_data(std::string_view name_or_folder, Session& session) {
  return load_data(name_or_folder, DataOptions(), session);
}

TrainAndTest load_data(std::string_view name_or_folder, const DataOptions& options,
                       Session& session) {
  return load_data(detail::Access::communicator(session), name_or_folder, options);
}

std::string_view version() noexcept {
  return CONVOY_VERSION_STRING;
}

}  // namespace convoy
