// SPDX-License-Identifier: Apache-2.0
/// @file
/// The processes that train together: one process, or the ranks of an MPI job.
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
  /// How the ranks share the work. All values give the same weights.
  Parallelism ranks_by = Parallelism::data;

  /// The stall timeout in seconds: a rank that shows no progress for this time counts as failed.
  /// The ranks that wait for it throw SystemError(peer), which names it.
  double stall_timeout = 30;
};

/// This process's part in a job. Functions that take a Session are collective: all ranks call them,
/// in the same order, with equal arguments. If the ranks differ in model, data, options or version,
/// all throw a SharedError that names the difference.
///
/// Not thread-safe: one thread may use it at a time. It must outlive the objects made with it.
class Session {
 public:
  /// Makes a job of this process alone.
  static Session alone();

  /// Joins the job of MPI_COMM_WORLD. If the program has not called MPI_Init_thread, this function
  /// calls it, and the end of the session calls MPI_Finalize; otherwise the program finalises MPI
  /// itself. If an exception ends the session, the other ranks learn that this one failed, and none
  /// waits forever. At most one such session exists at a time. Throws UserError(unavailable) in a
  /// build without MPI.
  static Session mpi(const SessionOptions& options = {});

  /// Returns mpi() if a launcher (mpirun, srun) started this process as one of several, else
  /// alone().
  static Session from_launcher(const SessionOptions& options = {});

  ~Session();
  Session(Session&&) noexcept;             ///< Moves; the other may only be destroyed.
  Session& operator=(Session&&) noexcept;  ///< Moves; the other may only be destroyed.

  /// This process's number, from 0 to size() - 1.
  int rank() const;
  /// The number of processes in the job.
  int size() const;
  /// Whether this is rank 0, which reads and writes the run folder and should print.
  bool is_root() const { return rank() == 0; }

 private:
  friend struct detail::Access;
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether this process should print `error`: a SharedError is printed by rank 0 alone, every other
/// error by the process that catches it. Also works after the session has ended. Thread-safe.
bool should_print(const Error& error);

}  // namespace convoy
