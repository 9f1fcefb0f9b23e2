// SPDX-License-Identifier: Apache-2.0
/// @file
/// The processes that train together: one alone, or the ranks of an MPI job.
///
/// @code
/// convoy::Session session = convoy::Session::mpi();          // started as: mpirun -np 4 program
/// const auto data = convoy::load_data("mnist", session);
/// const auto model = convoy::load_model("lenet5");
/// convoy::Observer observer;
/// const auto result = convoy::train(model, data, {}, observer, session);
/// if (session.is_root()) std::printf("%s\n", result.weights_sha256.c_str());
/// @endcode
#pragma once

#include <memory>

#include "convoy/compute.hpp"
#include "convoy/error.hpp"

namespace convoy {

namespace detail {
struct Access;
}

/// How the ranks of a job work together.
struct SessionOptions {
  /// How they share the work. All values give the same weights.
  Parallelism ranks_by = Parallelism::data;

  /// Seconds without a sign of life after which a rank counts as hung. The ranks that wait for it
  /// throw SystemError(peer), which names it.
  double stall_timeout = 30;
};

/// This process's part in a job. Functions that take a Session are collective: all ranks call them,
/// in the same order, with equal arguments; where ranks differ in model, data, options or version,
/// all throw a SharedError that names them.
///
/// Not thread-safe: one thread at a time. It must outlive what was made with it.
class Session {
 public:
  /// A job of this process alone.
  static Session alone();

  /// The job that MPI sees (MPI_COMM_WORLD). Calls MPI_Init_thread where the program has not, and
  /// then MPI_Finalize when the session ends; a program that has called it finalises MPI itself.
  /// Where the session ends by an exception, the other ranks learn that this one failed, and none
  /// waits for ever. At most one at a time. Throws UserError(unavailable) in a build without MPI.
  static Session mpi(const SessionOptions& options = {});

  /// mpi() where a launcher (mpirun, srun) started this process as one of several, else alone().
  static Session from_launcher(const SessionOptions& options = {});

  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// This process's number, from 0 to size() - 1.
  int rank() const;
  /// Processes in the job.
  int size() const;
  /// Rank 0 reads and writes the run folder; it is the one to print.
  bool is_root() const { return rank() == 0; }

 private:
  friend struct detail::Access;
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether this process should print `error`: always, but for a SharedError beyond rank 0. Also
/// after the session has ended. Thread-safe.
bool should_print(const Error& error);

}  // namespace convoy
